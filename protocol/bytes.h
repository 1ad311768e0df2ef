/*
 * Owned bytes with a maximum that is told at birth, and the encodings and
 * hashes that every token needs: base64url without padding (RFC 4648 section
 * 5, as RFC 7515 uses it) and SHA-256.
 */
#ifndef LASTCALL_PROTOCOL_BYTES_H
#define LASTCALL_PROTOCOL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/status.h"

#define BYTES_SHA256_LEN 32
/* base64url of a SHA-256 digest: 43 characters and the NUL. */
#define BYTES_SHA256_TEXT_SIZE 44

/*
 * A growing buffer.  data is NUL-terminated behind len whenever it is not
 * NULL, so that text can be read in place.
 */
struct bytes {
    unsigned char *data; /* owned; NULL when empty */
    size_t len;
    size_t capacity;
    size_t max; /* len never exceeds this */
};

/* Make an empty buffer that will refuse to grow beyond max bytes. */
void bytes_init(struct bytes *bytes, size_t max);

/* Wipe and free the content; the buffer is then as after bytes_init(). */
void bytes_deinit(struct bytes *bytes);

/*
 * Append bytes.
 *
 *   data  may be NULL only with len 0
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE (nothing appended),
 *         LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
bytes_append(struct bytes *bytes, const void *data, size_t len);

/* Append NUL-terminated text without its NUL; errors as bytes_append(). */
LASTCALL_MUST_USE enum lastcall_status bytes_append_text(struct bytes *bytes,
                                                         const char *text);

/* Append formatted text; errors as bytes_append(). */
LASTCALL_MUST_USE enum lastcall_status
bytes_append_format(struct bytes *bytes, const char *format, ...)
    LASTCALL_PRINTF(2, 3);

/*
 * Append the base64url form of some bytes; errors as bytes_append().
 */
LASTCALL_MUST_USE enum lastcall_status
bytes_append_base64url(struct bytes *bytes, const void *data, size_t len);

/*
 * Hand the content to the caller, who frees it, and leave the buffer empty.
 * NULL when nothing was ever appended.
 */
char *bytes_take(struct bytes *bytes);

/*
 * Decode base64url.  Padding, white space, characters outside the alphabet,
 * an impossible length and non-zero trailing bits are refused, so that one
 * value has one spelling.
 *
 *   text, text_len  the encoded form
 *   out             appended to; keep its max in mind
 *
 * Returns LASTCALL_OK, LASTCALL_E_ENCODING, LASTCALL_E_TOO_LARGE,
 *         LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
bytes_decode_base64url(const char *text, size_t text_len, struct bytes *out);

/*
 * Decode base64url of exactly out_len bytes, as strictly as
 * bytes_decode_base64url() and without an allocation.
 *
 *   out  all zero on error
 *
 * Returns LASTCALL_OK, LASTCALL_E_ENCODING (another length included).
 */
LASTCALL_MUST_USE enum lastcall_status
bytes_decode_base64url_exact(const char *text, size_t text_len,
                             unsigned char *out, size_t out_len);

/* Compute SHA-256; LASTCALL_E_INTERNAL when libcrypto fails. */
LASTCALL_MUST_USE enum lastcall_status
bytes_sha256(const void *data, size_t len,
             unsigned char digest[BYTES_SHA256_LEN]);

/* Compute SHA-256 and write it as NUL-terminated base64url. */
LASTCALL_MUST_USE enum lastcall_status
bytes_sha256_text(const void *data, size_t len,
                  char text[BYTES_SHA256_TEXT_SIZE]);

/* No character is longer than this in UTF-8. */
#define BYTES_UTF8_LEN_MAX 4

/*
 * The length of the character of UTF-8 (RFC 3629) that bytes begin with: 1 to
 * BYTES_UTF8_LEN_MAX, or 0 where there is none, and for a NUL.
 *
 *   left  how many bytes there are; in NUL-terminated text it may be
 *         BYTES_UTF8_LEN_MAX throughout, since no character goes past a NUL
 */
size_t bytes_utf8_len(const void *data, size_t left);

/* Say whether bytes are valid UTF-8 (RFC 3629) and hold no NUL. */
bool bytes_is_utf8(const void *data, size_t len);

/* The length of the byte order mark that UTF-8 text begins with, or 0. */
size_t bytes_mark_len(const void *data, size_t len);

/* Say whether bytes begin with the byte order mark of UTF-16, as what Windows
 * PowerShell writes with ">" does. */
bool bytes_is_utf16(const void *data, size_t len);

/* Overwrite memory in a way the compiler may not remove. */
void bytes_wipe(void *data, size_t len);

/*
 * Copy a NUL-terminated text to the heap; NULL in gives NULL out.
 *
 * Returns a text that the caller frees, or NULL (out of memory, or NULL in).
 */
char *bytes_copy_text(const char *text);

#endif
