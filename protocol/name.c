#include "protocol/name.h"

#include <string.h>

/* Not <ctype.h>: names must not depend on the locale. */
static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool name_is_valid(const char *text, size_t len)
{
    if (len == 0 || len > NAME_LEN_MAX || !is_lower_or_digit(text[0]))
        return false;
    for (size_t i = 1; i < len; i++) {
        if (!is_lower_or_digit(text[i]) && text[i] != '.' && text[i] != '-')
            return false;
    }
    return true;
}

enum lastcall_status name_parse(const char *text, size_t len, struct name *out)
{
    *out = (struct name){{0}};
    if (!name_is_valid(text, len))
        return LASTCALL_E_SYNTAX;
    memcpy(out->text, text, len);
    return LASTCALL_OK;
}

enum lastcall_status name_parse_lowered(const char *text, size_t len,
                                        struct name *out)
{
    char lowered[NAME_LEN_MAX];

    *out = (struct name){{0}};
    if (len > sizeof(lowered))
        return LASTCALL_E_SYNTAX;
    memcpy(lowered, text, len);
    for (size_t i = 0; i < len; i++)
        if (lowered[i] >= 'A' && lowered[i] <= 'Z')
            lowered[i] = (char)(lowered[i] - 'A' + 'a');
    return name_parse(lowered, len, out);
}

bool request_id_is_valid(const char *text, size_t len)
{
    if (len < REQUEST_ID_LEN_MIN || len > REQUEST_ID_LEN_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_letter(text[i]) && !is_lower_or_digit(text[i]) &&
            text[i] != '_' && text[i] != '-')
            return false;
    }
    return true;
}

enum lastcall_status request_id_parse(const char *text, size_t len,
                                      struct request_id *out)
{
    *out = (struct request_id){{0}};
    if (!request_id_is_valid(text, len))
        return LASTCALL_E_SYNTAX;
    memcpy(out->text, text, len);
    return LASTCALL_OK;
}

static bool is_same_char(char a, char b, enum glob_case fold)
{
    if (a == b)
        return true;
    /* ASCII letters differ from their other case in this bit alone. */
    return fold == GLOB_CASE_IGNORE && is_letter(a) && (a ^ b) == 0x20;
}

bool name_glob(const char *pattern, const char *text, enum glob_case fold)
{
    const char *star = NULL;   /* behind the last '*' */
    const char *resume = NULL; /* where its run of text ends, so far */

    /*
     * On a mismatch only the last '*' takes one character more: whatever an
     * earlier one could give, the last one can take as well.
     */
    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (is_same_char(*pattern, *text, fold)) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
