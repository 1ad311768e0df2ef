#include "protocol/text.h"

#include <stdint.h>
#include <string.h>

#include "protocol/bytes.h"

/* U+FFFD and U+2026 happen to be equally long. */
#define REPLACEMENT "\xEF\xBF\xBD"
#define ELLIPSIS "\xE2\x80\xA6"
#define MARK_LEN 3

static bool is_control(const unsigned char *s)
{
    return s[0] < 0x20 || s[0] == 0x7F || (s[0] == 0xC2 && s[1] < 0xA0);
}

size_t text_count_chars(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0u) != 0x80u;
    return count;
}

bool text_is_clean(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    while (*s != '\0') {
        size_t len = bytes_utf8_len(s, BYTES_UTF8_LEN_MAX);

        if (len == 0 || is_control(s))
            return false;
        s += len;
    }
    return true;
}

size_t text_clean(const char *text, char *out, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t used = 0;
    size_t cut = 0; /* the last place where the ellipsis would still fit */

    while (*s != '\0') {
        size_t len = bytes_utf8_len(s, BYTES_UTF8_LEN_MAX);
        const void *piece = s;
        size_t piece_len = len;

        if (len == 0) {
            piece = REPLACEMENT;
            piece_len = MARK_LEN;
            len = 1;
        } else if (is_control(s)) {
            piece = " ";
            piece_len = 1;
        }
        if (used + piece_len >= size) {
            memcpy(out + cut, ELLIPSIS, MARK_LEN);
            used = cut + MARK_LEN;
            break;
        }
        memcpy(out + used, piece, piece_len);
        used += piece_len;
        if (used + MARK_LEN < size)
            cut = used;
        s += len;
    }
    out[used] = '\0';
    return used;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

size_t text_distance(const char *word, size_t len, const char *name)
{
    size_t row[TEXT_WORD_LEN_MAX + 1];

    if (len > TEXT_WORD_LEN_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= len; i++)
        row[i] = i;
    for (size_t k = 1; name[k - 1] != '\0'; k++) {
        size_t diagonal = row[0];

        row[0] = k;
        for (size_t i = 1; i <= len; i++) {
            size_t above = row[i];
            size_t change = diagonal + (word[i - 1] != name[k - 1]);

            row[i] = smallest(above + 1, row[i - 1] + 1, change);
            diagonal = above;
        }
    }
    return row[len];
}
