#include "controller/plan_options.h"

#include <stdio.h>
#include <string.h>

#include "controller/say.h"
#include "controller/select.h"
#include "protocol/io/config.h"
#include "protocol/io/platform.h"
#include "protocol/moment.h"
#include "protocol/text.h"

#define WORD_SIZE 32
/* A plan's token lives longer than the plan, and not longer than hosts take. */
#define PLAN_AHEAD_MAX_MS                                                      \
    ((MAINTENANCE_LIFETIME_S_MAX - INT64_C(86400)) * INT64_C(1000))
#define ID_RANDOM_MAX 0x10000u

enum lastcall_status plan_options_time(const char *text, int64_t now_ms,
                                       int64_t *out_ms)
{
    int64_t ahead_ms = 0;

    if (strcmp(text, "now") == 0) {
        *out_ms = now_ms;
        return LASTCALL_OK;
    }
    if (text[0] != '+')
        return moment_parse(text, out_ms);
    if (config_parse_duration(text + 1, &ahead_ms) != LASTCALL_OK)
        return LASTCALL_E_SYNTAX;
    *out_ms = now_ms + ahead_ms;
    return LASTCALL_OK;
}

static enum lastcall_status refuse(const char *text)
{
    say_error("%s", text);
    return LASTCALL_E_SYNTAX;
}

/* An id that a person can tell from another: the start, and four digits. */
static enum lastcall_status make_id(int64_t starts_ms, struct name *out)
{
    char start[MOMENT_TEXT_SIZE];
    char text[NAME_LEN_MAX + 1];

    moment_format(starts_ms, start);
    snprintf(text, sizeof text, "m-%.4s%.2s%.2s-%.2s%.2s-%04x", start,
             start + 5, start + 8, start + 11, start + 14,
             (unsigned)platform_random_below(ID_RANDOM_MAX));
    return name_parse(text, strlen(text), out);
}

static enum lastcall_status read_id(const struct options *options,
                                    struct maintenance *out)
{
    const char *text = options_value(options, OPTION_PLAN_ID);

    if (text == NULL)
        return make_id(out->starts_ms, &out->id);
    if (name_parse(text, strlen(text), &out->id) == LASTCALL_OK)
        return LASTCALL_OK;
    return refuse("--id is small letters, digits, '.' and '-', at most 63");
}

static enum lastcall_status read_window(const struct options *options,
                                        int64_t now_ms, struct maintenance *out)
{
    const char *at = options_value(options, OPTION_AT);
    int64_t length_ms = 0;
    enum lastcall_status status =
        options_duration_ms(options, OPTION_FOR, 0, &length_ms);

    if (status != LASTCALL_OK)
        return status;
    if (at == NULL || length_ms == 0)
        return refuse("a plan needs --at TIME and --for TIME, such as "
                      "--at +30m --for 2h");
    if (plan_options_time(at, now_ms, &out->starts_ms) != LASTCALL_OK) {
        say_error("--at: \"%s\" is no time", at);
        say_mend("write 2026-11-21T22:00:00Z, now, or +30m");
        return LASTCALL_E_SYNTAX;
    }
    out->ends_ms = out->starts_ms + length_ms;
    if (length_ms > MAINTENANCE_WINDOW_S_MAX * INT64_C(1000))
        return refuse("--for is at most 31d");
    if (out->ends_ms <= now_ms)
        return refuse("that window is over already");
    if (out->ends_ms - now_ms > PLAN_AHEAD_MAX_MS)
        return refuse("a plan is over within 399 days from now");
    return LASTCALL_OK;
}

/* Put a warning where it belongs: the earliest first, none twice. */
static enum lastcall_status add_warning(int64_t warn_s, struct maintenance *out)
{
    size_t at = 0;

    while (at < out->warn_count && out->warn_s[at] > warn_s)
        at++;
    if (at < out->warn_count && out->warn_s[at] == warn_s)
        return LASTCALL_OK;
    if (out->warn_count == MAINTENANCE_WARN_COUNT_MAX)
        return refuse("--warn has too many times");
    memmove(&out->warn_s[at + 1], &out->warn_s[at],
            (out->warn_count - at) * sizeof out->warn_s[0]);
    out->warn_s[at] = warn_s;
    out->warn_count++;
    return LASTCALL_OK;
}

static enum lastcall_status read_warnings(const char *list,
                                          struct maintenance *out)
{
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && *list != '\0') {
        const size_t len = strcspn(list, ",");
        char word[WORD_SIZE];
        int64_t ms = 0;

        snprintf(word, sizeof word, "%.*s", (int)(len < WORD_SIZE ? len : 0),
                 list);
        if (config_parse_duration(word, &ms) != LASTCALL_OK || ms < 1000 ||
            ms > MAINTENANCE_WARN_S_MAX * INT64_C(1000))
            return refuse("--warn is a list of times from 1s to 7d before the "
                          "start, such as 15m,5m,1m");
        status = add_warning(ms / 1000, out);
        list += len + (list[len] == ',');
    }
    return status;
}

static enum lastcall_status read_text(const struct options *options,
                                      enum option_id id, size_t chars_max,
                                      const char *name, char **out)
{
    const char *text = options_value(options, id);
    size_t chars = 0;

    if (text == NULL)
        return LASTCALL_OK;
    chars = bytes_is_utf8(text, strlen(text)) ? text_count_chars(text) : 0;
    if (chars < 1 || chars > chars_max) {
        say_error("%s is 1 to %zu characters of UTF-8", name, chars_max);
        return LASTCALL_E_SYNTAX;
    }
    *out = bytes_copy_text(text);
    return *out == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
}

static enum lastcall_status read_texts(const struct options *options,
                                       struct maintenance *out)
{
    const char *warn = options_value(options, OPTION_WARN);
    enum lastcall_status status =
        read_text(options, OPTION_PLAN_MESSAGE, MAINTENANCE_MESSAGE_CHARS_MAX,
                  "--message", &out->message);

    if (status == LASTCALL_OK)
        status = read_text(options, OPTION_REASON, MAINTENANCE_REASON_CHARS_MAX,
                           "--reason", &out->reason);
    if (status != LASTCALL_OK)
        return status;
    if (warn != NULL && out->message == NULL)
        return refuse("--warn needs --message TEXT: what people are to read");
    if (out->message == NULL)
        return LASTCALL_OK;
    return read_warnings(warn == NULL ? PLAN_WARN_PRESET : warn, out);
}

static enum lastcall_status read_action(const struct options *options,
                                        struct maintenance *out)
{
    const char *text = options_value(options, OPTION_ACTION);

    out->action = ACTION_END;
    if (text == NULL)
        return LASTCALL_OK;
    if (action_parse(text, &out->action) == LASTCALL_OK &&
        (out->action == ACTION_END || out->action == ACTION_STOP ||
         out->action == ACTION_DISCONNECT || out->action == ACTION_LOGOFF))
        return LASTCALL_OK;
    return refuse("--action is end, stop, disconnect or logoff");
}

/* The whole filter is in the plan's where: a plan has no other narrowing. */
static enum lastcall_status read_filter(const struct options *options,
                                        struct maintenance *out)
{
    struct selection selection = {0};
    char error[SELECT_ERROR_SIZE] = "";
    enum lastcall_status status =
        selection_parse(options, SELECT_FILTER, TARGET_ALL, &selection, error);

    if (error[0] != '\0')
        say_error("%s", error);
    if (status == LASTCALL_OK && selection.where != NULL) {
        out->has_where = true;
        out->where = selection.filter;
        selection.filter = (struct filter){0};
    }
    selection_deinit(&selection);
    return status;
}

enum lastcall_status plan_options_read(const struct options *options,
                                       int64_t now_ms, struct maintenance *out)
{
    enum lastcall_status status = LASTCALL_OK;

    *out =
        (struct maintenance){.enforce = options_has(options, OPTION_ENFORCE)};
    status = read_window(options, now_ms, out);
    if (status == LASTCALL_OK)
        status = read_id(options, out);
    if (status == LASTCALL_OK)
        status = read_texts(options, out);
    if (status == LASTCALL_OK)
        status = read_action(options, out);
    if (status == LASTCALL_OK)
        status = read_filter(options, out);
    return status;
}
