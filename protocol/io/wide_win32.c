#include "protocol/io/wide_win32.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <windows.h>

wchar_t *wide_from_utf8(const char *text)
{
    wchar_t *wide;
    int units;

    if (text == NULL)
        return NULL;
    units =
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    if (units <= 0)
        return NULL;
    wide = calloc((size_t)units, sizeof(*wide));
    if (wide == NULL)
        return NULL;
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide,
                            units) != units) {
        free(wide);
        return NULL;
    }
    return wide;
}

char *wide_array_to_utf8(const wchar_t *units, size_t count)
{
    size_t len = 0;
    char *text;
    int bytes;

    while (len < count && units[len] != 0)
        len++;
    if (len > INT_MAX)
        return NULL;
    if (len == 0) /* which the call takes for a mistake */
        return calloc(1, 1);
    bytes =
        WideCharToMultiByte(CP_UTF8, 0, units, (int)len, NULL, 0, NULL, NULL);
    if (bytes <= 0)
        return NULL;
    text = calloc((size_t)bytes + 1, 1);
    if (text == NULL)
        return NULL;
    if (WideCharToMultiByte(CP_UTF8, 0, units, (int)len, text, bytes, NULL,
                            NULL) != bytes) {
        free(text);
        return NULL;
    }
    return text;
}

char *wide_to_utf8(const wchar_t *wide)
{
    return wide == NULL ? NULL : wide_array_to_utf8(wide, SIZE_MAX);
}
