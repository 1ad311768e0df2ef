/*
 * The control port: what a test tells the stand-in and asks it.
 */
#include "tests/standin/query.h"
#include "tests/standin/render.h"
#include "tests/standin/standin.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WAIT_DEFAULT_MS = 5000,
    WAIT_MAX_MS = 120000,
    APPLY_MAX_MS = 10000, /* how long main may take to open or close the port */
    GENERATE_MAX = 1000000
};

/* One request to the control port. */
struct control {
    struct exchange *exchange; /* borrowed */
    struct standin *standin;   /* borrowed; its lock is held */
    const char *rest;          /* what the path holds after the route's */
    json_t *body;              /* owned; NULL when there is none */
    struct answer *answer;
};

static void refuse(struct control *control, unsigned status, const char *why)
{
    answer_json(control->answer, status, json_pack("{ss}", "error", why));
}

static void accept_empty(struct control *control)
{
    answer_json(control->answer, 200, json_object());
}

static void wake_main(const struct standin *standin)
{
    ssize_t written = write(standin->wake_fd, "w", 1);

    (void)written; /* a full pipe wakes it as well */
}

static void get_log(struct control *control)
{
    answer_json(control->answer, 200,
                record_entries(&control->standin->record.requests));
}

static void clear_log(struct control *control)
{
    record_clear(&control->standin->record);
    accept_empty(control);
}

static void get_terminations(struct control *control)
{
    answer_json(control->answer, 200,
                record_entries(&control->standin->record.terminations));
}

static void get_counters(struct control *control)
{
    answer_json(control->answer, 200,
                record_counters(&control->standin->record));
}

static void get_sessions(struct control *control)
{
    answer_json(control->answer, 200,
                sessions_describe(&control->standin->sessions));
}

static void add_sessions(struct control *control)
{
    const char *why = "needs a body";
    int added = sessions_add(&control->standin->sessions, control->body, &why);

    if (control->body == NULL || added < 0)
        refuse(control, 400, why);
    else
        answer_json(control->answer, 200, json_pack("{si}", "added", added));
}

static void clear_sessions(struct control *control)
{
    sessions_clear(&control->standin->sessions);
    accept_empty(control);
}

/* /sessions/{sessionKey}: the position, or -1 after it has been answered. */
static long session_named(struct control *control, const char *key)
{
    long at = sessions_find(&control->standin->sessions, key);

    if (at < 0)
        refuse(control, 404, "no such sessionKey");
    return at;
}

static void delete_session(struct control *control)
{
    long at = session_named(control, control->rest);

    if (at < 0)
        return;
    sessions_remove(&control->standin->sessions, (size_t)at);
    accept_empty(control);
}

static void patch_session(struct control *control)
{
    long at = session_named(control, control->rest);
    const char *why = NULL;

    if (at < 0)
        return;
    if (sessions_patch(&control->standin->sessions, (size_t)at, control->body,
                       &why))
        accept_empty(control);
    else
        refuse(control, 400, why);
}

static void swap_session(struct control *control)
{
    const char *slash = strrchr(control->rest, '/');
    const char *when = json_string_value(json_object_get(control->body, "on"));
    struct text key = {0};
    long at;

    if (slash == NULL || strcmp(slash, "/swap") != 0) {
        refuse(control, 404, "no such path");
        return;
    }
    text_append(&key, control->rest, (size_t)(slash - control->rest));
    at = session_named(control, text_get(&key));
    text_deinit(&key);
    if (at < 0)
        return;
    if (sessions_swap(&control->standin->sessions, (size_t)at,
                      when != NULL ? when : "now",
                      json_object_get(control->body, "item")))
        accept_empty(control);
    else
        refuse(control, 400, "on is now, next_list or next_terminate");
}

static void get_faults(struct control *control)
{
    answer_json(control->answer, 200,
                faults_describe(&control->standin->faults));
}

static void add_fault(struct control *control)
{
    json_int_t id = 0;
    const char *why = faults_add(&control->standin->faults, control->body, &id);

    if (why != NULL)
        refuse(control, 400, why);
    else
        answer_json(control->answer, 200, json_pack("{sI}", "id", id));
}

static void clear_faults(struct control *control)
{
    (void)faults_remove(&control->standin->faults, -1);
    standin_release(control->standin);
    accept_empty(control);
}

static void delete_fault(struct control *control)
{
    char *end = NULL;
    long long id = strtoll(control->rest, &end, 10);

    if (*end != '\0' || id <= 0 ||
        !faults_remove(&control->standin->faults, (json_int_t)id)) {
        refuse(control, 404, "no such fault");
        return;
    }
    standin_release(control->standin);
    accept_empty(control);
}

static void get_tokens(struct control *control)
{
    answer_json(control->answer, 200,
                tokens_describe(&control->standin->tokens));
}

static void change_tokens(struct control *control)
{
    const json_t *many = json_object_get(control->body, "tokens");
    const char *why = NULL;
    json_t *one;
    size_t i;

    if (!json_is_array(many)) {
        why = tokens_change(&control->standin->tokens, control->body);
    } else {
        if (json_is_true(json_object_get(control->body, "replace")))
            tokens_deinit(&control->standin->tokens);
        json_array_foreach(json_walk(many), i, one)
        {
            if (why == NULL)
                why = tokens_change(&control->standin->tokens, one);
        }
    }
    if (why != NULL)
        refuse(control, 400, why);
    else
        get_tokens(control);
}

static void get_options(struct control *control)
{
    answer_json(control->answer, 200,
                json_deep_copy(control->standin->options.values));
}

static void change_options(struct control *control)
{
    struct standin *standin = control->standin;
    const json_t *generate = json_object_get(control->body, "generate");
    json_int_t count = json_integer_value(generate);
    const char *wrong;

    if (!json_is_object(control->body) || count < 0 || count > GENERATE_MAX) {
        refuse(control, 400, "needs an object; generate is 0 to 1000000");
        return;
    }
    json_object_del(control->body, "generate");
    wrong = options_change(&standin->options, control->body);
    if (wrong != NULL) {
        refuse(control, 400, wrong);
        return;
    }
    sessions_generate(&standin->sessions, (size_t)count);
    standin->sessions.version++; /* the same sessions may read differently */
    get_options(control);
}

/* Let main open or close the port and wait until it has. */
static void apply_life(struct control *control)
{
    struct standin *standin = control->standin;
    struct lifecycle *life = &standin->life;
    uint64_t deadline = clock_ms() + APPLY_MAX_MS;
    bool in_time = true;

    standin_release(standin);
    (void)pthread_cond_broadcast(&standin->changed);
    wake_main(standin);
    while (in_time && !standin->stopping &&
           (life->cut || life->open != lifecycle_wants_open(life, clock_ms())))
        in_time = standin_wait(standin, deadline);
    if (!in_time)
        refuse(control, 500, "the port did not follow in time");
    else
        answer_json(control->answer, 200,
                    json_pack("{sssb}", "state",
                              life_name(lifecycle_now(life, clock_ms())),
                              "open", life->open));
}

static void get_life(struct control *control)
{
    const struct lifecycle *life = &control->standin->life;

    answer_json(control->answer, 200,
                json_pack("{sssb}", "state",
                          life_name(lifecycle_now(life, clock_ms())), "open",
                          life->open));
}

static void change_life(struct control *control)
{
    struct lifecycle *life = &control->standin->life;
    const char *name =
        json_string_value(json_object_get(control->body, "state"));

    if (name == NULL || !life_of_name(name, &life->state)) {
        refuse(control, 400, "state is up, starting, refuse, hang or abort");
        return;
    }
    life->refuse_until = 0;
    life->starting_until = 0;
    life->empty_until = 0;
    apply_life(control);
}

static uint64_t stage(const struct control *control, const char *name)
{
    const json_t *value = json_object_get(control->body, name);
    json_int_t ms = json_integer_value(value);

    return standin_scaled(control->standin, ms > 0 ? (uint64_t)ms : 0);
}

static void restart(struct control *control)
{
    struct standin *standin = control->standin;
    struct lifecycle *life = &standin->life;
    const json_t *base = json_object_get(control->body, "session_key_base");

    life->state = LIFE_UP;
    life->cut = true;
    life->refuse_until = clock_ms() + stage(control, "refuse_ms");
    life->starting_until = life->refuse_until + stage(control, "starting_ms");
    life->empty_until = life->starting_until + stage(control, "empty_ms");
    sessions_renumber(&standin->sessions,
                      json_is_integer(base) ? (uint64_t)json_integer_value(base)
                                            : 1);
    tokens_rotate_local(&standin->tokens);
    apply_life(control);
}

/* Whether a counter that the query names has not got there yet. */
static bool still_missing(const struct control *control)
{
    const struct record *record = &control->standin->record;
    const struct {
        const char *name;
        uint64_t count;
    } counters[] = {
        {"requests", record->requests_count},
        {"lists", record->lists_count},
        {"terminates", record->terminates_count},
        {"terminations", record->terminations_count},
        {"connections", record->connections_count},
        {"streams", record->streams_count},
        {"streams_open", record->streams_open},
    };

    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        if (counters[i].count <
            query_number(control->exchange->query, counters[i].name, 0))
            return true;
    }
    return false;
}

static void wait_for(struct control *control)
{
    uint64_t ms =
        query_number(control->exchange->query, "timeout_ms", WAIT_DEFAULT_MS);
    uint64_t deadline = clock_ms() + (ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS);
    bool in_time = true;
    json_t *counters;

    while (in_time && !control->standin->stopping && still_missing(control))
        in_time = standin_wait(control->standin, deadline);
    counters = record_counters(&control->standin->record);
    json_object_set_new(counters, "met", json_boolean(!still_missing(control)));
    answer_json(control->answer, still_missing(control) ? 408 : 200, counters);
}

static void order_streams(struct control *control)
{
    const char *why = stream_inject(control->standin, control->body);

    if (why != NULL)
        refuse(control, 400, why);
    else
        accept_empty(control);
}

static const struct {
    const char *method;
    const char *path; /* ends in a slash when something has to follow */
    void (*handle)(struct control *control);
} ROUTES[] = {
    {"GET", "/log", get_log},
    {"DELETE", "/log", clear_log},
    {"GET", "/terminations", get_terminations},
    {"GET", "/counters", get_counters},
    {"GET", "/wait", wait_for},
    {"GET", "/sessions", get_sessions},
    {"POST", "/sessions", add_sessions},
    {"DELETE", "/sessions", clear_sessions},
    {"DELETE", "/sessions/", delete_session},
    {"PATCH", "/sessions/", patch_session},
    {"POST", "/sessions/", swap_session},
    {"GET", "/faults", get_faults},
    {"POST", "/faults", add_fault},
    {"DELETE", "/faults", clear_faults},
    {"DELETE", "/faults/", delete_fault},
    {"GET", "/tokens", get_tokens},
    {"POST", "/tokens", change_tokens},
    {"GET", "/options", get_options},
    {"POST", "/options", change_options},
    {"GET", "/lifecycle", get_life},
    {"POST", "/lifecycle", change_life},
    {"POST", "/restart", restart},
    {"POST", "/stream", order_streams},
};
enum { ROUTE_COUNT = sizeof(ROUTES) / sizeof(ROUTES[0]) };

static bool route_matches(size_t at, const struct control *control)
{
    const char *path = text_get(&control->exchange->path);
    size_t len = strlen(ROUTES[at].path);

    if (strcmp(ROUTES[at].method, control->exchange->method) != 0)
        return false;
    if (ROUTES[at].path[len - 1] != '/')
        return strcmp(path, ROUTES[at].path) == 0;
    return strncmp(path, ROUTES[at].path, len) == 0 && path[len] != '\0';
}

static void route(struct control *control)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!route_matches(i, control))
            continue;
        control->rest =
            text_get(&control->exchange->path) + strlen(ROUTES[i].path);
        ROUTES[i].handle(control);
        return;
    }
    refuse(control, 404, "no such path or method");
}

int control_handle(struct exchange *exchange)
{
    struct answer answer = {0};
    struct control control = {
        .exchange = exchange,
        .standin = exchange->standin,
        .answer = &answer,
    };
    json_error_t error;

    if (exchange->body.len != 0) {
        control.body = json_loadb(exchange->body.data, exchange->body.len,
                                  JSON_DECODE_ANY, &error);
        if (control.body == NULL || exchange->body_too_large) {
            json_decref(control.body);
            answer_json(&answer, 400,
                        json_pack("{ss}", "error",
                                  exchange->body_too_large ? "body too large"
                                                           : error.text));
            return answer_send(exchange, &answer);
        }
    }
    standin_lock(control.standin);
    sessions_advance(&control.standin->sessions, clock_ms());
    route(&control);
    standin_unlock(control.standin);
    json_decref(control.body);
    return answer_send(exchange, &answer);
}
