#include "tests/unit/bodies.h"

#include "tests/unit/fakes.h"

#include <pthread.h>

#include "protocol/io/gate.h"

struct fake_server fake_servers[FAKE_SERVER_COUNT];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

void fake_reset(void)
{
    memset(fake_servers, 0, sizeof(fake_servers));
}

void fake_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void fake_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

void fake_changed(void)
{
    pthread_cond_broadcast(&changed);
}

void fake_play(size_t server, const char *id, const char *user)
{
    fake_lock();
    for (size_t i = 0; i < FAKE_SESSION_MAX; i++) {
        struct fake_session *session = &fake_servers[server].sessions[i];

        if (session->id[0] != '\0')
            continue;
        snprintf(session->id, sizeof(session->id), "%s", id);
        snprintf(session->user, sizeof(session->user), "%s", user);
        snprintf(session->machine, sizeof(session->machine), "player-%s", user);
        break;
    }
    fake_unlock();
}

bool fake_await(bool (*holds)(const void *context), const void *context)
{
    struct timespec until;
    bool answer = false;
    int code = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FAKE_WAIT_MS / 1000;
    fake_lock();
    while (!(answer = holds(context)) && code == 0)
        code = pthread_cond_timedwait(&changed, &mutex, &until);
    fake_unlock();
    return answer;
}

/* ---- the backend ---- */

static enum lastcall_status fake_open(const struct backend_surroundings *around,
                                      void **state,
                                      struct platform_error *error)
{
    (void)error;
    *state = &fake_servers[strcmp(around->settings->name.text, "two") == 0];
    ((struct fake_server *)*state)->is_closed = false;
    return LASTCALL_OK;
}

/* With the lock held, which is let go. */
static void linger(void)
{
    const struct timespec time = {.tv_nsec = FAKE_LINGER_MS * 1000000L};

    pthread_mutex_unlock(&mutex);
    nanosleep(&time, NULL);
    pthread_mutex_lock(&mutex);
}

/* With the lock held: stay here while told to. */
static enum lastcall_status hang(struct fake_server *server, const bool *hangs)
{
    const bool is_counted = *hangs;

    server->hang_count += is_counted;
    server->is_hanging = server->hang_count > 0;
    fake_changed();
    while (*hangs && !server->is_interrupted)
        pthread_cond_wait(&changed, &mutex);
    if (is_counted && server->is_interrupted && server->is_sluggish)
        linger();
    server->hang_count -= is_counted;
    server->is_hanging = server->hang_count > 0;
    return server->is_interrupted ? LASTCALL_E_CLOSED : LASTCALL_OK;
}

static void fill_text(struct session *session, enum session_field field,
                      const char *text)
{
    if (text[0] != '\0')
        assert_int_equal(session_set_text(session, field, text), LASTCALL_OK);
}

static void fill_session(const struct fake_session *from,
                         struct session *session)
{
    assert_int_equal(session_set_text(session, SESSION_ID, from->id),
                     LASTCALL_OK);
    if (!from->is_nobodys)
        assert_int_equal(
            session_set_text(session, SESSION_USERNAME, from->user),
            LASTCALL_OK);
    assert_int_equal(
        session_set_text(session, SESSION_PLAYER_MACHINE_ID, from->machine),
        LASTCALL_OK);
    assert_int_equal(session_set_text(session, SESSION_MEDIA_KEY, "/film"),
                     LASTCALL_OK);
    fill_text(session, SESSION_STATE, from->state);
    fill_text(session, SESSION_LOGON_TIME, from->logon);
    fill_text(session, SESSION_SESSION_NAME, from->name);
    session_set_bool(session, SESSION_ENDABLE, !from->is_unendable);
}

static void put_session(const struct fake_session *from,
                        struct session_list *out)
{
    struct session session = {0};

    fill_session(from, &session);
    assert_int_equal(session_list_take(out, &session), LASTCALL_OK);
}

static void put_crowd(unsigned count, struct session_list *out)
{
    char name[SESSION_TEXT_MAX + 1];
    struct fake_session from = {.user = "many"};

    memset(name, '"', sizeof(name) - 1); /* JSON makes two bytes of each */
    name[sizeof(name) - 1] = '\0';
    for (unsigned i = 0; i < count; i++) {
        struct session session = {0};

        snprintf(from.id, sizeof(from.id), "crowd-%u", i);
        fill_session(&from, &session);
        assert_int_equal(session_set_text(&session, SESSION_CLIENT_NAME, name),
                         LASTCALL_OK);
        assert_int_equal(session_list_take(out, &session), LASTCALL_OK);
    }
}

static enum lastcall_status fake_list(void *state, struct session_list *out,
                                      struct session_outcome *outcome)
{
    struct fake_server *server = state;

    *out = (struct session_list){0};
    fake_lock();
    server->lists++;
    outcome->code = hang(server, &server->hangs_list);
    if (server->good_lists > 0)
        server->good_lists--;
    else if (outcome->code == LASTCALL_OK)
        outcome->code = server->list_status;
    for (size_t i = 0; i < FAKE_SESSION_MAX; i++) {
        if (outcome->code == LASTCALL_OK && server->sessions[i].id[0] != '\0')
            put_session(&server->sessions[i], out);
    }
    if (outcome->code == LASTCALL_OK)
        put_crowd(server->crowd_count, out);
    fake_changed();
    fake_unlock();
    return outcome->code;
}

static void end_session(struct fake_server *server, const char *id,
                        bool is_disconnect)
{
    for (size_t i = 0; i < FAKE_SESSION_MAX; i++) {
        struct fake_session *session = &server->sessions[i];

        if (strcmp(session->id, id) != 0 || session->is_deaf)
            continue;
        if (is_disconnect)
            snprintf(session->state, sizeof(session->state),
                     SESSION_STATE_DISCONNECTED);
        else
            session->id[0] = '\0';
    }
}

/* With the lock held. */
static void do_act(struct fake_server *server, const char *id,
                   enum action action, struct session_outcome *outcome)
{
    if (action == ACTION_MESSAGE) {
        snprintf(outcome->response, sizeof(outcome->response), "yes");
        return;
    }
    end_session(server, id, action == ACTION_DISCONNECT);
    outcome->settle_ms = server->settle_ms;
}

static enum lastcall_status act(void *state, const struct session *target,
                                enum action action,
                                struct session_outcome *outcome)
{
    struct fake_server *server = state;
    const char *id = session_text(target, SESSION_ID);

    fake_lock();
    assert_false(server->is_closed);
    assert_true(server->acts < FAKE_ACT_MAX);
    snprintf(server->acted[server->acts++], 32, "%s", id);
    outcome->code =
        hang(server, action == ACTION_MESSAGE ? &server->hangs_message
                                              : &server->hangs_act);
    if (outcome->code == LASTCALL_OK &&
        (server->act_fails_for[0] == '\0' ||
         strcmp(server->act_fails_for, id) == 0))
        outcome->code = server->act_status;
    if (outcome->code == LASTCALL_OK)
        do_act(server, id, action, outcome);
    fake_changed();
    fake_unlock();
    return outcome->code;
}

static enum lastcall_status plex_act(void *state, const struct session *target,
                                     const struct order *order,
                                     struct session_outcome *outcome)
{
    return act(state, target,
               action_resolve(order->request.action, BACKEND_PLEX), outcome);
}

static enum lastcall_status wts_act(void *state, const struct session *target,
                                    const struct order *order,
                                    struct session_outcome *outcome)
{
    return act(state, target,
               action_resolve(order->request.action, BACKEND_WTS), outcome);
}

static enum lastcall_status fake_report(void *state, struct backend_report *out)
{
    (void)state;
    *out = (struct backend_report){
        .version = "1.0",
        .actions = ACTION_BIT(ACTION_STOP) | ACTION_BIT(ACTION_LIST),
    };
    return LASTCALL_OK;
}

static enum lastcall_status fake_check_events(void *state,
                                              struct session_outcome *outcome)
{
    (void)state;
    *outcome = (struct session_outcome){.code = LASTCALL_OK};
    return LASTCALL_OK;
}

static void fake_interrupt(void *state)
{
    struct fake_server *server = state;

    fake_lock();
    server->is_interrupted = true;
    fake_changed();
    fake_unlock();
}

static void fake_close(void *state)
{
    struct fake_server *server = state;

    fake_lock();
    assert_int_equal(server->hang_count, 0); /* every call has come back */
    server->is_closed = true;
    fake_unlock();
}

const struct session_backend_ops fake_backend_ops = {
    .name = "plex",
    .kind = BACKEND_PLEX,
    .actions = ACTION_SET_ALL,
    .open = fake_open,
    .list = fake_list,
    .act = plex_act,
    .report = fake_report,
    .check_events = fake_check_events,
    .interrupt = fake_interrupt,
    .close = fake_close,
};

const struct session_backend_ops fake_wts_ops = {
    .name = "wts",
    .kind = BACKEND_WTS,
    .actions = ACTION_SET_ALL,
    .open = fake_open,
    .list = fake_list,
    .act = wts_act,
    .report = fake_report,
    .check_events = fake_check_events,
    .interrupt = fake_interrupt,
    .close = fake_close,
};

/* ---- a fleet ---- */

static int64_t now_s(void)
{
    return platform_clock.wall_ms(platform_clock.state) / 1000;
}

char *fake_grant(const struct key *root, enum subject_kind kind,
                 const char *name, const struct key *key, const char *permit,
                 int64_t exp_s)
{
    struct name group = {"lobby"};
    struct permit_rule rule = {0};
    struct grant grant = {
        .kind = kind,
        .fleet = {"lastcall"},
        .jti = "grant-0123456789abcdef",
        .iat_s = now_s() - 60,
        .exp_s = exp_s,
        .key = *key,
    };
    json_t *claims = NULL;
    struct bytes token;

    snprintf(grant.name.text, sizeof(grant.name.text), "%s", name);
    subject_format(kind, &grant.name, grant.subject);
    if (permit != NULL) {
        assert_int_equal(permit_rule_parse(permit, &rule), LASTCALL_OK);
        grant.rules = &rule;
        grant.rule_count = 1;
    } else {
        grant.groups = &group;
        grant.group_count = 1;
    }
    claims = grant_encode(&grant);
    assert_non_null(claims);
    assert_int_equal(token_sign(TOKEN_GRANT, root, NULL, claims, &token),
                     LASTCALL_OK);
    json_decref(claims);
    permit_rule_deinit(&rule);
    return bytes_take(&token);
}

void fake_fleet_init(struct fake_fleet *fleet, const char *controller,
                     const char *permit)
{
    const int64_t exp_s = now_s() + 3600;

    assert_int_equal(key_generate(&fleet->root), LASTCALL_OK);
    assert_int_equal(key_generate(&fleet->host_key), LASTCALL_OK);
    assert_int_equal(key_generate(&fleet->controller_key), LASTCALL_OK);
    fleet->host_grant = fake_grant(&fleet->root, SUBJECT_HOST, "media-01",
                                   &fleet->host_key, NULL, exp_s);
    fleet->controller_grant =
        fake_grant(&fleet->root, SUBJECT_CONTROLLER, controller,
                   &fleet->controller_key, permit, exp_s);
}

void fake_fleet_deinit(struct fake_fleet *fleet)
{
    key_deinit(&fleet->root);
    key_deinit(&fleet->host_key);
    key_deinit(&fleet->controller_key);
    free(fleet->host_grant);
    free(fleet->controller_grant);
}

/* A second handle on a key's public half. */
static struct key public_half(const struct key *key)
{
    struct key half;

    assert_int_equal(key_from_public(key->public_raw, &half), LASTCALL_OK);
    return half;
}

void fake_identity(const struct fake_fleet *fleet, struct identity *identity,
                   struct trust *trust)
{
    struct key root = public_half(&fleet->root);

    *identity = (struct identity){
        .key = fleet->host_key, /* lent */
        .host = {"media-01"},
        .fleet = {"lastcall"},
        .issuer = "host:media-01",
        .grant = fleet->host_grant, /* lent */
        .boot_id = "boot",
    };
    identity->groups = calloc(1, sizeof(*identity->groups));
    assert_non_null(identity->groups);
    identity->groups[0] = (struct name){"lobby"};
    identity->group_count = 1;
    assert_int_equal(trust_init(trust, &identity->fleet, &root, 30, 16),
                     LASTCALL_OK);
}
