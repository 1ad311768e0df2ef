#include "tests/unit/case_lines.h"

#include "tests/unit/fake_wts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/bytes.h"

/* 2026-11-21T08:30:00Z as a FILETIME. */
#define NOW_FT INT64_C(134397234000000000)
#define SECOND_FT INT64_C(10000000)

struct fake_wts fake_wts = {
    .watch = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER}};

void fake_wts_reset(void)
{
    watch_lock(&fake_wts.watch);
    memset((char *)&fake_wts + sizeof(fake_wts.watch), 0,
           sizeof(fake_wts) - sizeof(fake_wts.watch));
    fake_wts.computer = "TS01";
    fake_wts.answer = WTS_ANSWER_OK;
    watch_unlock(&fake_wts.watch);
}

struct fake_wts_session *fake_wts_add(uint32_t id, enum wts_state state,
                                      const char *user)
{
    struct fake_wts_session *session =
        &fake_wts.sessions[fake_wts.session_count++];

    assert_true(fake_wts.session_count <= FAKE_WTS_SESSION_MAX);
    *session = (struct fake_wts_session){
        .id = id,
        .state = (int32_t)state,
        .name = state == WTS_STATE_DISCONNECTED ? "" : "RDP-Tcp#1",
        .user = user,
        .domain = user[0] != '\0' ? "CORP" : "",
        .info = {.lock_flags = WTS_LOCK_UNLOCKED,
                 .logon_ft = NOW_FT - 7200 * SECOND_FT,
                 .connect_ft = NOW_FT - 7300 * SECOND_FT,
                 .disconnect_ft = state == WTS_STATE_DISCONNECTED
                                      ? NOW_FT - 600 * SECOND_FT
                                      : 0,
                 .last_input_ft = NOW_FT - 300 * SECOND_FT,
                 .current_ft = NOW_FT},
        .client_name = "LAPTOP7",
        .client_address = "10.1.2.3",
        .protocol = WTS_PROTOCOL_RDP,
    };
    return session;
}

struct fake_wts_session *fake_wts_find(uint32_t id)
{
    for (unsigned i = 0; i < fake_wts.session_count; i++)
        if (fake_wts.sessions[i].id == id)
            return &fake_wts.sessions[i];
    return NULL;
}

void fake_wts_remove(uint32_t id)
{
    struct fake_wts_session *session = fake_wts_find(id);

    if (session == NULL)
        return;
    *session = fake_wts.sessions[--fake_wts.session_count];
}

void fake_wts_hold(enum fake_wts_call call, unsigned count)
{
    watch_lock(&fake_wts.watch);
    fake_wts.holds[call] = count;
    watch_unlock(&fake_wts.watch);
}

void fake_wts_release(void)
{
    watch_lock(&fake_wts.watch);
    memset(fake_wts.holds, 0, sizeof(fake_wts.holds));
    fake_wts.generation++;
    watch_unlock(&fake_wts.watch);
}

void fake_wts_tell(void)
{
    watch_lock(&fake_wts.watch);
    fake_wts.events++;
    watch_unlock(&fake_wts.watch);
}

void fake_wts_await(const unsigned *value, unsigned wanted)
{
    if (!watch_await(&fake_wts.watch, value, wanted, FAKE_WTS_WAIT_MS))
        fail_msg("waited for %u in vain", wanted);
}

/* Count a call, and let it stand if it shall; with the watch locked. */
static void begin(enum fake_wts_call call, uint32_t session)
{
    fake_wts.calls[call]++;
    if (fake_wts.holds[call] > 0) {
        unsigned generation = fake_wts.generation;

        fake_wts.holds[call]--;
        fake_wts.held++;
        pthread_cond_broadcast(&fake_wts.watch.changed);
        while (fake_wts.generation == generation)
            pthread_cond_wait(&fake_wts.watch.changed, &fake_wts.watch.lock);
        fake_wts.held--;
    }
    if (fake_wts.before != NULL)
        fake_wts.before(call, session);
}

static uint32_t end(enum fake_wts_call call, uint32_t error)
{
    fake_wts.ended[call]++;
    watch_unlock(&fake_wts.watch);
    return error;
}

static char *text_or_null(const char *text)
{
    return text[0] != '\0' ? bytes_copy_text(text) : NULL;
}

static uint32_t fake_open(const char *computer, void **server)
{
    watch_lock(&fake_wts.watch);
    fake_wts.opens++;
    snprintf(fake_wts.opened_computer, sizeof(fake_wts.opened_computer), "%s",
             computer != NULL ? computer : "");
    watch_unlock(&fake_wts.watch);
    *server = &fake_wts;
    return WTS_ERROR_NONE;
}

static void fake_close(void *server)
{
    assert_ptr_equal(server, &fake_wts);
    watch_lock(&fake_wts.watch);
    fake_wts.closes++;
    watch_unlock(&fake_wts.watch);
}

static uint32_t fake_enumerate(void *server, struct wts_entries *out)
{
    uint32_t error = WTS_ERROR_NONE;

    assert_ptr_equal(server, &fake_wts);
    *out = (struct wts_entries){0};
    watch_lock(&fake_wts.watch);
    begin(FAKE_WTS_ENUMERATE, 0);
    error = fake_wts.errors[FAKE_WTS_ENUMERATE];
    if (error == WTS_ERROR_NONE && fake_wts.session_count > 0) {
        out->items = calloc(fake_wts.session_count, sizeof(*out->items));
        assert_non_null(out->items);
        for (; out->count < fake_wts.session_count; out->count++) {
            const struct fake_wts_session *from =
                &fake_wts.sessions[out->count];

            out->items[out->count] = (struct wts_entry){
                .id = from->id,
                .state = from->state,
                .session_name = text_or_null(from->name),
                .username = text_or_null(from->cut_user != NULL ? from->cut_user
                                                                : from->user),
                .domain = text_or_null(from->domain),
            };
        }
    }
    return end(FAKE_WTS_ENUMERATE, error);
}

/* The session that is asked about; NULL with *error set. */
static const struct fake_wts_session *asked(enum fake_wts_call call,
                                            uint32_t session, uint32_t *error)
{
    const struct fake_wts_session *found = NULL;

    watch_lock(&fake_wts.watch);
    begin(call, session);
    found = fake_wts_find(session);
    *error = fake_wts.errors[call];
    if (*error == WTS_ERROR_NONE && found == NULL)
        *error = 2;
    else if (*error == WTS_ERROR_NONE)
        *error = found->query_error;
    return *error == WTS_ERROR_NONE ? found : NULL;
}

static uint32_t fake_info(void *server, uint32_t session, struct wts_info *out)
{
    uint32_t error = WTS_ERROR_NONE;
    const struct fake_wts_session *found =
        asked(FAKE_WTS_INFO, session, &error);

    (void)server;
    if (found != NULL) {
        *out = found->info;
        out->state = found->state;
    }
    return end(FAKE_WTS_INFO, error);
}

static uint32_t fake_client(void *server, uint32_t session,
                            struct wts_client *out)
{
    uint32_t error = WTS_ERROR_NONE;
    const struct fake_wts_session *found =
        asked(FAKE_WTS_CLIENT, session, &error);

    (void)server;
    if (found != NULL)
        *out = (struct wts_client){
            .name = text_or_null(found->client_name),
            .address = text_or_null(found->client_address),
            .build = 22621,
            .width = 1920,
            .height = 1080,
            .color_depth = 32,
        };
    return end(FAKE_WTS_CLIENT, error);
}

static uint32_t fake_text(void *server, uint32_t session, enum wts_text which,
                          char **out)
{
    uint32_t error = WTS_ERROR_NONE;
    const struct fake_wts_session *found =
        asked(FAKE_WTS_TEXT, session, &error);

    (void)server;
    *out = NULL;
    if (found != NULL)
        *out = text_or_null(which == WTS_TEXT_USERNAME ? found->user
                                                       : found->domain);
    return end(FAKE_WTS_TEXT, error);
}

static uint32_t fake_protocol(void *server, uint32_t session, uint32_t *out)
{
    uint32_t error = WTS_ERROR_NONE;
    const struct fake_wts_session *found =
        asked(FAKE_WTS_PROTOCOL, session, &error);

    (void)server;
    if (found != NULL)
        *out = found->protocol;
    return end(FAKE_WTS_PROTOCOL, error);
}

/* Begin an act; the session to do it to, or NULL. */
static struct fake_wts_session *act(enum fake_wts_call call, uint32_t session,
                                    uint32_t *error)
{
    struct fake_wts_session *found = NULL;

    watch_lock(&fake_wts.watch);
    begin(call, session);
    fake_wts.last_session = session;
    found = fake_wts_find(session);
    *error = fake_wts.errors[call];
    if (*error == WTS_ERROR_NONE && found == NULL)
        *error = 7022;
    return *error == WTS_ERROR_NONE || fake_wts.happens[call] ? found : NULL;
}

static uint32_t fake_disconnect(void *server, uint32_t session)
{
    uint32_t error = WTS_ERROR_NONE;
    struct fake_wts_session *found = act(FAKE_WTS_DISCONNECT, session, &error);

    (void)server;
    if (found != NULL && !fake_wts.is_slow_to_disconnect)
        found->state = WTS_STATE_DISCONNECTED;
    return end(FAKE_WTS_DISCONNECT, error);
}

static uint32_t fake_logoff(void *server, uint32_t session)
{
    uint32_t error = WTS_ERROR_NONE;

    (void)server;
    if (act(FAKE_WTS_LOGOFF, session, &error) != NULL &&
        !fake_wts.is_slow_to_disconnect)
        fake_wts_remove(session);
    return end(FAKE_WTS_LOGOFF, error);
}

static uint32_t fake_message(void *server, uint32_t session,
                             const struct wts_message *message,
                             uint32_t *answer)
{
    uint32_t error = WTS_ERROR_NONE;

    (void)server;
    (void)act(FAKE_WTS_MESSAGE, session, &error);
    fake_wts.last_style = message->style;
    fake_wts.last_timeout_s = message->timeout_s;
    fake_wts.last_wait = message->wait;
    snprintf(fake_wts.last_title, sizeof(fake_wts.last_title), "%s",
             message->title);
    snprintf(fake_wts.last_text, sizeof(fake_wts.last_text), "%s",
             message->text);
    *answer = message->wait ? fake_wts.answer : WTS_ANSWER_ASYNC;
    return end(FAKE_WTS_MESSAGE, error);
}

static uint32_t fake_wait_event(void *server)
{
    unsigned flushed = 0;
    uint32_t error = WTS_ERROR_NONE;

    (void)server;
    watch_lock(&fake_wts.watch);
    flushed = fake_wts.flushed;
    begin(FAKE_WTS_EVENT, 0);
    pthread_cond_broadcast(&fake_wts.watch.changed);
    error = fake_wts.errors[FAKE_WTS_EVENT];
    while (error == WTS_ERROR_NONE && fake_wts.events == 0 &&
           fake_wts.flushed == flushed)
        pthread_cond_wait(&fake_wts.watch.changed, &fake_wts.watch.lock);
    if (fake_wts.events > 0)
        fake_wts.events--;
    return end(FAKE_WTS_EVENT, error);
}

static void fake_flush(void *server)
{
    (void)server;
    watch_lock(&fake_wts.watch);
    fake_wts.flushes++;
    fake_wts.flushed++;
    watch_unlock(&fake_wts.watch);
}

static uint32_t fake_own_session(uint32_t *out)
{
    *out = fake_wts.own_session;
    return WTS_ERROR_NONE;
}

static void fake_version(char *text, size_t size)
{
    snprintf(text, size, "Windows 10.0.20348");
}

static void fake_computer(char *text, size_t size)
{
    snprintf(text, size, "%s", fake_wts.computer);
}

static bool fake_lock_reversed(void)
{
    return fake_wts.is_lock_reversed;
}

static void fake_error_text(uint32_t error, char *text, size_t size)
{
    snprintf(text, size, error == 5 ? "Access is denied.\r\n" : "");
}

const struct wts_api_ops fake_wts_api_ops = {
    .open = fake_open,
    .close = fake_close,
    .enumerate = fake_enumerate,
    .read_info = fake_info,
    .read_client = fake_client,
    .read_text = fake_text,
    .read_protocol = fake_protocol,
    .disconnect = fake_disconnect,
    .logoff = fake_logoff,
    .send_message = fake_message,
    .wait_event = fake_wait_event,
    .flush_events = fake_flush,
    .own_session = fake_own_session,
    .version_text = fake_version,
    .computer_name = fake_computer,
    .is_lock_reversed = fake_lock_reversed,
    .error_text = fake_error_text,
};

static enum lastcall_status open_fake(const struct backend_surroundings *around,
                                      void **state,
                                      struct platform_error *error)
{
    return backend_wts_open_with(&fake_wts_api_ops, around, state, error);
}

const struct session_backend_ops fake_wts_backend_ops =
    BACKEND_WTS_OPS(open_fake);
