#include "controller/display.h"

#include <stdint.h>

#define REPLACEMENT "\xEF\xBF\xBD"

struct range {
    uint32_t first, last;
};

/* Characters that take no room: the blocks of combining marks, zero-width
 * spaces and joiners, variation selectors (Unicode general categories Mn, Me
 * and Cf, in coarse runs). */
static const struct range zero_width[] = {
    {0x0300, 0x036F},   {0x0483, 0x0489},   {0x0591, 0x05BD},
    {0x0610, 0x061A},   {0x064B, 0x065F},   {0x06D6, 0x06DC},
    {0x0900, 0x0902},   {0x0E34, 0x0E3A},   {0x0E47, 0x0E4E},
    {0x1AB0, 0x1AFF},   {0x1DC0, 0x1DFF},   {0x200B, 0x200F},
    {0x2060, 0x2064},   {0x20D0, 0x20F0},   {0x302A, 0x302D},
    {0x3099, 0x309A},   {0xFE00, 0xFE0F},   {0xFE20, 0xFE2F},
    {0xFEFF, 0xFEFF},   {0x1F3FB, 0x1F3FF}, {0xE0001, 0xE007F},
    {0xE0100, 0xE01EF},
};

/* Characters that take two columns (East Asian Width W and F, emoji). */
static const struct range double_width[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},
    {0x25FD, 0x25FE},   {0x2614, 0x2615},   {0x2648, 0x2653},
    {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x2705, 0x2705},
    {0x270A, 0x270B},   {0x2728, 0x2728},   {0x274C, 0x274C},
    {0x2753, 0x2755},   {0x2795, 0x2797},   {0x2E80, 0x303E},
    {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
    {0xA000, 0xA4CF},   {0xA960, 0xA97C},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
    {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF},
    {0x1F900, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
};

/* Characters that reorder the text around them, or end the line. */
static const struct range directing[] = {
    {0x061C, 0x061C},
    {0x200E, 0x200F},
    {0x2028, 0x202E},
    {0x2066, 0x2069},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool is_in(const struct range *ranges, size_t count, uint32_t code)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

/* The bytes that a lead byte announces; 0 when it is none. */
static size_t sequence_len(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* Read one character; *len is 1 and the answer false for a stray byte. */
static bool next_code(const char *text, uint32_t *code, size_t *len)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t want = sequence_len(at[0]);

    *len = 1;
    *code = at[0];
    if (want <= 1)
        return want == 1;
    *code = at[0] & (0x7Fu >> want);
    for (size_t i = 1; i < want; i++) {
        if ((at[i] & 0xC0u) != 0x80u)
            return false;
        *code = *code << 6 | (at[i] & 0x3Fu);
    }
    if (!bytes_is_utf8(text, want))
        return false;
    *len = want;
    return true;
}

enum lastcall_status display_append_clean(struct bytes *out, const char *text)
{
    enum lastcall_status status = LASTCALL_OK;
    uint32_t code = 0;
    size_t len = 0;

    for (; *text != '\0' && status == LASTCALL_OK; text += len) {
        bool valid = next_code(text, &code, &len);

        if (!valid || is_in(directing, COUNT_OF(directing), code))
            status = bytes_append_text(out, REPLACEMENT);
        else if (code < 0x20 || (code >= 0x7F && code < 0xA0))
            status = bytes_append_text(out, " ");
        else
            status = bytes_append(out, text, len);
    }
    return status;
}

/* The columns of the first character, and its bytes. */
static size_t first_width(const char *text, size_t *len)
{
    uint32_t code = 0;
    bool valid = next_code(text, &code, len);

    if (valid && is_in(zero_width, COUNT_OF(zero_width), code))
        return 0;
    return valid && is_in(double_width, COUNT_OF(double_width), code) ? 2 : 1;
}

size_t display_width(const char *text)
{
    size_t width = 0;
    size_t len = 0;

    for (; *text != '\0'; text += len)
        width += first_width(text, &len);
    return width;
}

size_t display_fit(const char *text, size_t columns)
{
    size_t fit = 0;
    size_t len = 0;

    for (; text[fit] != '\0'; fit += len) {
        size_t width = first_width(text + fit, &len);

        if (width > columns)
            break;
        columns -= width;
    }
    return fit;
}
