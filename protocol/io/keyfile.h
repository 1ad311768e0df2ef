/*
 * Keys and tokens in files: PEM read and written, secrets refused when
 * others can read them.
 */
#ifndef LASTCALL_IO_KEYFILE_H
#define LASTCALL_IO_KEYFILE_H

#include "protocol/io/platform.h"
#include "protocol/key.h"
#include "protocol/status.h"

/*
 * Read an Ed25519 private key, PKCS#8 PEM, from a file that only its owner
 * can read.
 *
 *   error  names the file and the mend; may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_KEY (not such a key, or encrypted), and
 *         what platform_read_file() returns.
 * Owner:  the caller calls key_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
keyfile_read_private(const char *path, struct key *out,
                     struct platform_error *error);

/* Read a public key, SPKI PEM; errors as keyfile_read_private(). */
LASTCALL_MUST_USE enum lastcall_status
keyfile_read_public(const char *path, struct key *out,
                    struct platform_error *error);

/*
 * Read whichever half the file holds (`lastcall key show`); a private one
 * must be secret.
 */
LASTCALL_MUST_USE enum lastcall_status
keyfile_read_any(const char *path, struct key *out,
                 struct platform_error *error);

/*
 * Write a new pair: `path` (PKCS#8 PEM, 0600) and `path`.pub (SPKI PEM).
 * Neither is ever overwritten.
 *
 * Returns LASTCALL_OK, LASTCALL_E_EXISTS, LASTCALL_E_PERMISSION,
 *         LASTCALL_E_IO, LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL.
 */
LASTCALL_MUST_USE enum lastcall_status
keyfile_write_pair(const char *path, const struct key *key,
                   struct platform_error *error);

/* Write the public half as SPKI PEM to a new file. */
LASTCALL_MUST_USE enum lastcall_status
keyfile_write_public(const char *path, const struct key *key,
                     struct platform_error *error);

/*
 * Read a text of one line (a token, a password), white space around it
 * and a byte order mark removed.
 *
 *   out  initialised by this function; bytes_deinit() wipes it
 *
 * Returns LASTCALL_OK, LASTCALL_E_SHAPE (empty, or several lines), and what
 *         platform_read_file() returns.
 */
LASTCALL_MUST_USE enum lastcall_status
keyfile_read_line(const char *path, enum file_secrecy secrecy, size_t len_max,
                  struct bytes *out, struct platform_error *error);

#endif
