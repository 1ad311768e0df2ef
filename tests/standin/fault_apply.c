#include "tests/standin/fault_apply.h"

#include "tests/standin/render.h"
#include "tests/standin/sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a rule gets that does not say. */
enum {
    DEFAULT_DELAY_MS = 1000,
    DEFAULT_DRIBBLE_MS = 1000,
    DEFAULT_DEPTH = 1000,
    DEFAULT_SESSIONS = 100000,
    DEFAULT_HUGE_BYTES = 50 * 1024 * 1024,
    GARBAGE_BYTES = 4096
};

static const char JSON_TYPE[] = "application/json";

static uint64_t number(const json_t *given, const char *name, uint64_t fallback)
{
    const json_t *value = json_object_get(given, name);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return fallback;
    return (uint64_t)json_integer_value(value);
}

static const char *word(const json_t *given, const char *name,
                        const char *fallback)
{
    const char *value = json_string_value(json_object_get(given, name));

    return value != NULL ? value : fallback;
}

static void replace(struct answer *answer, const char *type, const char *body)
{
    answer_body(answer, answer->status != 0 ? answer->status : 200, type, body);
}

static void do_status(const json_t *given, struct answer *answer)
{
    unsigned status = (unsigned)number(given, "status", 500);
    const char *body = word(given, "body", status == 503 ? "xml" : "html");
    const char *retry_after = word(given, "retry_after", NULL);

    if (strcmp(body, "xml") == 0) {
        answer_body(answer, status, "application/xml", "");
        text_printf(&answer->body,
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                    "<Response code=\"%u\" title=\"Maintenance\" "
                    "status=\"Injected fault.\"/>\n",
                    status);
    } else if (strcmp(body, "json") == 0) {
        answer_body(answer, status, JSON_TYPE,
                    "{\"errors\":[{\"message\":\"Injected fault.\"}]}");
    } else if (strcmp(body, "empty") == 0) {
        answer_body(answer, status, NULL, "");
    } else {
        answer_html(answer, status);
    }
    if (retry_after != NULL)
        answer_header(answer, "Retry-After", retry_after);
}

static void do_redirect(const json_t *given, struct answer *answer)
{
    answer_html(answer, (unsigned)number(given, "status", 302));
    answer_header(answer, "Location",
                  word(given, "location", "http://127.0.0.1:9/"));
}

static void do_hang(const json_t *given, struct answer *answer)
{
    (void)given;
    answer->way = ANSWER_HANG;
}

static void do_reset(const json_t *given, struct answer *answer)
{
    (void)given;
    answer->way = ANSWER_RESET;
}

static void do_drop(const json_t *given, struct answer *answer)
{
    (void)given;
    answer->way = ANSWER_DROP;
}

static void do_delay(const json_t *given, struct answer *answer)
{
    answer->delay_ms = number(given, "ms", DEFAULT_DELAY_MS);
}

static void do_dribble(const json_t *given, struct answer *answer)
{
    answer->dribble_ms = number(given, "ms", DEFAULT_DRIBBLE_MS);
    answer->dribble_step = number(given, "bytes", 1);
    if (answer->dribble_step == 0)
        answer->dribble_step = 1;
}

static void end_after(const json_t *given, struct answer *answer,
                      enum answer_end end)
{
    answer->end = end;
    answer->stop_after = number(given, "after_bytes", answer->body.len / 2);
}

static void do_stall(const json_t *given, struct answer *answer)
{
    end_after(given, answer, END_STALL);
}

static void do_reset_body(const json_t *given, struct answer *answer)
{
    end_after(given, answer, END_RESET);
}

static void do_half_close(const json_t *given, struct answer *answer)
{
    end_after(given, answer, END_HALF);
}

static void do_truncated(const json_t *given, struct answer *answer)
{
    end_after(given, answer, END_CUT);
    if (strcmp(word(given, "length", "kept"), "shortened") != 0)
        return;
    answer->end = END_WHOLE;
    if (answer->stop_after < answer->body.len)
        answer->body.len = (size_t)answer->stop_after;
}

static void do_idle_close(const json_t *given, struct answer *answer)
{
    (void)given;
    answer->close_silently = true;
}

static void do_huge(const json_t *given, struct answer *answer)
{
    /* Valid as a whole: only its size can be held against it. */
    replace(answer, JSON_TYPE, "{\"MediaContainer\":{\"size\":0}}");
    answer->padding = number(given, "bytes", DEFAULT_HUGE_BYTES);
    answer->chunked = json_is_true(json_object_get(given, "chunked"));
}

static void do_garbage(const json_t *given, struct answer *answer)
{
    uint64_t random = number(given, "seed", 0) ^ UINT64_C(0x2545f4914f6cdd1d);

    replace(answer, JSON_TYPE, "");
    for (int i = 0; i < GARBAGE_BYTES; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        text_append(&answer->body, &random, 1);
    }
}

static void do_empty(const json_t *given, struct answer *answer)
{
    (void)given;
    replace(answer, JSON_TYPE, "");
}

static void do_null(const json_t *given, struct answer *answer)
{
    (void)given;
    replace(answer, JSON_TYPE, "null");
}

static void do_array(const json_t *given, struct answer *answer)
{
    (void)given;
    replace(answer, JSON_TYPE, "[{\"MediaContainer\":{\"size\":0}}]");
}

static void do_html(const json_t *given, struct answer *answer)
{
    (void)given;
    replace(answer, "text/html",
            "<!DOCTYPE html><html><body>Please log in.</body></html>");
}

static void do_xml(const json_t *given, struct answer *answer)
{
    (void)given;
    replace(answer, "text/xml;charset=utf-8",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<MediaContainer size=\"0\">\n</MediaContainer>\n");
}

static void do_mislabelled(const json_t *given, struct answer *answer)
{
    (void)given;
    answer->type = "text/xml;charset=utf-8";
}

static void do_charset(const json_t *given, struct answer *answer)
{
    (void)given;
    answer->type = "application/json; charset=iso-8859-1";
}

static void do_deep(const json_t *given, struct answer *answer)
{
    uint64_t depth = number(given, "depth", DEFAULT_DEPTH);

    replace(answer, JSON_TYPE, "{\"MediaContainer\":{\"size\":1,\"Metadata\":");
    for (uint64_t i = 0; i < depth; i++)
        text_puts(&answer->body, "[");
    for (uint64_t i = 0; i < depth; i++)
        text_puts(&answer->body, "]");
    text_puts(&answer->body, "}}");
}

static void do_duplicate_keys(const json_t *given, struct answer *answer)
{
    (void)given;
    replace(answer, JSON_TYPE,
            "{\"MediaContainer\":{\"size\":0,\"size\":1,\"Metadata\":[],"
            "\"Metadata\":[{\"type\":\"movie\",\"title\":\"A\",\"title\":"
            "\"B\",\"sessionKey\":\"1\",\"Player\":{\"state\":\"playing\"},"
            "\"Session\":{\"id\":\"one\",\"id\":\"two\"}}]}}");
}

static void do_sessions(const json_t *given, struct answer *answer)
{
    uint64_t count = number(given, "sessions", DEFAULT_SESSIONS);
    json_t *item = sessions_invent(1);

    replace(answer, JSON_TYPE, "");
    text_printf(&answer->body,
                "{\"MediaContainer\":{\"size\":%llu,\"Metadata\":[",
                (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++) {
        char id[RENDER_NUMBER_MAX];
        char *dump;

        (void)snprintf(id, sizeof(id), "crowd%llu", (unsigned long long)i);
        json_object_set_new(item, "sessionKey", json_string(id));
        json_object_set_new(json_object_get(item, "Session"), "id",
                            json_string(id));
        dump = json_dumps(item, JSON_COMPACT);
        text_puts(&answer->body, i != 0 ? "," : "");
        text_puts(&answer->body, dump != NULL ? dump : "null");
        free(dump);
    }
    text_puts(&answer->body, "]}}");
    json_decref(item);
}

/* One session whose title is these bytes, which need not be legal there. */
static void title_bytes(struct answer *answer, const char *bytes, size_t len)
{
    replace(answer, JSON_TYPE,
            "{\"MediaContainer\":{\"size\":1,\"Metadata\":[{\"type\":"
            "\"movie\",\"ratingKey\":\"1\",\"sessionKey\":\"1\",\"Player\":"
            "{\"state\":\"playing\"},\"Session\":{\"id\":\"title-fault\"},"
            "\"title\":\"");
    text_append(&answer->body, bytes, len);
    text_puts(&answer->body, "\"}]}}");
}

static void do_control_chars(const json_t *given, struct answer *answer)
{
    static const char ESCAPED[] = "a\\u0007b\\u001b[31mc\\u0085d\\u202ee\\nf";

    (void)given;
    title_bytes(answer, ESCAPED, sizeof(ESCAPED) - 1);
}

static void do_raw_control_chars(const json_t *given, struct answer *answer)
{
    static const char RAW[] = "a\x07"
                              "b\nc\x1b[31m";

    (void)given;
    title_bytes(answer, RAW, sizeof(RAW) - 1);
}

static void do_nul(const json_t *given, struct answer *answer)
{
    bool escaped = json_is_true(json_object_get(given, "escaped"));

    title_bytes(answer, escaped ? "a\\u0000b" : "a\0b", escaped ? 8 : 3);
}

static void do_invalid_utf8(const json_t *given, struct answer *answer)
{
    static const char BAD[] = "a\xff\xc0\x80\xed\xa0\x80z";

    (void)given;
    title_bytes(answer, BAD, sizeof(BAD) - 1);
}

static void do_bom(const json_t *given, struct answer *answer)
{
    struct text body = {0};

    (void)given;
    text_puts(&body, "\xef\xbb\xbf");
    text_append(&body, text_get(&answer->body), answer->body.len);
    text_deinit(&answer->body);
    answer->body = body;
}

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, c);

    return at != NULL && c != '\0' ? (int)(at - digits) : 0;
}

/* Whatever the test wants, byte by byte. */
static void do_body(const json_t *given, struct answer *answer)
{
    const char *hex = word(given, "hex", "");
    const json_t *headers = json_object_get(given, "headers");
    const char *name;
    json_t *value;

    answer_body(answer, (unsigned)number(given, "status", 200), NULL,
                word(given, "text", ""));
    answer->type_owned = must_strdup(word(given, "type", JSON_TYPE));
    for (size_t i = 0; hex[i] != '\0' && hex[i + 1] != '\0'; i += 2) {
        text_byte(&answer->body,
                  hex_value(hex[i]) * 16 + hex_value(hex[i + 1]));
    }
    json_object_foreach(json_walk(headers), name, value)
    {
        if (json_is_string(value))
            answer_header(answer, name, json_string_value(value));
    }
}

static const struct {
    const char *name;
    enum fault_stage stage;
    void (*apply)(const json_t *given, struct answer *answer);
} FAULTS[] = {
    {"hang", FAULT_CONNECTION, do_hang},
    {"reset", FAULT_CONNECTION, do_reset},
    {"empty_reply", FAULT_CONNECTION, do_drop},
    {"status", FAULT_STATUS, do_status},
    {"redirect", FAULT_STATUS, do_redirect},
    {"body", FAULT_STATUS, do_body},
    {"delay", FAULT_BODY, do_delay},
    {"dribble", FAULT_BODY, do_dribble},
    {"stall", FAULT_BODY, do_stall},
    {"reset_body", FAULT_BODY, do_reset_body},
    {"half_close", FAULT_BODY, do_half_close},
    {"truncated", FAULT_BODY, do_truncated},
    {"idle_close", FAULT_BODY, do_idle_close},
    {"huge", FAULT_BODY, do_huge},
    {"garbage", FAULT_BODY, do_garbage},
    {"empty", FAULT_BODY, do_empty},
    {"null", FAULT_BODY, do_null},
    {"array", FAULT_BODY, do_array},
    {"html", FAULT_BODY, do_html},
    {"xml", FAULT_BODY, do_xml},
    {"mislabelled", FAULT_BODY, do_mislabelled},
    {"charset", FAULT_BODY, do_charset},
    {"deep", FAULT_BODY, do_deep},
    {"duplicate_keys", FAULT_BODY, do_duplicate_keys},
    {"sessions", FAULT_BODY, do_sessions},
    {"control_chars", FAULT_BODY, do_control_chars},
    {"raw_control_chars", FAULT_BODY, do_raw_control_chars},
    {"nul", FAULT_BODY, do_nul},
    {"invalid_utf8", FAULT_BODY, do_invalid_utf8},
    {"bom", FAULT_BODY, do_bom},
};
enum { FAULT_COUNT = sizeof(FAULTS) / sizeof(FAULTS[0]) };

enum fault_stage fault_stage_of(const char *name)
{
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        if (strcmp(FAULTS[i].name, name) == 0)
            return FAULTS[i].stage;
    }
    return FAULT_NONE;
}

void fault_apply(const struct fault *fault, struct answer *answer, double scale)
{
    const char *name = word(fault->given, "fault", "");
    uint64_t before = answer->delay_ms;

    for (size_t i = 0; i < FAULT_COUNT; i++) {
        if (strcmp(FAULTS[i].name, name) == 0)
            FAULTS[i].apply(fault->given, answer);
    }
    if (answer->delay_ms != before) /* else a client model scaled it */
        answer->delay_ms = (uint64_t)((double)answer->delay_ms * scale);
    answer->dribble_ms = (uint64_t)((double)answer->dribble_ms * scale);
}
