/*
 * The Plex port: one request through the steps, in their order.
 *
 *   record -> connection fault -> server state -> status fault -> token ->
 *   route -> body fault
 */
#include "tests/standin/plex_routes.h"
#include "tests/standin/query.h"
#include "tests/standin/standin.h"

#include <microhttpd.h>
#include <string.h>

static const char MAINTENANCE[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<Response code=\"503\" title=\"Maintenance\" status=\"Fictional PMS is "
    "currently running database migrations.\"/>\n";

static bool is_terminate(const struct exchange *exchange)
{
    return strcmp(text_get(&exchange->path), TERMINATE_PATH) == 0;
}

static void enter(struct exchange *exchange)
{
    struct standin *standin = exchange->standin;
    bool leaks = query_names(exchange->query, "X-Plex-Token") ||
                 tokens_leak(&standin->tokens, exchange->uri);

    record_request(&standin->record, exchange, leaks);
    if (is_terminate(exchange))
        standin->record.terminates_count++;
}

static void answer_unavailable(struct exchange *exchange, enum life life,
                               struct answer *answer)
{
    bool writes =
        strcmp(exchange->method, "GET") != 0 || is_terminate(exchange);

    if (life == LIFE_HANG) {
        answer->way = ANSWER_HANG;
    } else if (life != LIFE_STARTING) {
        answer->way = ANSWER_DROP;
    } else if (writes && options_bool(&exchange->standin->options,
                                      "starting_writes_400")) {
        answer_body(answer, 400, "text/plain",
                    "The server is still "
                    "starting up.");
    } else {
        answer_body(answer, 503, "application/xml", MAINTENANCE);
    }
}

/* A terminate that no route has seen is noted all the same. */
static void note_prevented(struct exchange *exchange,
                           const struct answer *answer, const char *result)
{
    unsigned status = answer->way == ANSWER_SEND ? answer->status : 0;

    if (is_terminate(exchange))
        route_note_terminate(exchange, plex_token_class(exchange), status, NULL,
                             result);
}

static void serve(struct exchange *exchange, struct answer *answer)
{
    struct standin *standin = exchange->standin;
    enum life life = lifecycle_now(&standin->life, clock_ms());
    struct fault fault = faults_pick(&standin->faults, exchange->method,
                                     text_get(&exchange->path));
    bool early = fault.stage == FAULT_CONNECTION || fault.stage == FAULT_STATUS;

    sessions_advance(&standin->sessions, clock_ms());
    if (life != LIFE_UP && fault.stage != FAULT_CONNECTION) {
        answer_unavailable(exchange, life, answer);
        note_prevented(exchange, answer, life_name(life));
    } else if (early && !fault.effect) {
        fault_apply(&fault, answer, standin->scale);
        note_prevented(exchange, answer, "fault");
    } else {
        plex_route(exchange, answer);
        if (early)
            answer_deinit(answer); /* done, but not said */
        if (fault.stage != FAULT_NONE)
            fault_apply(&fault, answer, standin->scale);
    }
    fault_deinit(&fault);
}

int plex_handle(struct exchange *exchange)
{
    struct standin *standin = exchange->standin;
    struct answer answer = {0};

    standin_lock(standin);
    enter(exchange);
    serve(exchange, &answer);
    record_status(&standin->record, exchange,
                  answer.way == ANSWER_SEND ? answer.status : 0);
    standin_unlock(standin);
    return answer_send(exchange, &answer);
}
