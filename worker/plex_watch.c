#include "worker/plex_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/gate.h"
#include "worker/plex_pace.h"

#define MS_PER_S 1000

struct plex_watch {
    const struct server_settings *settings; /* borrowed, as the next four */
    const struct clock *clock;
    struct log *log;
    void (*changed)(void *context);
    void *context;
    struct plex_client *client; /* owned; the thread's */
    pthread_t thread;

    struct gate gate; /* of the next four */
    bool is_closing;
    bool is_nudged;                 /* try now */
    bool wants_token;               /* try if there is another token */
    bool is_denied;                 /* as retry.state says */
    enum lastcall_status list_code; /* of the latest list */

    /* The thread's. */
    struct plex_retry retry;
    struct plex_hints hints;
    struct plex_news news;
    struct sse sse;
};

static int64_t now_ms(const struct plex_watch *watch)
{
    return watch->clock->monotonic_ms(watch->clock->state);
}

/* ---- a stream ---- */

static bool is_event_stream(const struct http_response *response)
{
    static const char type[] = "text/event-stream";
    const size_t len = sizeof(type) - 1;

    return response->status == 200 &&
           strncmp(response->content_type, type, len) == 0 &&
           strchr("; ", response->content_type[len]) != NULL;
}

static void on_event(void *context, const struct sse_event *event)
{
    struct plex_watch *watch = context;
    const int64_t now = now_ms(watch);

    if (plex_retry_hear(&watch->retry, now))
        log_write(watch->log, LOG_LEVEL_INFO, LOG_LIMITED, "STREAM-LIVE",
                  "%s: Plex tells of changes by its event stream",
                  watch->settings->name.text);
    plex_hints_note(&watch->hints, plex_news_take(&watch->news, event), now);
}

/* What was too long to be read may have been news. */
static void on_lost(void *context)
{
    struct plex_watch *watch = context;

    plex_hints_note(&watch->hints, PLEX_NEWS_CHANGED, now_ms(watch));
}

static bool on_begin(void *context, const struct http_response *response)
{
    struct plex_watch *watch = context;
    const int64_t now = now_ms(watch);

    if (!is_event_stream(response))
        return false;
    plex_retry_open(&watch->retry, now);
    plex_hints_note(&watch->hints, PLEX_NEWS_CHANGED, now);
    log_write(watch->log, LOG_LEVEL_DEBUG, LOG_LIMITED, "STREAM-OPEN",
              "%s: event stream begun", watch->settings->name.text);
    return true;
}

static void on_bytes(void *context, const void *data, size_t len)
{
    struct plex_watch *watch = context;
    const struct sse_reader reader = {
        .context = watch,
        .event = on_event,
        .lost = on_lost,
    };

    sse_feed(&watch->sse, data, len, &reader);
}

/* Give the hint that is due; how long until the next. */
static int64_t on_turn(void *context)
{
    struct plex_watch *watch = context;
    int64_t due_ms = 0;

    if (plex_hints_take(&watch->hints, now_ms(watch)))
        watch->changed(watch->context);
    due_ms = plex_hints_due_ms(&watch->hints);
    if (due_ms == PLEX_PACE_NEVER)
        return HTTP_FOREVER_MS;
    due_ms -= now_ms(watch);
    return due_ms > 0 ? due_ms : 0;
}

/* What the end of a stream, or of an attempt at one, means. */
static enum plex_stream judge(enum lastcall_status transport,
                              const struct http_response *response)
{
    if (transport != LASTCALL_OK || is_event_stream(response))
        return PLEX_STREAM_LOST;
    if (response->status == 401 || response->status == 403)
        return PLEX_STREAM_DENIED;
    /* Overload, maintenance, and 400 while Plex is starting: they pass. */
    if (response->status >= 500 || response->status == 429 ||
        response->status == 400)
        return PLEX_STREAM_LOST;
    return PLEX_STREAM_ABSENT;
}

/* Say why there is no stream. */
static enum lastcall_status explain(const struct plex_client *client,
                                    enum lastcall_status transport,
                                    const struct http_response *response,
                                    struct session_outcome *outcome)
{
    if (transport == LASTCALL_OK && is_event_stream(response))
        return plex_outcome(outcome, LASTCALL_SERVER_ERROR,
                            "Plex ended it without a word");
    if (judge(transport, response) == PLEX_STREAM_ABSENT)
        return plex_outcome(outcome, LASTCALL_UNSUPPORTED,
                            "there is none behind url (%ld %.40s); is there a "
                            "proxy before Plex?",
                            response->status, response->content_type);
    return plex_client_explain(client, transport, response, outcome);
}

static void log_end(const struct plex_watch *watch, enum plex_stream state,
                    const struct session_outcome *why)
{
    const char *event = "STREAM-LOST";

    switch (state) {
    case PLEX_STREAM_UNKNOWN:
    case PLEX_STREAM_LIVE:
    case PLEX_STREAM_LOST:
        break;
    case PLEX_STREAM_DENIED:
        event = "STREAM-DENIED";
        break;
    case PLEX_STREAM_ABSENT:
        event = "STREAM-ABSENT";
        break;
    }
    log_write(watch->log, LOG_LEVEL_WARN, LOG_LIMITED, event,
              "%s: no event stream, the sessions are read every %lld s: %s",
              watch->settings->name.text,
              (long long)(watch->settings->sessions_interval_ms / MS_PER_S),
              why->detail);
}

/* Follow the stream until it ends, and settle when to try again. */
static void follow(struct plex_watch *watch)
{
    const struct http_sink sink = {
        .context = watch,
        .silence_ms = PLEX_WATCH_SILENCE_MS,
        .bytes_per_s = PLEX_WATCH_BYTES_PER_S,
        .begin = on_begin,
        .bytes = on_bytes,
        .turn = on_turn,
    };
    struct http_response response;
    struct session_outcome why = {0};
    enum lastcall_status status = LASTCALL_OK;
    enum plex_stream state = PLEX_STREAM_LOST;
    bool was_open = false;

    sse_init(&watch->sse);
    plex_retry_begin(&watch->retry, now_ms(watch));
    status = plex_client_stream(watch->client, &sink, &response);
    if (status == LASTCALL_E_CLOSED)
        goto out;
    state = judge(status, &response);
    explain(watch->client, status, &response, &why);
    was_open = watch->retry.is_open;
    if (plex_retry_end(&watch->retry, state, now_ms(watch),
                       platform_random_below(UINT32_MAX)))
        log_end(watch, state, &why);
    /* Is the server gone, or only its stream? */
    if (was_open)
        plex_hints_note(&watch->hints, PLEX_NEWS_CHANGED, now_ms(watch));

out:
    http_response_deinit(&response);
}

/* ---- between two streams ---- */

/* Look for another token; with the lock held, but for that. */
static void look_for_token(struct plex_watch *watch)
{
    enum plex_token_news news = PLEX_TOKEN_SAME;

    watch->wants_token = false;
    gate_unlock(&watch->gate);
    news = plex_client_renew_token(watch->client);
    gate_lock(&watch->gate);
    if (news == PLEX_TOKEN_CHANGED)
        watch->is_nudged = true;
}

/* Wait for the next attempt; false when it is time to end. */
static bool wait_turn(struct plex_watch *watch)
{
    bool goes_on = true;

    gate_lock(&watch->gate);
    watch->is_denied = watch->retry.state == PLEX_STREAM_DENIED;
    while (!watch->is_closing) {
        int64_t wait_ms = 0;
        int64_t left_ms = 0;

        if (watch->wants_token)
            look_for_token(watch);
        if (watch->is_nudged)
            plex_retry_nudge(&watch->retry, now_ms(watch));
        watch->is_nudged = false;
        left_ms = watch->retry.next_ms - now_ms(watch);
        if (left_ms <= 0)
            break;
        wait_ms = on_turn(watch);
        gate_wait(&watch->gate,
                  wait_ms >= 0 && wait_ms < left_ms ? wait_ms : left_ms);
    }
    goes_on = !watch->is_closing;
    watch->is_denied = false;
    gate_unlock(&watch->gate);
    return goes_on;
}

static void *watch_main(void *argument)
{
    struct plex_watch *watch = argument;

    while (wait_turn(watch))
        follow(watch);
    return NULL;
}

/* ---- from outside ---- */

enum lastcall_status plex_watch_open(const struct backend_surroundings *around,
                                     const struct http_ops *http,
                                     struct plex_watch **out,
                                     struct platform_error *error)
{
    /* Without a log: what this client would say, the other one says. */
    const struct plex_surroundings client = {
        .settings = around->settings,
        .clock = around->clock,
        .http = http,
    };
    struct plex_watch *watch = calloc(1, sizeof(*watch));
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = NULL;
    if (watch == NULL)
        return status;
    watch->settings = around->settings;
    watch->clock = around->clock;
    watch->log = around->log;
    watch->changed = around->changed;
    watch->context = around->changed_context;
    plex_hints_init(&watch->hints);
    status = gate_init(&watch->gate);
    if (status != LASTCALL_OK) {
        free(watch);
        return status;
    }
    status = plex_client_open(&client, &watch->client, error);
    if (status == LASTCALL_OK)
        status = gate_thread_start(&watch->thread, watch_main, watch);
    if (status == LASTCALL_OK) {
        *out = watch;
        return status;
    }
    plex_client_close(watch->client);
    gate_deinit(&watch->gate);
    free(watch);
    return status;
}

void plex_watch_listed(struct plex_watch *watch, enum lastcall_status code)
{
    bool is_news = false;

    if (watch == NULL)
        return;
    gate_lock(&watch->gate);
    if (code == LASTCALL_OK && watch->list_code != LASTCALL_OK)
        watch->is_nudged = true;
    if (watch->is_denied)
        watch->wants_token = true;
    watch->list_code = code;
    is_news = watch->is_nudged || watch->wants_token;
    gate_unlock(&watch->gate);
    if (is_news)
        gate_signal(&watch->gate);
}

void plex_watch_interrupt(struct plex_watch *watch)
{
    if (watch == NULL)
        return;
    gate_lock(&watch->gate);
    watch->is_closing = true;
    gate_unlock(&watch->gate);
    gate_signal(&watch->gate);
    plex_client_interrupt(watch->client);
}

void plex_watch_close(struct plex_watch *watch)
{
    if (watch == NULL)
        return;
    plex_watch_interrupt(watch);
    pthread_join(watch->thread, NULL);
    plex_client_close(watch->client);
    gate_deinit(&watch->gate);
    free(watch);
}

/* ---- asking once ---- */

static bool probe_begin(void *context, const struct http_response *response)
{
    (void)context;
    (void)response;
    return false;
}

static void probe_bytes(void *context, const void *data, size_t len)
{
    (void)context;
    (void)data;
    (void)len;
}

static int64_t probe_turn(void *context)
{
    (void)context;
    return HTTP_FOREVER_MS;
}

enum lastcall_status plex_watch_probe(struct plex_client *client,
                                      struct session_outcome *outcome)
{
    const struct http_sink sink = {
        .silence_ms = (uint32_t)plex_client_timeout_ms(client),
        .begin = probe_begin,
        .bytes = probe_bytes,
        .turn = probe_turn,
    };
    struct http_response response;
    enum lastcall_status status = plex_client_stream(client, &sink, &response);

    if (status == LASTCALL_OK && is_event_stream(&response))
        plex_outcome(outcome, LASTCALL_OK, "%s", "");
    else
        explain(client, status, &response, outcome);
    http_response_deinit(&response);
    return outcome->code;
}
