#include "protocol/bytes.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#define CAPACITY_FIRST 256

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz"
                             "0123456789-_";

void bytes_init(struct bytes *bytes, size_t max)
{
    *bytes = (struct bytes){.max = max};
}

void bytes_deinit(struct bytes *bytes)
{
    if (bytes->data != NULL)
        bytes_wipe(bytes->data, bytes->len);
    free(bytes->data);
    bytes_init(bytes, bytes->max);
}

/* Make room for extra bytes and the NUL behind them. */
static enum lastcall_status reserve(struct bytes *bytes, size_t extra)
{
    size_t needed, capacity;
    unsigned char *data;

    if (extra > bytes->max - bytes->len || bytes->max == SIZE_MAX)
        return LASTCALL_E_TOO_LARGE;
    needed = bytes->len + extra + 1;
    if (needed <= bytes->capacity)
        return LASTCALL_OK;

    capacity =
        bytes->capacity < CAPACITY_FIRST ? CAPACITY_FIRST : bytes->capacity;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    if (capacity > bytes->max + 1)
        capacity = bytes->max + 1;

    /* Not realloc: it would leave the old content behind, unwiped. */
    data = malloc(capacity);
    if (data == NULL)
        return LASTCALL_E_NOMEM;
    if (bytes->data != NULL) {
        memcpy(data, bytes->data, bytes->len);
        bytes_wipe(bytes->data, bytes->len);
        free(bytes->data);
    }
    bytes->data = data;
    bytes->capacity = capacity;
    bytes->data[bytes->len] = '\0';
    return LASTCALL_OK;
}

enum lastcall_status bytes_append(struct bytes *bytes, const void *data,
                                  size_t len)
{
    enum lastcall_status status;

    if (len == 0)
        return LASTCALL_OK;
    status = reserve(bytes, len);
    if (status != LASTCALL_OK)
        return status;
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
    bytes->data[bytes->len] = '\0';
    return LASTCALL_OK;
}

enum lastcall_status bytes_append_text(struct bytes *bytes, const char *text)
{
    return bytes_append(bytes, text, strlen(text));
}

enum lastcall_status bytes_append_format(struct bytes *bytes,
                                         const char *format, ...)
{
    enum lastcall_status status = reserve(bytes, 0);
    va_list args, again;
    size_t room = 0;
    int len;

    if (status != LASTCALL_OK)
        return status;
    /* The room behind len holds the text and the NUL: see reserve(). */
    room = bytes->capacity - bytes->len;
    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf((char *)bytes->data + bytes->len, room, format, args);
    status = len < 0 ? LASTCALL_E_INTERNAL : reserve(bytes, (size_t)len);
    if (status == LASTCALL_OK && (size_t)len >= room)
        (void)vsnprintf((char *)bytes->data + bytes->len, (size_t)len + 1,
                        format, again);
    if (status == LASTCALL_OK)
        bytes->len += (size_t)len;
    bytes->data[bytes->len] = '\0';
    va_end(again);
    va_end(args);
    return status;
}

/* Encode whole and partial groups of three bytes; returns the end. */
static unsigned char *encode(const unsigned char *in, size_t len,
                             unsigned char *out)
{
    for (; len >= 3; len -= 3, in += 3) {
        *out++ = (unsigned char)digits[in[0] >> 2];
        *out++ = (unsigned char)digits[(in[0] & 3) << 4 | in[1] >> 4];
        *out++ = (unsigned char)digits[(in[1] & 15) << 2 | in[2] >> 6];
        *out++ = (unsigned char)digits[in[2] & 63];
    }
    if (len > 0) {
        unsigned second = len > 1 ? in[1] : 0;

        *out++ = (unsigned char)digits[in[0] >> 2];
        *out++ = (unsigned char)digits[(in[0] & 3u) << 4 | second >> 4];
        if (len > 1)
            *out++ = (unsigned char)digits[(second & 15) << 2];
    }
    return out;
}

enum lastcall_status bytes_append_base64url(struct bytes *bytes,
                                            const void *data, size_t len)
{
    enum lastcall_status status;

    if (len == 0)
        return LASTCALL_OK;
    if (len > SIZE_MAX / 2)
        return LASTCALL_E_TOO_LARGE;
    status = reserve(bytes, len / 3 * 4 + (len % 3 == 0 ? 0 : len % 3 + 1));
    if (status != LASTCALL_OK)
        return status;
    bytes->len =
        (size_t)(encode(data, len, bytes->data + bytes->len) - bytes->data);
    bytes->data[bytes->len] = '\0';
    return LASTCALL_OK;
}

char *bytes_take(struct bytes *bytes)
{
    char *text = (char *)bytes->data;

    bytes_init(bytes, bytes->max);
    return text;
}

/* One more than the value of each digit; 0 for every other character. */
static const unsigned char values[UCHAR_MAX + 1] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,
    ['G'] = 7,  ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12,
    ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18,
    ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
    ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
    ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
    ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
    ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60,
    ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

/* The value of a digit; for other characters more than 63. */
static unsigned digit_value(unsigned char c)
{
    return values[c] - 1u;
}

/* How many bytes text_len digits stand for; false for a remainder of one. */
static bool decoded_len(size_t text_len, size_t *len)
{
    size_t rest = text_len % 4;

    *len = text_len / 4 * 3 + (rest == 0 ? 0 : rest - 1);
    return rest != 1;
}

/* Decode into room for decoded_len() bytes; false when malformed. */
static bool decode(const char *text, size_t text_len, unsigned char *out)
{
    const unsigned char *in = (const unsigned char *)text;
    unsigned a, b, c, d;

    for (; text_len >= 4; text_len -= 4, in += 4) {
        a = digit_value(in[0]);
        b = digit_value(in[1]);
        c = digit_value(in[2]);
        d = digit_value(in[3]);
        if ((a | b | c | d) > 63)
            return false;
        *out++ = (unsigned char)(a << 2 | b >> 4);
        *out++ = (unsigned char)((b & 15) << 4 | c >> 2);
        *out++ = (unsigned char)((c & 3) << 6 | d);
    }
    if (text_len == 0)
        return true;
    a = digit_value(in[0]);
    b = digit_value(in[1]);
    c = text_len == 3 ? digit_value(in[2]) : 0;
    if ((a | b | c) > 63)
        return false;
    *out++ = (unsigned char)(a << 2 | b >> 4);
    if (text_len == 2)
        return (b & 15) == 0;
    *out = (unsigned char)((b & 15) << 4 | c >> 2);
    return (c & 3) == 0;
}

enum lastcall_status bytes_decode_base64url(const char *text, size_t text_len,
                                            struct bytes *out)
{
    enum lastcall_status status;
    size_t len;

    if (!decoded_len(text_len, &len))
        return LASTCALL_E_ENCODING;
    if (len == 0)
        return LASTCALL_OK;
    status = reserve(out, len);
    if (status != LASTCALL_OK)
        return status;
    if (!decode(text, text_len, out->data + out->len)) {
        bytes_wipe(out->data + out->len, len);
        return LASTCALL_E_ENCODING;
    }
    out->len += len;
    out->data[out->len] = '\0';
    return LASTCALL_OK;
}

enum lastcall_status bytes_decode_base64url_exact(const char *text,
                                                  size_t text_len,
                                                  unsigned char *out,
                                                  size_t out_len)
{
    size_t len;

    if (!decoded_len(text_len, &len) || len != out_len ||
        !decode(text, text_len, out)) {
        memset(out, 0, out_len);
        return LASTCALL_E_ENCODING;
    }
    return LASTCALL_OK;
}

enum lastcall_status bytes_sha256(const void *data, size_t len,
                                  unsigned char digest[BYTES_SHA256_LEN])
{
    if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) != 1) {
        memset(digest, 0, BYTES_SHA256_LEN);
        ERR_clear_error();
        return LASTCALL_E_INTERNAL;
    }
    return LASTCALL_OK;
}

enum lastcall_status bytes_sha256_text(const void *data, size_t len,
                                       char text[BYTES_SHA256_TEXT_SIZE])
{
    unsigned char digest[BYTES_SHA256_LEN];
    enum lastcall_status status;

    text[0] = '\0';
    status = bytes_sha256(data, len, digest);
    if (status != LASTCALL_OK)
        return status;
    *encode(digest, sizeof(digest), (unsigned char *)text) = '\0';
    return LASTCALL_OK;
}

/* The table of RFC 3629, section 4, where only the second byte's range
 * depends on the first. */
size_t bytes_utf8_len(const void *data, size_t left)
{
    const unsigned char *in = data;
    unsigned char low = 0x80, high = 0xbf;
    size_t len;

    if (left == 0 || in[0] == 0)
        return 0;
    if (in[0] < 0x80)
        return 1;
    if (in[0] >= 0xc2 && in[0] <= 0xdf)
        len = 2;
    else if ((in[0] & 0xf0) == 0xe0)
        len = 3;
    else if (in[0] >= 0xf0 && in[0] <= 0xf4)
        len = 4;
    else
        return 0;

    if (in[0] == 0xe0)
        low = 0xa0; /* an overlong form */
    else if (in[0] == 0xed)
        high = 0x9f; /* a surrogate */
    else if (in[0] == 0xf0)
        low = 0x90; /* an overlong form */
    else if (in[0] == 0xf4)
        high = 0x8f; /* above U+10FFFF */

    if (left < len || in[1] < low || in[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((in[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

size_t bytes_mark_len(const void *data, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";
    const size_t mark_len = sizeof(mark) - 1;

    return len >= mark_len && memcmp(data, mark, mark_len) == 0 ? mark_len : 0;
}

bool bytes_is_utf16(const void *data, size_t len)
{
    return len >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 ||
                        memcmp(data, "\xfe\xff", 2) == 0);
}

bool bytes_is_utf8(const void *data, size_t len)
{
    const unsigned char *in = data;
    size_t i = 0;

    while (i < len) {
        size_t step = bytes_utf8_len(in + i, len - i);

        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

void bytes_wipe(void *data, size_t len)
{
    if (len > 0)
        OPENSSL_cleanse(data, len);
}

char *bytes_copy_text(const char *text)
{
    size_t size;
    char *copy;

    if (text == NULL)
        return NULL;
    size = strlen(text) + 1;
    copy = malloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}
