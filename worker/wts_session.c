#include "worker/wts_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/moment.h"

#define FILETIME_PER_MS 10000
#define FILETIME_PER_S 10000000
/* From 1601 to 1970. */
#define FILETIME_UNIX_EPOCH_MS INT64_C(11644473600000)
/* "4294967295" and the NUL. */
#define ID_TEXT_SIZE 11

/* No screen is wider, and no colour deeper; more is noise. */
#define CLIENT_COLOR_DEPTH_MAX 64

static const char *const state_names[] = {
    [WTS_STATE_ACTIVE] = "active",
    [WTS_STATE_CONNECTED] = "connected",
    [WTS_STATE_CONNECT_QUERY] = "connect_query",
    [WTS_STATE_SHADOW] = "shadow",
    [WTS_STATE_DISCONNECTED] = "disconnected",
    [WTS_STATE_IDLE] = "idle",
    [WTS_STATE_LISTEN] = "listen",
    [WTS_STATE_RESET] = "reset",
    [WTS_STATE_DOWN] = "down",
    [WTS_STATE_INIT] = "init",
};

static const char *const protocol_names[] = {
    [WTS_PROTOCOL_CONSOLE] = "console",
    [WTS_PROTOCOL_ICA] = "citrix",
    [WTS_PROTOCOL_RDP] = "rdp",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *wts_state_name(int32_t state)
{
    if (state < 0 || (size_t)state >= COUNT(state_names))
        return "unknown";
    return state_names[state];
}

bool wts_state_has_client(int32_t state)
{
    return state == WTS_STATE_ACTIVE || state == WTS_STATE_CONNECTED ||
           state == WTS_STATE_CONNECT_QUERY || state == WTS_STATE_SHADOW;
}

bool wts_state_has_facts(int32_t state)
{
    return wts_state_has_client(state) || state == WTS_STATE_DISCONNECTED;
}

const char *wts_session_obstacle(const struct wts_host *host, uint32_t id,
                                 int32_t state)
{
    if (id == WTS_SESSION_CURRENT)
        return "4294967295 means the worker's own session";
    if (id >= WTS_SESSION_LISTENER_FIRST)
        return "it is a listener and nobody's session";
    if (id == 0)
        return "session 0 is that of the services";
    if (id == host->own_session)
        return "it is the session that the worker itself runs in";
    if (state == WTS_STATE_LISTEN)
        return "it is a listener and nobody's session";
    if (state == WTS_STATE_IDLE || state == WTS_STATE_INIT)
        return "it waits for somebody and is nobody's session yet";
    if (state == WTS_STATE_DOWN || state == WTS_STATE_RESET)
        return "it is being ended already";
    return NULL;
}

bool wts_session_id_parse(const char *text, uint32_t *out)
{
    uint64_t id = 0;
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len >= ID_TEXT_SIZE || text[len] != '\0' ||
        (text[0] == '0' && len > 1))
        return false;
    for (; *text != '\0'; text++)
        id = id * 10 + (uint64_t)(*text - '0');
    if (id >= WTS_SESSION_CURRENT)
        return false;
    *out = (uint32_t)id;
    return true;
}

/* One of them does not say. */
static bool is_silent(const struct session *a, const struct session *b,
                      enum session_field field)
{
    return a->fields[field].kind == VALUE_NULL ||
           b->fields[field].kind == VALUE_NULL;
}

enum session_field wts_session_difference(const struct session *a,
                                          const struct session *b)
{
    static const enum session_field fields[] = {
        SESSION_USERNAME, SESSION_DOMAIN, SESSION_LOGON_TIME};

    for (size_t i = 0; i < COUNT(fields); i++) {
        enum session_field field = fields[i];

        if (field == SESSION_LOGON_TIME && is_silent(a, b, field))
            continue;
        if (session_value_order(&a->fields[field], &b->fields[field]) !=
            SESSION_SAME)
            return field;
    }
    return SESSION_FIELD_COUNT;
}

/* A time as text.  Servers have been seen to send times before 1970 and in
 * the year 30828: null, as is 0, "not set". */
static enum lastcall_status set_time(struct session *out,
                                     enum session_field field, int64_t filetime)
{
    char text[MOMENT_TEXT_SIZE];
    int64_t unix_ms = filetime / FILETIME_PER_MS - FILETIME_UNIX_EPOCH_MS;

    if (filetime <= 0 || unix_ms < 0 || unix_ms > MOMENT_MS_MAX)
        return LASTCALL_OK;
    moment_format(unix_ms, text);
    return session_set_text(out, field, text);
}

/* How long nobody touched anything, by the clock of the server alone. */
static void set_idle(struct session *out, const struct wts_info *info)
{
    if (info->last_input_ft <= 0 || info->current_ft <= 0)
        return;
    session_set_integer(out, SESSION_IDLE_S,
                        info->current_ft <= info->last_input_ft
                            ? 0
                            : (info->current_ft - info->last_input_ft) /
                                  FILETIME_PER_S);
}

static void set_lock(struct session *out, const struct wts_info *info,
                     const struct wts_host *host)
{
    int32_t locked =
        host->is_lock_reversed ? WTS_LOCK_UNLOCKED : WTS_LOCK_LOCKED;

    if (info->lock_flags == WTS_LOCK_LOCKED ||
        info->lock_flags == WTS_LOCK_UNLOCKED)
        session_set_bool(out, SESSION_IS_LOCKED, info->lock_flags == locked);
}

static enum lastcall_status set_info(struct session *out,
                                     const struct wts_info *info,
                                     const struct wts_facts *facts,
                                     const struct wts_host *host)
{
    enum lastcall_status status = LASTCALL_OK;

    if (info == NULL)
        return LASTCALL_OK;
    set_idle(out, info);
    set_lock(out, info, host);
    status = set_time(out, SESSION_LOGON_TIME, info->logon_ft);
    if (status == LASTCALL_OK)
        status = set_time(out, SESSION_STARTED_AT, info->logon_ft);
    if (status == LASTCALL_OK)
        status = set_time(out, SESSION_LAST_INPUT_TIME, info->last_input_ft);
    if (status == LASTCALL_OK)
        status = set_time(out, SESSION_CONNECT_TIME, info->connect_ft);
    /* Of a session that came back it is that of the time before. */
    if (status == LASTCALL_OK && facts->entry->state == WTS_STATE_DISCONNECTED)
        status = set_time(out, SESSION_DISCONNECT_TIME, info->disconnect_ft);
    return status;
}

static enum lastcall_status set_client(struct session *out,
                                       const struct wts_client *client)
{
    enum lastcall_status status = LASTCALL_OK;

    if (client == NULL)
        return LASTCALL_OK;
    if (client->build != 0)
        session_set_integer(out, SESSION_CLIENT_BUILD, client->build);
    if (client->width != 0 && client->height != 0) {
        session_set_integer(out, SESSION_CLIENT_WIDTH, client->width);
        session_set_integer(out, SESSION_CLIENT_HEIGHT, client->height);
    }
    if (client->color_depth != 0 &&
        client->color_depth <= CLIENT_COLOR_DEPTH_MAX)
        session_set_integer(out, SESSION_CLIENT_COLOR_DEPTH,
                            client->color_depth);
    status = session_set_text(out, SESSION_CLIENT_NAME, client->name);
    if (status == LASTCALL_OK)
        status = session_set_text(out, SESSION_CLIENT_ADDRESS, client->address);
    if (status == LASTCALL_OK)
        status =
            session_set_text(out, SESSION_CLIENT_DIRECTORY, client->directory);
    return status;
}

static enum lastcall_status set_protocol(struct session *out,
                                         const uint32_t *protocol)
{
    if (protocol == NULL || *protocol >= COUNT(protocol_names))
        return LASTCALL_OK;
    session_set_bool(out, SESSION_IS_LOCAL, *protocol == WTS_PROTOCOL_CONSOLE);
    return session_set_text(out, SESSION_PROTOCOL, protocol_names[*protocol]);
}

/* Null and not "", which Windows uses for both. */
static enum lastcall_status set_name(struct session *out,
                                     enum session_field field,
                                     const char *first, const char *second)
{
    const char *text = first != NULL && first[0] != '\0' ? first : second;

    return session_set_text(out, field,
                            text != NULL && text[0] != '\0' ? text : NULL);
}

static enum lastcall_status set_names(struct session *out,
                                      const struct wts_facts *facts,
                                      const struct wts_host *host)
{
    const struct wts_entry *entry = facts->entry;
    char id[ID_TEXT_SIZE];
    enum lastcall_status status = LASTCALL_OK;

    snprintf(id, sizeof(id), "%" PRIu32, entry->id);
    status = session_set_text(out, SESSION_ID, id);
    if (status == LASTCALL_OK)
        status = session_set_text(out, SESSION_SERVER, host->server);
    if (status == LASTCALL_OK)
        status = session_set_text(out, SESSION_BACKEND, "wts");
    if (status == LASTCALL_OK)
        status =
            session_set_text(out, SESSION_STATE, wts_state_name(entry->state));
    if (status == LASTCALL_OK)
        status = session_set_text(out, SESSION_COMPUTER_NAME, host->computer);
    if (status == LASTCALL_OK)
        status = set_name(out, SESSION_SESSION_NAME, entry->session_name, NULL);
    if (status == LASTCALL_OK)
        status =
            set_name(out, SESSION_USERNAME, facts->username, entry->username);
    if (status == LASTCALL_OK)
        status = set_name(out, SESSION_DOMAIN, facts->domain, entry->domain);
    return status;
}

enum lastcall_status wts_session_make(const struct wts_host *host,
                                      const struct wts_facts *facts,
                                      struct session *out)
{
    const struct wts_entry *entry = facts->entry;
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct session){0};
    session_set_bool(out, SESSION_ENDABLE,
                     wts_session_obstacle(host, entry->id, entry->state) ==
                         NULL);
    status = set_names(out, facts, host);
    if (status == LASTCALL_OK)
        status = set_info(out, facts->info, facts, host);
    if (status == LASTCALL_OK)
        status = set_client(out, facts->client);
    if (status == LASTCALL_OK)
        status = set_protocol(out, facts->protocol);
    if (status != LASTCALL_OK)
        session_deinit(out);
    return status;
}
