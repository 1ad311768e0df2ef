/*
 * Texts of Windows: UTF-16 outside, UTF-8 in all of our code.  What Windows
 * hands out may hold halves of surrogate pairs; what we hand to it may not.
 * Nothing is ever cut.
 */
#ifndef LASTCALL_IO_WIDE_WIN32_H
#define LASTCALL_IO_WIDE_WIN32_H

#include <stddef.h>

/*
 * Make UTF-16 of UTF-8.
 *
 *   text  NUL-terminated; NULL gives NULL
 *
 * Returns a NUL-terminated text that the caller frees, or NULL (not UTF-8,
 *         out of memory, or NULL in).
 */
wchar_t *wide_from_utf8(const char *text);

/*
 * Make UTF-8 of UTF-16; half a surrogate pair becomes U+FFFD.
 *
 *   wide  NUL-terminated; NULL gives NULL
 *
 * Returns a NUL-terminated text that the caller frees, or NULL (out of
 *         memory, or NULL in).
 * Source: WideCharToMultiByte(): without WC_ERR_INVALID_CHARS it replaces
 *         what is not UTF-16.
 */
char *wide_to_utf8(const wchar_t *wide);

/*
 * As wide_to_utf8(), of an array that ends with its first NUL or, where it
 * has none, with its last unit.
 */
char *wide_array_to_utf8(const wchar_t *units, size_t count);

#endif
