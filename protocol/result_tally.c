#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/result.h"
#include "protocol/text.h"

/* Less room than this would show no word of a reason. */
#define REASON_SIZE_MIN 16

/* A sentence that grows at its end and never beyond its room. */
struct sentence {
    char *text;
    size_t used;
    size_t size;
};

static void say(struct sentence *sentence, const char *format, ...)
    LASTCALL_PRINTF(2, 3);

static void say(struct sentence *sentence, const char *format, ...)
{
    va_list arguments;
    size_t room = sentence->size - sentence->used;
    int written = 0;

    va_start(arguments, format);
    written =
        vsnprintf(sentence->text + sentence->used, room, format, arguments);
    va_end(arguments);
    if (written > 0)
        sentence->used += (size_t)written < room ? (size_t)written : room - 1;
}

/* "ended", and after "would" "end". */
static const char *verb_of(const struct result *result)
{
    static const char *const verbs[ACTION_COUNT][2] = {
        [ACTION_PING] = {"answered for", "answer for"},
        [ACTION_LIST] = {"listed", "list"},
        [ACTION_STOP] = {"ended", "end"},
        [ACTION_DISCONNECT] = {"disconnected", "disconnect"},
        [ACTION_LOGOFF] = {"logged off", "log off"},
        [ACTION_MESSAGE] = {"sent a message to", "send a message to"},
        [ACTION_END] = {"ended", "end"},
    };

    return verbs[result->action][result->dry_run];
}

/* The distinct codes of what failed, in the order of the enumeration. */
static void say_failures(struct sentence *sentence, const struct result *result)
{
    const char *mark = ": ";

    say(sentence, "; %lld %s", (long long)result->failed,
        result->dry_run ? "would fail" : "failed");
    for (int code = 0; code < LASTCALL_WIRE_CODE_COUNT; code++) {
        bool is_there = false;

        for (size_t i = 0; i < result->session_count && !is_there; i++)
            is_there = (int)result->sessions[i].code == code;
        if (!is_there || status_is_success((enum lastcall_status)code))
            continue;
        say(sentence, "%s%s", mark, status_name((enum lastcall_status)code));
        mark = ", ";
    }
}

static void say_sessions(struct sentence *sentence, const struct result *result,
                         int64_t gone)
{
    say(sentence, "%s%s ", result->dry_run ? "would " : "", verb_of(result));
    if (result->succeeded == result->matched)
        say(sentence, "%lld session%s", (long long)result->matched,
            result->matched == 1 ? "" : "s");
    else
        say(sentence, "%lld of %lld session%s", (long long)result->succeeded,
            (long long)result->matched, result->matched == 1 ? "" : "s");
    if (gone > 0)
        say(sentence, ", %lld of them %s already", (long long)gone,
            result->action == ACTION_DISCONNECT ? "gone or disconnected"
                                                : "gone");
    if (result->failed > 0)
        say_failures(sentence, result);
}

/* Why, in the server's own words, which may be of any language. */
static void say_reason(struct sentence *sentence, const char *reason)
{
    if (reason[0] == '\0' || sentence->size - sentence->used < REASON_SIZE_MIN)
        return;
    say(sentence, ": ");
    sentence->used += text_clean(reason, sentence->text + sentence->used,
                                 sentence->size - sentence->used);
}

static void say_servers(struct sentence *sentence, const struct result *result)
{
    for (size_t i = 0; i < result->server_count; i++) {
        const struct server_result *server = &result->servers[i];

        if (status_is_success(server->code))
            continue;
        say(sentence, "%sserver %s: %s", sentence->used > 0 ? "; " : "",
            server->server.text, status_name(server->code));
        say_reason(sentence, server->detail);
    }
}

static enum lastcall_status server_failure(const struct result *result)
{
    for (size_t i = 0; i < result->server_count; i++) {
        if (!status_is_success(result->servers[i].code))
            return result->servers[i].code;
    }
    return LASTCALL_OK;
}

/* The one code for all sessions. */
static enum lastcall_status session_code(const struct result *result)
{
    enum lastcall_status first = LASTCALL_NO_MATCH;
    bool is_one = true;

    if (result->matched > 0)
        first = result->sessions[0].code;
    for (size_t i = 1; i < result->session_count; i++)
        is_one = is_one && result->sessions[i].code == first;
    if (is_one)
        return first;
    return result->failed == 0 ? LASTCALL_OK : LASTCALL_PARTIAL;
}

void result_tally(struct result *result)
{
    struct sentence sentence = {result->detail, 0, sizeof(result->detail)};
    enum lastcall_status server_code = server_failure(result);
    int64_t gone = 0;

    result->matched = (int64_t)result->session_count;
    result->succeeded = 0;
    for (size_t i = 0; i < result->session_count; i++) {
        result->succeeded += status_is_success(result->sessions[i].code);
        gone += result->sessions[i].code == LASTCALL_ALREADY_GONE;
    }
    result->failed = result->matched - result->succeeded;

    if (server_code != LASTCALL_OK)
        result->code = result->succeeded > 0 ? LASTCALL_PARTIAL : server_code;
    else if (result->matched == 0 && result->has_action &&
             result->action == ACTION_PING)
        result->code = LASTCALL_OK; /* asked for no session */
    else
        result->code = session_code(result);

    result->detail[0] = '\0';
    if (result->matched > 0)
        say_sessions(&sentence, result, gone);
    say_servers(&sentence, result);
    if (sentence.used == 0)
        say(&sentence, "%s",
            result->code == LASTCALL_OK ? "here" : status_text(result->code));
}
