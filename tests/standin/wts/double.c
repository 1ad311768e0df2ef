#include "tests/standin/wts/double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/standin/wts/rds.h"
#include "tests/standin/wts/rds_private.h"

#define ENUMERATE_LEVEL 1
#define NOMEM_ERROR 8u /* ERROR_NOT_ENOUGH_MEMORY */
#define QUERY "WTSQuerySessionInformationW"

struct machine {
    char *name; /* owned; NULL: this one */
};

static struct rds_call call_of(const struct machine *machine, const char *fn,
                               enum rds_reach reach, uint32_t session)
{
    return (struct rds_call){.fn = fn,
                             .server = machine->name,
                             .reach = reach,
                             .session = session,
                             .class = STATE_ANY};
}

static struct rds_call query_of(const struct machine *machine, uint32_t session,
                                int64_t class)
{
    struct rds_call call = call_of(machine, QUERY, RDS_ANY, session);

    call.class = class;
    return call;
}

/* NULL and "" are both what NULL stands for; false: no memory. */
static bool copy_text(const char *text, char **out)
{
    *out = NULL;
    if (text == NULL || text[0] == '\0')
        return true;
    *out = malloc(strlen(text) + 1);
    if (*out != NULL)
        memcpy(*out, text, strlen(text) + 1);
    return *out != NULL;
}

static uint32_t double_open(const char *computer, void **server)
{
    struct machine *machine = calloc(1, sizeof(*machine));

    *server = NULL;
    if (machine == NULL || !copy_text(computer, &machine->name)) {
        free(machine);
        return NOMEM_ERROR;
    }
    *server = machine;
    return WTS_ERROR_NONE;
}

static void double_close(void *server)
{
    struct machine *machine = server;

    if (machine == NULL)
        return;
    free(machine->name);
    free(machine);
}

/* ---- reading ---- */

static bool add_entry(const struct state_session *session,
                      struct wts_entries *out)
{
    struct wts_entry *entry = &out->items[out->count];

    *entry = (struct wts_entry){.id = (uint32_t)session->id,
                                .state = (int32_t)session->state};
    out->count++;
    return copy_text(session->name, &entry->session_name) &&
           copy_text(session->user, &entry->username) &&
           copy_text(session->domain, &entry->domain);
}

struct listing {
    const char *server;
    struct wts_entries *out;
};

static bool is_on(const struct state_session *session, const char *server)
{
    if (session->server == NULL || server == NULL)
        return session->server == server;
    return strcmp(session->server, server) == 0;
}

static uint32_t act_enumerate(struct rds_scene *scene, void *context)
{
    const struct listing *listing = context;
    const struct state *state = scene->state;

    if (scene->quirk.nullptr_ != 0 ||
        (scene->quirk.level != 0 && scene->quirk.level != ENUMERATE_LEVEL))
        return WTS_ERROR_UNKNOWN;
    listing->out->items =
        calloc(state->sessions.count + 1, sizeof(*listing->out->items));
    if (listing->out->items == NULL)
        return NOMEM_ERROR;
    for (size_t i = 0; i < state->sessions.count; i++) {
        const struct state_session *session = state_session_at(state, i);

        if (is_on(session, listing->server) &&
            !add_entry(session, listing->out))
            return NOMEM_ERROR;
    }
    return RDS_OK;
}

static uint32_t double_enumerate(void *server, struct wts_entries *out)
{
    const struct machine *machine = server;
    struct rds_call call =
        call_of(machine, "WTSEnumerateSessionsExW", RDS_MACHINE, 0);
    struct listing listing = {machine->name, out};
    uint32_t error;

    *out = (struct wts_entries){0};
    error = rds_call(&call, act_enumerate, &listing);
    if (error != WTS_ERROR_NONE)
        wts_entries_deinit(out);
    return error;
}

/* A reply without a structure, or with less of one than is needed. */
static bool is_short(const struct rds_scene *scene)
{
    return scene->quirk.nullptr_ != 0 || scene->quirk.bytes >= 0;
}

static uint32_t act_read_info(struct rds_scene *scene, void *context)
{
    const struct state_session *session = scene->session;
    struct wts_info *out = context;

    if (is_short(scene) || scene->quirk.level > 1)
        return WTS_ERROR_UNKNOWN;
    *out = (struct wts_info){
        .state = (int32_t)session->state,
        .lock_flags = rds_lock_flag(scene->state, session),
        .logon_ft = session->logon_ft,
        .connect_ft = session->connect_ft,
        .disconnect_ft = session->disc_ft,
        .last_input_ft = session->input_ft,
        .current_ft = scene->now_ft,
    };
    return RDS_OK;
}

static uint32_t double_read_info(void *server, uint32_t session,
                                 struct wts_info *out)
{
    struct rds_call call = query_of(server, session, RDS_SESSION_INFO_EX);
    uint32_t error;

    *out = (struct wts_info){0};
    error = rds_call(&call, act_read_info, out);
    if (error != RDS_INVALID_PARAMETER && error != RDS_NOT_SUPPORTED)
        return error;
    call.class = RDS_SESSION_INFO;
    error = rds_call(&call, act_read_info, out);
    if (error == WTS_ERROR_NONE)
        out->lock_flags = WTS_LOCK_UNKNOWN;
    return error;
}

static uint32_t act_read_client(struct rds_scene *scene, void *context)
{
    const struct state_session *session = scene->session;
    struct wts_client *out = context;

    if (is_short(scene))
        return WTS_ERROR_UNKNOWN;
    out->build = (uint32_t)session->build;
    out->width = (uint32_t)session->width;
    out->height = (uint32_t)session->height;
    out->color_depth = (uint32_t)session->depth;
    return copy_text(session->client, &out->name) &&
                   copy_text(session->addr, &out->address) &&
                   copy_text(session->dir, &out->directory)
               ? RDS_OK
               : NOMEM_ERROR;
}

static uint32_t double_read_client(void *server, uint32_t session,
                                   struct wts_client *out)
{
    struct rds_call call = query_of(server, session, RDS_CLIENT_INFO);
    uint32_t error;

    *out = (struct wts_client){0};
    error = rds_call(&call, act_read_client, out);
    if (error != WTS_ERROR_NONE)
        wts_client_deinit(out);
    return error;
}

struct text_wanted {
    enum wts_text which;
    char **out;
};

static uint32_t act_read_text(struct rds_scene *scene, void *context)
{
    const struct text_wanted *wanted = context;
    const char *text = wanted->which == WTS_TEXT_USERNAME
                           ? scene->session->user
                           : scene->session->domain;

    if (is_short(scene))
        text = NULL;
    return copy_text(text, wanted->out) ? RDS_OK : NOMEM_ERROR;
}

static uint32_t double_read_text(void *server, uint32_t session,
                                 enum wts_text which, char **out)
{
    struct rds_call call =
        query_of(server, session,
                 which == WTS_TEXT_USERNAME ? RDS_USER_NAME : RDS_DOMAIN_NAME);
    struct text_wanted wanted = {which, out};

    *out = NULL;
    return rds_call(&call, act_read_text, &wanted);
}

static uint32_t act_read_protocol(struct rds_scene *scene, void *context)
{
    uint32_t *out = context;

    if (is_short(scene))
        return WTS_ERROR_UNKNOWN;
    *out = (uint32_t)scene->session->proto;
    return RDS_OK;
}

static uint32_t double_read_protocol(void *server, uint32_t session,
                                     uint32_t *out)
{
    struct rds_call call = query_of(server, session, RDS_CLIENT_PROTOCOL);

    *out = 0;
    return rds_call(&call, act_read_protocol, out);
}

/* ---- acting ---- */

static uint32_t double_disconnect(void *server, uint32_t session)
{
    struct rds_call call =
        call_of(server, "WTSDisconnectSession", RDS_USERS, session);

    call.is_waited = true;
    return rds_disconnect(&call);
}

static uint32_t double_logoff(void *server, uint32_t session)
{
    struct rds_call call =
        call_of(server, "WTSLogoffSession", RDS_USERS, session);

    return rds_logoff(&call);
}

static uint32_t double_send_message(void *server, uint32_t session,
                                    const struct wts_message *message,
                                    uint32_t *answer)
{
    struct rds_call call =
        call_of(server, "WTSSendMessageW", RDS_USERS, session);
    struct rds_box box = {.title = message->title,
                          .text = message->text,
                          .style = message->style,
                          .timeout_s = message->timeout_s};
    uint32_t error;

    call.is_waited = message->wait;
    error = rds_send_message(&call, &box);
    *answer = box.answer;
    return error;
}

static uint32_t double_wait_event(void *server)
{
    struct rds_call call =
        call_of(server, "WTSWaitSystemEvent", RDS_MACHINE, 0);
    uint32_t events;

    return rds_wait_event(&call, RDS_EVENT_ALL, &events);
}

static void double_flush_events(void *server)
{
    (void)server;
    rds_flush();
}

/* ---- the machine ---- */

static bool read_host(struct state *out)
{
    unsigned count = 0;

    return rds_load(out, &count) == RDS_OK;
}

static uint32_t double_own_session(uint32_t *out)
{
    struct state state;

    *out = 0;
    if (!read_host(&state))
        return RDS_INVALID_DATA;
    *out = (uint32_t)state.host.own;
    state_deinit(&state);
    return WTS_ERROR_NONE;
}

static void double_version_text(char *text, size_t size)
{
    snprintf(text, size, "Windows 10.0.20348");
}

static void double_computer_name(char *text, size_t size)
{
    struct state state;

    if (read_host(&state) && state.host.name != NULL)
        snprintf(text, size, "%s", state.host.name);
    else if (gethostname(text, size) != 0)
        snprintf(text, size, "localhost");
    text[size - 1] = '\0';
    state_deinit(&state);
}

static bool double_is_lock_reversed(void)
{
    struct state state;
    bool is_reversed = read_host(&state) && state.host.reversed != 0;

    state_deinit(&state);
    return is_reversed;
}

static void double_error_text(uint32_t error, char *text, size_t size)
{
    static const struct {
        uint32_t error;
        const char *text;
    } texts[] = {
        {2, "The system cannot find the file specified."},
        {5, "Access is denied."},
        {87, "The parameter is incorrect."},
        {1722, "The RPC server is unavailable."},
        {7022, "The session is not there."},
    };

    snprintf(text, size, "Windows error %lu.", (unsigned long)error);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].error == error)
            snprintf(text, size, "%s", texts[i].text);
}

const struct wts_api_ops wts_api_double = {
    .open = double_open,
    .close = double_close,
    .enumerate = double_enumerate,
    .read_info = double_read_info,
    .read_client = double_read_client,
    .read_text = double_read_text,
    .read_protocol = double_read_protocol,
    .disconnect = double_disconnect,
    .logoff = double_logoff,
    .send_message = double_send_message,
    .wait_event = double_wait_event,
    .flush_events = double_flush_events,
    .own_session = double_own_session,
    .version_text = double_version_text,
    .computer_name = double_computer_name,
    .is_lock_reversed = double_is_lock_reversed,
    .error_text = double_error_text,
};
