#include "controller/message.h"

#include <string.h>

#include "controller/say.h"
#include "protocol/message_style.h"
#include "protocol/text.h"

/* Copy a text of 1 to chars_max characters. */
static enum lastcall_status take_text(const char *what, const char *text,
                                      size_t chars_max, char **out)
{
    size_t chars = 0;

    if (!bytes_is_utf8(text, strlen(text))) {
        say_error("%s is not UTF-8", what);
        return LASTCALL_E_SYNTAX;
    }
    chars = text_count_chars(text);
    if (chars < 1 || chars > chars_max) {
        say_error("%s is 1 to %zu characters, not %zu", what, chars_max, chars);
        return LASTCALL_E_SYNTAX;
    }
    *out = bytes_copy_text(text);
    return *out == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
}

static enum lastcall_status read_style(const struct options *options,
                                       struct request *request)
{
    const char *style = options_value(options, OPTION_STYLE);
    struct json_error why = {0};
    uint32_t flags = 0;

    if (style == NULL)
        return LASTCALL_OK;
    if (message_style_parse(style, &flags, &why) != LASTCALL_OK) {
        say_error("--%s", why.text); /* "style knows no ..." */
        return LASTCALL_E_SYNTAX;
    }
    return take_text("--style", style, REQUEST_STYLE_CHARS_MAX,
                     &request->style);
}

static enum lastcall_status read_times(const struct options *options,
                                       struct request *request)
{
    bool waits = options_has(options, OPTION_WAIT);
    int64_t box_ms = 0;
    enum lastcall_status status =
        options_duration_ms(options, OPTION_TIMEOUT_BOX,
                            waits ? MESSAGE_BOX_PRESET_MS : 0, &box_ms);

    if (status == LASTCALL_OK &&
        box_ms > INT64_C(1000) * REQUEST_TIMEOUT_S_MAX) {
        say_error("--timeout-box is at most %ds", REQUEST_TIMEOUT_S_MAX);
        status = LASTCALL_E_SYNTAX;
    }
    request->timeout_s = (box_ms + 999) / 1000;
    request->wait = waits;
    return status;
}

enum lastcall_status message_read(const struct options *options,
                                  struct request *request)
{
    const char *title = options_value(options, OPTION_MESSAGE_TITLE);
    enum lastcall_status status =
        take_text("the text", options->arguments[0], REQUEST_MESSAGE_CHARS_MAX,
                  &request->message);

    if (status == LASTCALL_OK)
        status =
            take_text("--title", title == NULL ? MESSAGE_TITLE_PRESET : title,
                      REQUEST_TITLE_CHARS_MAX, &request->title);
    if (status == LASTCALL_OK)
        status = read_style(options, request);
    if (status == LASTCALL_OK)
        status = read_times(options, request);
    return status;
}

int64_t message_answer_ms(const struct request *request)
{
    if (!request->wait)
        return 0;
    return request->timeout_s * 1000 + MESSAGE_MARGIN_MS;
}
