/* Presses from home: each that counts is a campaign of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/bridge.h"
#include "controller/dispatch.h"
#include "controller/home_project.h"
#include "controller/jobs_record.h"

/* Tags of a campaign's publishes; see dispatch.h. */
#define TAG_SPAN (UINT64_C(1) << 32)
#define WORDS_SIZE 128

/* A press that was taken, until its answers are in. */
struct press_run {
    bool is_used;
    struct bridge *bridge;            /* borrowed, as the button */
    const struct home_button *button; /* of the configuration */
    struct name device;               /* "" for the bridge's own */
    int64_t pressed_ms;
    enum lastcall_status failure; /* why no more could be sent, or none */
    struct target target;
    struct dispatch dispatch;
    struct dispatching run;
    struct campaign campaign;
    struct jobs_record record;
};

enum lastcall_status bridge_presses_open(struct bridge *bridge)
{
    bridge->runs = calloc(BRIDGE_PRESS_MAX, sizeof *bridge->runs);
    return bridge->runs == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
}

bool bridge_presses_wait(const struct bridge *bridge)
{
    bool waits = false;

    for (size_t i = 0; i < BRIDGE_PRESS_MAX; i++)
        waits |= bridge->runs[i].is_used;
    return waits;
}

/* --- results as events ---------------------------------------------------- */

static void publish_result(struct bridge *bridge, const struct name *device,
                           const struct home_result *result)
{
    const struct home_topic at = {
        .kind = device->text[0] == '\0' ? HOME_BRIDGE_RESULT : HOME_HOST_RESULT,
        .host = *device,
    };
    struct bytes payload;
    enum lastcall_status status = LASTCALL_OK;

    bytes_init(&payload, HOME_STATE_BYTES_MAX);
    status = home_project_result(result, &payload);
    if (status == LASTCALL_OK)
        bridge_publish_event(bridge, &at, &payload);
    else
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "EVENT-LOST",
                  "the result of %s: %s", result->button, status_text(status));
    bytes_deinit(&payload);
}

static enum home_outcome outcome_of(const struct campaign_host *host)
{
    switch (host->outcome) {
    case OUTCOME_TRUE:
        return HOME_SUCCESS;
    case OUTCOME_FALSE:
        return HOME_FAILURE;
    case OUTCOME_REFUSED:
        return HOME_REFUSED;
    case OUTCOME_WAITING:
    case OUTCOME_OFFLINE:
    case OUTCOME_SILENT:
    case OUTCOME_UNSENT:
    case OUTCOME_COUNT:
        break;
    }
    return HOME_SILENT;
}

/* A code and a sentence for a host. */
struct said {
    const char *code;
    const char *detail;
};

static struct said said_of(const struct press_run *press,
                           const struct campaign_host *host)
{
    if (host->has_answer)
        return (struct said){status_name(host->answer.result.code),
                             host->answer.result.detail};
    if (host->outcome == OUTCOME_OFFLINE)
        return (struct said){"offline",
                             "the host is offline; nothing was sent"};
    if (press->failure == LASTCALL_FORBIDDEN)
        return (struct said){status_name(LASTCALL_FORBIDDEN),
                             "the fleet's broker refused to take the command"};
    if (host->outcome == OUTCOME_UNSENT)
        return (struct said){"silent", "the command could not be sent"};
    return (struct said){"silent", "the host has not answered in time"};
}

/* What became of one host. */
static void tell_host(const struct press_run *press,
                      const struct campaign *campaign,
                      const struct campaign_host *host)
{
    const struct result *answer =
        host->has_answer ? &host->answer.result : NULL;
    const struct said said = said_of(press, host);
    const struct home_result result = {
        .outcome = outcome_of(host),
        .button = press->button->id.text,
        .request_id = host->message == CAMPAIGN_NO_MESSAGE
                          ? ""
                          : campaign->messages[host->message].id.text,
        .code = said.code,
        .detail = said.detail,
        .matched = answer != NULL ? answer->matched : 0,
        .succeeded = answer != NULL ? answer->succeeded : 0,
        .failed = answer != NULL ? answer->failed : 0,
        .hosts = -1,
    };

    /* One that is not shown has no device to tell it at. */
    if (bridge_find(press->bridge, &host->name) != NULL)
        publish_result(press->bridge, &host->name, &result);
}

static void answered(void *context, const struct campaign *campaign,
                     const struct campaign_host *host)
{
    tell_host(context, campaign, host);
}

/* The worst that became of any host. */
static enum home_outcome outcome_of_all(const struct campaign_tally *tally)
{
    if (tally->outcomes[OUTCOME_REFUSED] > 0)
        return HOME_REFUSED;
    if (tally->outcomes[OUTCOME_FALSE] > 0)
        return HOME_FAILURE;
    return tally->outcomes[OUTCOME_TRUE] == tally->hosts ? HOME_SUCCESS
                                                         : HOME_SILENT;
}

static const char *code_of_all(enum home_outcome outcome)
{
    switch (outcome) {
    case HOME_SUCCESS:
        return status_name(LASTCALL_OK);
    case HOME_FAILURE:
        return status_name(LASTCALL_PARTIAL);
    case HOME_REFUSED:
        return status_name(LASTCALL_FORBIDDEN);
    case HOME_SILENT:
    case HOME_OUTCOME_COUNT:
        break;
    }
    return "silent";
}

/* What became of a broadcast. */
static void tell_all(const struct press_run *press,
                     const struct campaign_tally *tally)
{
    const size_t answered_count = tally->outcomes[OUTCOME_TRUE] +
                                  tally->outcomes[OUTCOME_FALSE] +
                                  tally->outcomes[OUTCOME_REFUSED];
    char detail[160];
    struct home_result result = {
        .outcome = outcome_of_all(tally),
        .button = press->button->id.text,
        .request_id = press->campaign.message_count > 0
                          ? press->campaign.messages[0].id.text
                          : "",
        .detail = detail,
        .matched = tally->matched,
        .succeeded = tally->succeeded,
        .failed = tally->failed,
        .hosts = (int64_t)tally->hosts,
        .answered = (int64_t)answered_count,
        .silent = (int64_t)(tally->hosts - answered_count),
    };

    result.code = code_of_all(result.outcome);
    snprintf(detail, sizeof detail,
             "of %zu hosts %zu did it, %zu failed, %zu refused, %zu were "
             "silent or offline",
             tally->hosts, tally->outcomes[OUTCOME_TRUE],
             tally->outcomes[OUTCOME_FALSE], tally->outcomes[OUTCOME_REFUSED],
             tally->hosts - answered_count);
    publish_result(press->bridge, &press->device, &result);
}

/* Nothing was sent. */
static void refuse(struct bridge *bridge, const struct name *device,
                   const struct home_button *button, const char *code,
                   const char *detail)
{
    const struct home_result result = {
        .outcome = HOME_REFUSED,
        .button = button->id.text,
        .request_id = "",
        .code = code,
        .detail = detail,
        .hosts = device->text[0] == '\0' ? 0 : -1,
    };

    log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "PRESS-REFUSED",
              "button %s%s%s: %s", button->id.text,
              device->text[0] == '\0' ? "" : " of ", device->text, detail);
    publish_result(bridge, device, &result);
}

/* --- a press's life ------------------------------------------------------- */

static void forget(struct press_run *press)
{
    jobs_record_close(&press->record);
    campaign_deinit(&press->campaign);
    target_deinit(&press->target);
    *press = (struct press_run){0};
}

/* Whom the button is for: its target, or the host that it was pressed of. */
static enum lastcall_status aim(struct press_run *press)
{
    struct target *target = &press->target;

    if (press->button->scope == ADDRESS_ALL)
        target->kind = TARGET_ALL;
    if (press->button->scope == ADDRESS_GROUP) {
        target->kind = TARGET_GROUP;
        target->group = press->button->group;
    }
    if (press->button->scope != ADDRESS_HOST)
        return LASTCALL_OK;
    target->kind = TARGET_HOSTS;
    target->entries = calloc(1, sizeof *target->entries);
    if (target->entries == NULL)
        return LASTCALL_E_NOMEM;
    target->entries[0] = bytes_copy_text(press->device.text);
    target->entry_count = target->entries[0] != NULL;
    return target->entry_count == 1 ? LASTCALL_OK : LASTCALL_E_NOMEM;
}

static void keep_record(struct press_run *press)
{
    struct bridge *bridge = press->bridge;
    char words[WORDS_SIZE];
    const struct jobs_record_start start = {
        .words = words,
        .jobs = &bridge->jobs,
        .fleet = bridge->fleet,
        .target = &press->target,
        .request = &press->button->request,
        .timeout_ms = press->button->timeout_ms,
        .ttl_ms = press->button->timeout_ms,
    };

    if (!bridge->keeps_jobs || fleet_now_ms() < bridge->jobs_due_ms)
        return;
    snprintf(words, sizeof words, "bridge: button %s", press->button->id.text);
    jobs_record_open(&press->record, &start);
    press->dispatch.observer = &jobs_record_observer;
    press->dispatch.observer_context = &press->record;
}

/* It has said why. */
static void rest_if_lost(const struct press_run *press)
{
    if (press->dispatch.observer != NULL && !press->record.is_open)
        press->bridge->jobs_due_ms = fleet_now_ms() + BRIDGE_JOBS_REST_MS;
}

static enum lastcall_status begin(struct press_run *press)
{
    struct bridge *bridge = press->bridge;
    enum lastcall_status status = aim(press);

    if (status != LASTCALL_OK)
        return status;
    press->dispatch = (struct dispatch){
        .request = &press->button->request,
        .target = &press->target,
        .timeout_ms = press->button->timeout_ms,
        /* Who presses and sees nothing happen must not see it later. */
        .ttl_ms = press->button->timeout_ms,
        .splay = DISPATCH_SPLAY_SCALED,
        .answered = answered,
        .context = press,
        .tag_base = ++bridge->run_serial * TAG_SPAN,
    };
    keep_record(press);
    status = dispatch_begin(&press->run, bridge->fleet, &press->dispatch,
                            &press->campaign);
    rest_if_lost(press);
    return status;
}

/*
 * Say whether hosts may still believe us.  The grant was good at the start,
 * which may be a year ago; without it no host would answer at all.
 */
static enum lastcall_status check_grant(const struct bridge *bridge,
                                        struct json_error *why)
{
    const struct grant *grant = NULL;
    enum lastcall_status status =
        trust_verify_grant(&bridge->fleet->trust, bridge->fleet->identity.grant,
                           fleet_wall_ms() / 1000, &grant, why);

    /* Whether it is good is asked; what could not be asked is not refused. */
    return status == LASTCALL_E_NOMEM ? LASTCALL_OK : status;
}

static void take(struct bridge *bridge, const struct name *device,
                 const struct home_button *button)
{
    struct press_run *press = NULL;
    struct json_error why = {0};
    enum lastcall_status status = check_grant(bridge, &why);

    if (status != LASTCALL_OK) {
        refuse(bridge, device, button, status_name(status),
               why.text[0] != '\0' ? why.text : status_text(status));
        return;
    }
    for (size_t i = 0; i < BRIDGE_PRESS_MAX && press == NULL; i++) {
        if (!bridge->runs[i].is_used)
            press = &bridge->runs[i];
    }
    if (press == NULL) {
        refuse(bridge, device, button, status_name(LASTCALL_BUSY),
               "too many presses are under way; nothing was sent");
        return;
    }
    *press = (struct press_run){
        .is_used = true,
        .bridge = bridge,
        .button = button,
        .device = *device,
        .pressed_ms = fleet_now_ms(),
    };
    log_write(bridge->log, LOG_LEVEL_INFO, LOG_EVERY, "PRESS-TAKEN",
              "button %s%s%s was pressed", button->id.text,
              device->text[0] == '\0' ? "" : " of ", device->text);
    status = begin(press);
    if (status == LASTCALL_OK)
        return;
    if (status == LASTCALL_E_MISSING)
        refuse(bridge, device, button, status_name(LASTCALL_NOT_FOUND),
               "no known host belongs to its target; nothing was sent");
    else
        refuse(bridge, device, button, status_name(status),
               status_text(status));
    forget(press);
}

static void end(struct press_run *press, enum lastcall_status status)
{
    struct bridge *bridge = press->bridge;
    const struct campaign *campaign = &press->campaign;
    struct campaign_tally tally;

    press->failure = status;
    dispatch_end(&press->run, status);
    rest_if_lost(press);
    for (size_t i = 0; i < campaign->host_count; i++) {
        if (!campaign->hosts[i].has_answer)
            tell_host(press, campaign, &campaign->hosts[i]);
    }
    campaign_tally(campaign, &tally);
    if (press->button->scope != ADDRESS_HOST)
        tell_all(press, &tally);
    log_write(bridge->log,
              tally.outcomes[OUTCOME_TRUE] == tally.hosts ? LOG_LEVEL_INFO
                                                          : LOG_LEVEL_WARN,
              LOG_EVERY, "PRESS-DONE",
              "button %s%s%s: hosts=%zu true=%zu false=%zu refused=%zu "
              "silent=%zu bad=%zu ms=%lld",
              press->button->id.text,
              press->device.text[0] == '\0' ? "" : " of ", press->device.text,
              tally.hosts, tally.outcomes[OUTCOME_TRUE],
              tally.outcomes[OUTCOME_FALSE], tally.outcomes[OUTCOME_REFUSED],
              tally.outcomes[OUTCOME_SILENT] + tally.outcomes[OUTCOME_OFFLINE] +
                  tally.outcomes[OUTCOME_UNSENT],
              tally.bad, (long long)(fleet_now_ms() - press->pressed_ms));
    if (status != LASTCALL_OK)
        log_write(bridge->log, LOG_LEVEL_ERROR, LOG_LIMITED, "PRESS-FAIL",
                  "the command could not be sent: %s",
                  status == LASTCALL_FORBIDDEN
                      ? "the fleet's broker refused to take it"
                      : status_text(status));
    forget(press);
}

/* --- what comes ----------------------------------------------------------- */

void bridge_take_press(struct bridge *bridge,
                       const struct home_message *message)
{
    const struct home_pressing pressing = {
        .is_retained = message->is_retained,
        .came_ms = message->came_ms,
        .now_ms = fleet_now_ms(),
        .ready_ms = bridge->is_home_up ? bridge->ready_ms : fleet_now_ms(),
        .quiet_ms = bridge->config->quiet_ms,
    };
    const struct home_button *button = NULL;
    struct bridge_device *device = bridge_find(bridge, &message->host);
    struct home_press *state = NULL;
    enum press_verdict verdict = PRESS_UNKNOWN;

    if (device != NULL)
        button = home_press_find(bridge->config, &device->name,
                                 message->payload.data, message->payload.len);
    if (button != NULL)
        state = &device->presses[button - bridge->config->buttons];
    verdict = home_press_judge(state, button, &pressing);
    if (verdict == PRESS_ACCEPTED && button != NULL && device != NULL)
        take(bridge, &device->name, button);
    else
        log_write(bridge->log, LOG_LEVEL_WARN, LOG_LIMITED, "PRESS-DROP",
                  "a press of %s%s does not count: %s",
                  button != NULL ? button->id.text : "no button of ",
                  button != NULL                  ? ""
                  : message->host.text[0] == '\0' ? "the bridge"
                                                  : message->host.text,
                  press_verdict_name(verdict));
}

void bridge_presses_take(struct bridge *bridge, const struct fleet_event *event)
{
    for (size_t i = 0; i < BRIDGE_PRESS_MAX; i++) {
        struct press_run *press = &bridge->runs[i];
        enum lastcall_status status = LASTCALL_OK;

        if (press->is_used)
            status = dispatch_take(&press->run, event);
        if (status != LASTCALL_OK)
            end(press, status);
    }
}

int64_t bridge_presses_tend(struct bridge *bridge, int64_t now_ms)
{
    int64_t due_ms = INT64_MAX;

    for (size_t i = 0; i < BRIDGE_PRESS_MAX; i++) {
        struct press_run *press = &bridge->runs[i];
        enum lastcall_status status = LASTCALL_OK;
        int64_t own_ms = INT64_MAX;

        if (!press->is_used)
            continue;
        if (!dispatch_has_ended(&press->run, now_ms))
            status = dispatch_send(&press->run, now_ms);
        if (status != LASTCALL_OK || dispatch_has_ended(&press->run, now_ms)) {
            end(press, status);
            continue;
        }
        own_ms = dispatch_due_ms(&press->run, now_ms);
        if (own_ms < due_ms)
            due_ms = own_ms;
    }
    return due_ms;
}

void bridge_presses_close(struct bridge *bridge)
{
    const struct fleet_event interrupted = {.kind = FLEET_INTERRUPTED};

    for (size_t i = 0; bridge->runs != NULL && i < BRIDGE_PRESS_MAX; i++) {
        struct press_run *press = &bridge->runs[i];

        if (!press->is_used)
            continue;
        end(press, dispatch_take(&press->run, &interrupted));
    }
    free(bridge->runs);
    bridge->runs = NULL;
}
