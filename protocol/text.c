#include "protocol/text.h"

#include <string.h>

/* U+FFFD and U+2026 happen to be equally long. */
#define REPLACEMENT "\xEF\xBF\xBD"
#define ELLIPSIS "\xE2\x80\xA6"
#define MARK_LEN 3

/* The shapes of RFC 3629, section 4: the second byte's range excludes long
 * spellings, surrogates and what lies beyond U+10FFFF. */
struct utf8_shape {
    unsigned char first_min, first_max;
    unsigned char second_min, second_max;
    unsigned char len;
};

static const struct utf8_shape shapes[] = {
    {0x01, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2},
    {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4},
    {0xF4, 0xF4, 0x80, 0x8F, 4},
};

/* The length of the character at s, or 0 when there is none.  The NUL at the
 * end stops it, since no shape continues with one. */
static size_t char_len(const unsigned char *s)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const struct utf8_shape *shape = &shapes[i];

        if (s[0] < shape->first_min || s[0] > shape->first_max)
            continue;
        if (shape->len > 1 &&
            (s[1] < shape->second_min || s[1] > shape->second_max))
            return 0;
        for (size_t k = 2; k < shape->len; k++) {
            if ((s[k] & 0xC0u) != 0x80u)
                return 0;
        }
        return shape->len;
    }
    return 0;
}

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
        size_t len = char_len(s);

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
        size_t len = char_len(s);
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
