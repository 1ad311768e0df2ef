/* The bridge's loop: one event of the fleet or of the home after the other. */
#include "controller/bridge.h"

#include <stdlib.h>
#include <string.h>

#include "controller/home_project.h"
#include "controller/jobs_record.h"
#include "controller/wake.h"

/* An event that is older than this says nothing of now. */
#define EVENT_AGE_MAX_S 300

/* --- the fleet ------------------------------------------------------------ */

/* Say whether a server's event is a new one, of the life that its host's
 * status tells of: a broker may send an old one again, and what is automated
 * at home would happen again. */
static bool is_new_event(const struct bridge *bridge,
                         struct bridge_server *server, const struct news *news)
{
    const struct registry_host *host =
        registry_find(&bridge->fleet->registry, &news->host);
    const struct event *event = news->event;
    const int64_t age_s = fleet_wall_ms() / 1000 - news->iat_s;

    if (age_s > EVENT_AGE_MAX_S || host == NULL ||
        strcmp(host->status.boot_id, event->boot_id) != 0)
        return false;
    if (strcmp(server->boot_id, event->boot_id) == 0 &&
        event->seq <= server->event_seq)
        return false;
    memcpy(server->boot_id, event->boot_id, sizeof server->boot_id);
    server->event_seq = event->seq;
    return true;
}

static void take_event(struct bridge *bridge, const struct proof *proof)
{
    const struct news *news = &proof->of.news;
    const struct bridge_device *device = bridge_find(bridge, &news->host);
    const struct home_topic at = {.kind = HOME_HOST_EVENT, .host = news->host};
    struct bridge_server *server = NULL;
    struct bytes payload;
    enum lastcall_status status = LASTCALL_OK;

    if (device != NULL)
        server = bridge_find_server(device, &news->event->server);
    if (server == NULL || server->is_gone ||
        !is_new_event(bridge, server, news))
        return;
    bytes_init(&payload, HOME_STATE_BYTES_MAX);
    status = home_project_event(news->event, &payload);
    if (status == LASTCALL_OK)
        bridge_publish_event(bridge, &at, &payload);
    else
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "EVENT-LOST",
                  "an event of %s: %s", news->host.text, status_text(status));
    bytes_deinit(&payload);
}

static void take_proof(struct bridge *bridge, const struct proof *proof)
{
    const struct topic_parts *parts = &proof->parts;

    /* What was refused changes nothing; what was cleared, does. */
    if (proof->status != LASTCALL_OK && proof->status != LASTCALL_E_MISSING) {
        if (proof->status != LASTCALL_E_NOMEM && parts->kind != TOPIC_RESULT)
            log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "NEWS-REFUSED",
                      "news of %s are refused: %s", parts->host.text,
                      proof->why.text[0] != '\0' ? proof->why.text
                                                 : status_text(proof->status));
        return;
    }
    if (parts->kind == TOPIC_STATUS)
        bridge_note_host(bridge, &parts->host, NULL);
    else if (parts->kind == TOPIC_SESSIONS)
        bridge_note_host(bridge, &parts->host, &parts->server);
    else if (parts->kind == TOPIC_EVENT)
        take_event(bridge, proof);
}

/* What was believed may not be believed any more. */
static void take_revocation(struct bridge *bridge)
{
    const struct registry *registry = &bridge->fleet->registry;

    for (size_t i = 0; i < registry->count; i++) {
        const struct registry_host *host = registry->hosts[i];

        if (registry_host_is_revoked(host, &bridge->fleet->trust.revoked))
            bridge_note_host(bridge, &host->name, NULL);
    }
}

static void note_fleet(struct bridge *bridge, const struct fleet_event *event)
{
    const bool is_up = event->kind == FLEET_READY;

    if (bridge->is_fleet_up == is_up)
        return;
    bridge->is_fleet_up = is_up;
    if (is_up)
        log_write(bridge->log, LOG_LEVEL_INFO, LOG_EVERY, "FLEET-UP",
                  "the fleet's broker is there");
    else
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_EVERY, "FLEET-DOWN",
                  "the fleet's broker is away (%s); what is shown at home is "
                  "marked as not available",
                  event->detail == NULL ? "" : event->detail);
    bridge_show_own_state(bridge);
}

/*
 * What the broker retained comes in every new session; whose status does not,
 * it has lost, or it was cleared while we were not there.
 */
static void begin_session(struct bridge *bridge, uint64_t session)
{
    const int64_t now_ms = fleet_now_ms();

    bridge->session = session;
    if (session == bridge->judged_session)
        return;
    bridge->judge_due_ms = now_ms + BRIDGE_HEARD_MS;
    bridge->judge_end_ms = now_ms + BRIDGE_HEARD_LATE_MS;
}

/* Have those be offline who did not come in this session. */
static void judge_hosts(struct bridge *bridge)
{
    const struct registry *registry = &bridge->fleet->registry;

    bridge->judged_session = bridge->session;
    bridge->judge_due_ms = INT64_MAX;
    log_write(bridge->log, LOG_LEVEL_INFO, LOG_LIMITED, "FLEET-HEARD",
              "the fleet's broker has told what it has; hosts: %zu",
              registry->count);
    for (size_t i = 0; i < registry->count; i++) {
        struct registry_host *host = registry->hosts[i];

        if (!registry_host_doubt(host, bridge->session))
            continue;
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "HOST-UNHEARD",
                  "the fleet's broker has no status of %s any more; it is "
                  "shown as offline",
                  host->name.text);
        bridge_note_host(bridge, &host->name, NULL);
    }
}

/* What has come already, and is not taken yet, goes first; but not for ever. */
static void tend_hosts(struct bridge *bridge, int64_t now_ms, bool is_quiet)
{
    if (now_ms < bridge->judge_due_ms)
        return;
    if (now_ms >= bridge->judge_end_ms ||
        (is_quiet && fleet_link_is_idle(bridge->fleet->link)))
        judge_hosts(bridge);
    else
        bridge->judge_due_ms = now_ms + BRIDGE_HEARD_AGAIN_MS;
}

static void take_fleet(struct bridge *bridge, const struct fleet_event *event)
{
    (void)fleet_handle(bridge->fleet, event);
    switch (event->kind) {
    case FLEET_MESSAGE:
        if (event->proof != NULL)
            take_proof(bridge, event->proof);
        else
            take_revocation(bridge);
        break;
    case FLEET_READY:
        begin_session(bridge, event->session);
        note_fleet(bridge, event);
        break;
    case FLEET_DOWN:
        bridge->judge_due_ms = INT64_MAX;
        note_fleet(bridge, event);
        break;
    case FLEET_PUBLISHED:
    case FLEET_POSTED:
    case FLEET_TIMEOUT:
    case FLEET_INTERRUPTED:
        break;
    }
    bridge_presses_take(bridge, event);
}

/* --- the home ------------------------------------------------------------- */

static bool is_word(const struct home_message *message, const char *word)
{
    return message->payload.len == strlen(word) &&
           memcmp(message->payload.data, word, message->payload.len) == 0;
}

/*
 * Home Assistant is there: show it everything, a while later.  A second birth
 * meanwhile is answered with it.  One that the broker had kept is an old one,
 * and what it would ask for was published when we connected.
 */
static void take_birth(struct bridge *bridge,
                       const struct home_message *message)
{
    if (is_word(message, HOME_OFFLINE)) {
        bridge->birth_due_ms = INT64_MAX;
        return;
    }
    if (message->is_retained || !is_word(message, HOME_ONLINE) ||
        bridge->birth_due_ms != INT64_MAX)
        return;
    bridge->birth_due_ms = fleet_now_ms() + BRIDGE_BIRTH_WAIT_MS +
                           platform_random_below(BRIDGE_BIRTH_JITTER_MS);
    log_write(bridge->log, LOG_LEVEL_INFO, LOG_LIMITED, "HOME-BIRTH",
              "Home Assistant is there; everything is shown again in %lld ms",
              (long long)(bridge->birth_due_ms - fleet_now_ms()));
}

static void take_ready(struct bridge *bridge)
{
    log_write(bridge->log, LOG_LEVEL_INFO, LOG_LIMITED, "HOME-UP",
              "the home's broker is there; presses count from %lld ms on",
              (long long)bridge->config->quiet_ms);
    bridge->is_home_up = true;
    bridge->ready_ms = fleet_now_ms();
    bridge_show_all(bridge);
}

/*
 * A word on our own state, which is not ours.  A wrong one may be the will of a
 * life that is over, which came later than we, and is put right; that somebody
 * else is there as we are, only another bridge says.
 */
static void take_state(struct bridge *bridge,
                       const struct home_message *message)
{
    const int64_t now_ms = fleet_now_ms();
    const int64_t next_ms = bridge->contradicted_ms + BRIDGE_CONTRADICT_MS;

    if (is_word(message, HOME_ONLINE) && bridge->is_home_up &&
        now_ms - bridge->ready_ms >= BRIDGE_STATE_WAIT_MS)
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "BRIDGE-TWO",
                  "another bridge of this fleet is at the home's broker; each "
                  "of them carries out every press");
    if (is_word(message, bridge->is_fleet_up ? HOME_ONLINE : HOME_OFFLINE) ||
        bridge->contradict_due_ms != INT64_MAX)
        return;
    bridge->contradict_due_ms = next_ms > now_ms ? next_ms : now_ms;
}

static void take_home(struct bridge *bridge, struct home_message *message)
{
    switch (message->kind) {
    case HOME_MESSAGE_PRESS:
        bridge_take_press(bridge, message);
        break;
    case HOME_MESSAGE_STATE:
        take_state(bridge, message);
        break;
    case HOME_MESSAGE_BIRTH:
        take_birth(bridge, message);
        break;
    case HOME_MESSAGE_DISCOVERY:
        bridge_take_retained(bridge, message);
        break;
    case HOME_MESSAGE_READY:
        take_ready(bridge);
        break;
    case HOME_MESSAGE_DOWN:
        bridge->is_home_up = false;
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "HOME-DOWN",
                  "the home's broker is away: %s", message->detail);
        break;
    }
}

static void take_homes(struct bridge *bridge)
{
    struct home_message message = {0};
    uint64_t count = 0;

    for (int i = 0; i < BRIDGE_ROUND_MAX; i++) {
        if (!home_link_next(bridge->home, &message))
            break;
        take_home(bridge, &message);
        home_message_deinit(&message);
        if (i + 1 == BRIDGE_ROUND_MAX)
            fleet_link_post(bridge->fleet->link);
    }
    count = home_link_take_dropped(bridge->home);
    if (count > 0)
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "HOME-DROP",
                  "%llu messages from home were too many and are dropped",
                  (unsigned long long)count);
    count = home_link_take_refused(bridge->home);
    if (count > 0)
        log_write(bridge->log, LOG_LEVEL_ERROR, LOG_LIMITED, "HOME-REFUSED",
                  "the home's broker refused %llu messages of ours; its access "
                  "rules must let us publish below %s/ha/ and %s/device/",
                  (unsigned long long)count, bridge->config->fleet.text,
                  bridge->config->discovery_prefix);
}

/* --- the loop ------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Do what is due; hands back when there is more to do. */
static int64_t tend(struct bridge *bridge, int64_t now_ms)
{
    int64_t due_ms = INT64_MAX;

    if (now_ms >= bridge->birth_due_ms) {
        bridge->birth_due_ms = INT64_MAX;
        bridge_show_all(bridge);
    }
    if (now_ms >= bridge->contradict_due_ms) {
        bridge->contradict_due_ms = INT64_MAX;
        bridge->contradicted_ms = now_ms;
        bridge_show_own_state(bridge);
    }
    due_ms = bridge_presses_tend(bridge, now_ms);
    due_ms = earlier(due_ms, bridge_publish(bridge, now_ms));
    due_ms = earlier(due_ms, bridge->contradict_due_ms);
    due_ms = earlier(due_ms, bridge->judge_due_ms);
    return earlier(due_ms, bridge->birth_due_ms);
}

enum fleet_event_kind bridge_take_next(struct bridge *bridge, int64_t until_ms)
{
    struct fleet_event event = {0};
    enum fleet_event_kind kind = FLEET_INTERRUPTED;

    fleet_link_next(bridge->fleet->link, until_ms, &event);
    kind = event.kind;
    if (kind != FLEET_INTERRUPTED)
        take_fleet(bridge, &event);
    fleet_event_deinit(&event);
    return kind;
}

enum fleet_event_kind bridge_turn(struct bridge *bridge, int64_t until_ms,
                                  bool is_quiet)
{
    enum fleet_event_kind kind = FLEET_INTERRUPTED;

    tend_hosts(bridge, fleet_now_ms(), is_quiet);
    until_ms = earlier(until_ms, tend(bridge, fleet_now_ms()));
    kind = bridge_take_next(bridge, until_ms);
    if (kind != FLEET_INTERRUPTED)
        take_homes(bridge);
    return kind;
}

static void open_jobs(struct bridge *bridge)
{
    struct platform_error error = {0};

    bridge->has_opened_jobs = true;
    bridge->keeps_jobs =
        jobs_record_open_folder(&bridge->jobs, &error) == LASTCALL_OK;
    if (!bridge->keeps_jobs)
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_EVERY, "JOBS-OFF",
                  "what is pressed is not kept as jobs: %s", error.text);
}

enum bridge_pause bridge_serve(struct bridge *bridge)
{
    enum fleet_event_kind kind = FLEET_POSTED;

    if (!bridge->has_opened_jobs)
        open_jobs(bridge);
    while (kind != FLEET_INTERRUPTED) {
        if (!wake_is_interrupted() && wake_take_reload()) {
            /* What was just pressed is sent before anything is read. */
            (void)tend(bridge, fleet_now_ms());
            return BRIDGE_RELOAD;
        }
        kind = bridge_turn(bridge, INT64_MAX, kind == FLEET_TIMEOUT);
    }
    return BRIDGE_INTERRUPTED;
}

/* What is retained must not say that we are there when we are not. */
static void say_farewell(struct bridge *bridge)
{
    const struct home_topic at = {.kind = HOME_BRIDGE_STATE};
    struct topic topic;

    home_topic_format(bridge->config->fleet.text, &at, &topic);
    if (home_link_publish(bridge->home, topic.text, HOME_OFFLINE,
                          sizeof HOME_OFFLINE - 1,
                          MQTT_RETAINED) != LASTCALL_OK ||
        home_link_flush(bridge->home, BRIDGE_FAREWELL_MS) != LASTCALL_OK)
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_EVERY, "BRIDGE-END",
                  "the home's broker did not hear that the bridge has ended");
}

/* Everything that is known of the fleet, before the home hears of it. */
static enum lastcall_status begin(struct bridge *bridge)
{
    const struct registry *registry = &bridge->fleet->registry;
    const struct name own = {""};
    struct bridge_device *device = NULL;

    bridge->last = &bridge->first;
    bridge->birth_due_ms = INT64_MAX;
    bridge->contradict_due_ms = INT64_MAX;
    bridge->contradicted_ms = fleet_now_ms() - BRIDGE_CONTRADICT_MS;
    bridge->is_fleet_up = true;
    bridge->judge_due_ms = INT64_MAX;
    begin_session(bridge, fleet_link_session(bridge->fleet->link));
    if (bridge_presses_open(bridge) != LASTCALL_OK)
        return LASTCALL_E_NOMEM;
    device = bridge_find_or_add(bridge, &own);
    if (device == NULL)
        return LASTCALL_E_NOMEM;
    /* Its own device comes first: those of the hosts refer to it. */
    bridge_show_again(bridge, device);
    for (size_t i = 0; i < registry->count; i++)
        bridge_note_host(bridge, &registry->hosts[i]->name, NULL);
    return LASTCALL_OK;
}

enum lastcall_status bridge_open(const struct bridge_config *config,
                                 struct fleet *fleet, struct log *log,
                                 const struct bridge *former,
                                 struct bridge **out,
                                 char detail[PLATFORM_DETAIL_SIZE])
{
    struct bridge *bridge = calloc(1, sizeof *bridge);
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = NULL;
    detail[0] = '\0';
    if (bridge == NULL)
        return LASTCALL_E_NOMEM;
    bridge->config = config;
    bridge->fleet = fleet;
    bridge->log = log;
    status = begin(bridge);
    if (status == LASTCALL_OK &&
        (former == NULL || !home_link_is_as(former->home, config)))
        status =
            home_link_open(config, fleet->link, log, &bridge->home, detail);
    if (status == LASTCALL_OK)
        *out = bridge;
    else
        bridge_close(bridge);
    return status;
}

void bridge_close(struct bridge *bridge)
{
    if (bridge == NULL)
        return;
    bridge_presses_close(bridge);
    if (bridge->is_home_up && bridge->home != NULL)
        say_farewell(bridge);
    home_link_close(bridge->home);
    jobs_close(&bridge->jobs);
    bridge_forget_devices(bridge);
    free(bridge);
}
