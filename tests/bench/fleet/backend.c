#include "tests/bench/fleet/backend.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_SIZE 32

struct sim {
    struct sim *next, **link; /* in the list of all */
    void (*changed)(void *context);
    void *changed_context;
    pthread_mutex_t lock; /* of what follows */
    bool is_ended[BACKEND_SIM_SESSION_COUNT];
    unsigned generation[BACKEND_SIM_SESSION_COUNT];
};

/* The lock is held while they are told, so that none of them is closed. */
static struct {
    pthread_mutex_t lock;
    struct sim *first;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void id_of(const struct sim *sim, size_t i, char id[ID_SIZE])
{
    snprintf(id, ID_SIZE, "session-%zu-%u", i, sim->generation[i]);
}

static enum lastcall_status sim_open(const struct backend_surroundings *around,
                                     void **state, struct platform_error *error)
{
    struct sim *sim = calloc(1, sizeof(*sim));

    *state = sim;
    if (sim == NULL || pthread_mutex_init(&sim->lock, NULL) != 0) {
        free(sim);
        snprintf(error->text, sizeof(error->text), "out of memory");
        return LASTCALL_E_NOMEM;
    }
    sim->changed = around->changed;
    sim->changed_context = around->changed_context;
    pthread_mutex_lock(&all.lock);
    sim->next = all.first;
    sim->link = &all.first;
    if (sim->next != NULL)
        sim->next->link = &sim->next;
    all.first = sim;
    pthread_mutex_unlock(&all.lock);
    return LASTCALL_OK;
}

static bool refill(struct sim *sim)
{
    bool is_changed = false;

    pthread_mutex_lock(&sim->lock);
    for (size_t i = 0; i < BACKEND_SIM_SESSION_COUNT; i++) {
        sim->generation[i] += sim->is_ended[i];
        is_changed = is_changed || sim->is_ended[i];
        sim->is_ended[i] = false;
    }
    pthread_mutex_unlock(&sim->lock);
    return is_changed;
}

void backend_sim_refill(void)
{
    pthread_mutex_lock(&all.lock);
    for (struct sim *sim = all.first; sim != NULL; sim = sim->next) {
        if (refill(sim))
            sim->changed(sim->changed_context);
    }
    pthread_mutex_unlock(&all.lock);
}

/* About as much as a Plex tells of a film. */
static enum lastcall_status fill(const struct sim *sim, size_t i,
                                 struct session *session)
{
    static const struct {
        enum session_field field;
        const char *text;
    } texts[] = {
        {SESSION_STATE, "playing"},
        {SESSION_CLIENT_NAME, "Living room"},
        {SESSION_CLIENT_ADDRESS, "192.0.2.17"},
        {SESSION_STARTED_AT, "2026-01-01T20:15:00.000Z"},
        {SESSION_MEDIA_TITLE, "The Third Man"},
        {SESSION_MEDIA_TYPE, "movie"},
        {SESSION_MEDIA_KEY, "/library/metadata/1949"},
    };
    enum lastcall_status status = LASTCALL_OK;
    char id[ID_SIZE];

    id_of(sim, i, id);
    status = session_set_text(session, SESSION_ID, id);
    if (status == LASTCALL_OK)
        status = session_set_text(session, SESSION_USERNAME,
                                  i % 2 == 0 ? BACKEND_SIM_USER : "resident");
    for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
        if (status == LASTCALL_OK)
            status = session_set_text(session, texts[k].field, texts[k].text);
    }
    session_set_bool(session, SESSION_ENDABLE, true);
    return status;
}

static enum lastcall_status sim_list(void *state, struct session_list *out,
                                     struct session_outcome *outcome)
{
    struct sim *sim = state;

    *out = (struct session_list){0};
    outcome->code = LASTCALL_OK;
    pthread_mutex_lock(&sim->lock);
    for (size_t i = 0; i < BACKEND_SIM_SESSION_COUNT; i++) {
        struct session session = {0};

        if (sim->is_ended[i])
            continue;
        if (outcome->code == LASTCALL_OK)
            outcome->code = fill(sim, i, &session);
        if (outcome->code == LASTCALL_OK)
            outcome->code = session_list_take(out, &session);
        session_deinit(&session);
    }
    pthread_mutex_unlock(&sim->lock);
    if (outcome->code != LASTCALL_OK)
        session_list_deinit(out);
    return outcome->code;
}

static enum lastcall_status sim_act(void *state, const struct session *target,
                                    const struct order *order,
                                    struct session_outcome *outcome)
{
    struct sim *sim = state;
    char id[ID_SIZE];

    (void)order;
    outcome->code = LASTCALL_ALREADY_GONE;
    pthread_mutex_lock(&sim->lock);
    for (size_t i = 0; i < BACKEND_SIM_SESSION_COUNT; i++) {
        id_of(sim, i, id);
        if (sim->is_ended[i] ||
            strcmp(id, session_text(target, SESSION_ID)) != 0)
            continue;
        sim->is_ended[i] = true;
        outcome->code = LASTCALL_OK;
    }
    pthread_mutex_unlock(&sim->lock);
    return outcome->code;
}

static enum lastcall_status sim_report(void *state, struct backend_report *out)
{
    (void)state;
    *out = (struct backend_report){
        .version = "1.0",
        .actions = ACTION_BIT(ACTION_STOP) | ACTION_BIT(ACTION_LIST),
    };
    return LASTCALL_OK;
}

static enum lastcall_status sim_check_events(void *state,
                                             struct session_outcome *outcome)
{
    (void)state;
    *outcome = (struct session_outcome){.code = LASTCALL_OK};
    return LASTCALL_OK;
}

static void sim_interrupt(void *state)
{
    (void)state; /* no call takes any time */
}

static void sim_close(void *state)
{
    struct sim *sim = state;

    pthread_mutex_lock(&all.lock);
    *sim->link = sim->next;
    if (sim->next != NULL)
        sim->next->link = sim->link;
    pthread_mutex_unlock(&all.lock);
    pthread_mutex_destroy(&sim->lock);
    free(sim);
}

const struct session_backend_ops backend_sim_ops = {
    .name = "plex",
    .kind = BACKEND_PLEX,
    .actions = ACTION_BIT(ACTION_STOP) | ACTION_BIT(ACTION_LIST) |
               ACTION_BIT(ACTION_END),
    .open = sim_open,
    .list = sim_list,
    .act = sim_act,
    .report = sim_report,
    .check_events = sim_check_events,
    .interrupt = sim_interrupt,
    .close = sim_close,
};
