#include "worker/inbox.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/gate.h"
#include "protocol/token.h"

struct inbox {
    struct inbox_options options;

    struct gate gate; /* guards what follows */
    struct inbox_message *first, *last;
    size_t message_count, message_bytes;
    struct job *jobs;
    struct snapshot *snapshots;
    struct inbox_ack acks[INBOX_ACK_COUNT_MAX];
    size_t ack_count;
    unsigned ready_count;
    enum inbox_stop stop;
    bool is_nudged;
    bool is_waited_for;
    bool was_shared; /* several things were there at the last take */
};

struct inbox *inbox_open(const struct inbox_options *options)
{
    struct inbox *inbox = calloc(1, sizeof(*inbox));

    if (inbox == NULL)
        return NULL;
    inbox->options = *options;
    if (gate_init(&inbox->gate) != LASTCALL_OK) {
        free(inbox);
        return NULL;
    }
    return inbox;
}

static void messages_free(struct inbox_message *messages)
{
    while (messages != NULL) {
        struct inbox_message *next = messages->next;

        free(messages);
        messages = next;
    }
}

static void snapshots_free(struct snapshot *snapshots)
{
    while (snapshots != NULL) {
        struct snapshot *next = snapshots->next;

        snapshot_free(snapshots);
        snapshots = next;
    }
}

void inbox_close(struct inbox *inbox)
{
    if (inbox == NULL)
        return;
    messages_free(inbox->first);
    snapshots_free(inbox->snapshots);
    gate_deinit(&inbox->gate);
    free(inbox);
}

/*
 * Unlock the gate, and wake the pipeline if it sleeps.  Once is enough: it
 * takes everything.
 */
static void unlock_and_wake(struct inbox *inbox)
{
    const bool is_waited_for = inbox->is_waited_for;

    inbox->is_waited_for = false;
    gate_unlock(&inbox->gate);
    if (is_waited_for)
        gate_signal(&inbox->gate);
}

static void drop(struct inbox *inbox, enum lastcall_status reason)
{
    counters_drop(inbox->options.counters, reason);
    log_write(inbox->options.log, LOG_LEVEL_WARN, LOG_LIMITED, "MESSAGE-DROP",
              "a message was dropped: %s", status_text(reason));
}

/* Step 1 of PROTOCOL.md, section 4. */
static enum lastcall_status check_form(const struct inbox *inbox,
                                       const struct mqtt_message *message,
                                       struct topic_parts *parts)
{
    if (topic_parse(inbox->options.fleet.text, message->topic, parts) !=
        LASTCALL_OK)
        return LASTCALL_E_SYNTAX;
    if (parts->kind == TOPIC_COMMAND) {
        if (message->retain == MQTT_RETAINED)
            return LASTCALL_E_RETAINED;
        if (message->len > TOKEN_COMMAND_BYTES_MAX)
            return LASTCALL_E_TOO_LARGE;
        return LASTCALL_OK;
    }
    if (parts->kind == TOPIC_MAINTENANCE)
        return message->len <= token_type_bytes_max(TOKEN_MAINTENANCE)
                   ? LASTCALL_OK
                   : LASTCALL_E_TOO_LARGE;
    if (parts->kind != TOPIC_REVOKED)
        return LASTCALL_E_SYNTAX;
    if (message->len > token_type_bytes_max(TOKEN_REVOCATION))
        return LASTCALL_E_TOO_LARGE;
    return LASTCALL_OK;
}

static enum lastcall_status put_message(struct inbox *inbox,
                                        struct inbox_message *message)
{
    enum lastcall_status status = LASTCALL_BUSY;

    gate_lock(&inbox->gate);
    if (inbox->message_count < INBOX_MESSAGE_COUNT_MAX &&
        inbox->message_bytes + message->len <= INBOX_MESSAGE_BYTES_MAX) {
        if (inbox->last != NULL)
            inbox->last->next = message;
        else
            inbox->first = message;
        inbox->last = message;
        inbox->message_count++;
        inbox->message_bytes += message->len;
        status = LASTCALL_OK;
    }
    unlock_and_wake(inbox);
    return status;
}

void inbox_offer(struct inbox *inbox, const struct mqtt_message *message)
{
    const struct clock *clock = inbox->options.clock;
    enum lastcall_status status = LASTCALL_E_SYNTAX;
    struct inbox_message *copy = NULL;
    struct topic_parts parts;

    counters_add(inbox->options.counters, COUNTER_RECEIVED);
    status = check_form(inbox, message, &parts);
    if (status != LASTCALL_OK)
        goto out;
    status = LASTCALL_E_NOMEM;
    copy = malloc(sizeof(*copy) + message->len);
    if (copy == NULL)
        goto out;
    copy->next = NULL;
    copy->kind = parts.kind;
    copy->address = parts.address;
    copy->plan = parts.plan;
    copy->received_ms = clock->wall_ms(clock->state);
    copy->len = message->len;
    if (message->len > 0)
        memcpy(copy->data, message->payload, message->len);
    status = put_message(inbox, copy);
    if (status != LASTCALL_OK)
        free(copy);

out:
    if (status != LASTCALL_OK)
        drop(inbox, status);
}

void inbox_put_job(struct inbox *inbox, struct job *job)
{
    gate_lock(&inbox->gate);
    job->next = inbox->jobs;
    inbox->jobs = job;
    unlock_and_wake(inbox);
}

void inbox_put_snapshot(struct inbox *inbox, struct snapshot *snapshot)
{
    struct snapshot **link = &inbox->snapshots;
    struct snapshot *older = NULL;

    gate_lock(&inbox->gate);
    while (*link != NULL && (*link)->server != snapshot->server)
        link = &(*link)->next;
    older = *link;
    snapshot->next = older != NULL ? older->next : NULL;
    *link = snapshot;
    unlock_and_wake(inbox);
    snapshot_free(older);
}

void inbox_put_ack(struct inbox *inbox, uint64_t tag,
                   enum lastcall_status status)
{
    gate_lock(&inbox->gate);
    if (inbox->ack_count < INBOX_ACK_COUNT_MAX)
        inbox->acks[inbox->ack_count++] = (struct inbox_ack){tag, status};
    if (inbox->ack_count >= INBOX_ACK_WAKE_COUNT)
        unlock_and_wake(inbox);
    else
        gate_unlock(&inbox->gate);
}

void inbox_put_ready(struct inbox *inbox)
{
    gate_lock(&inbox->gate);
    inbox->ready_count++;
    unlock_and_wake(inbox);
}

void inbox_put_stop(struct inbox *inbox, enum inbox_stop stop)
{
    gate_lock(&inbox->gate);
    inbox->stop = stop;
    unlock_and_wake(inbox);
}

void inbox_nudge(struct inbox *inbox)
{
    gate_lock(&inbox->gate);
    inbox->is_nudged = true;
    unlock_and_wake(inbox);
}

/* With the gate locked. */
static bool has_something(const struct inbox *inbox, enum inbox_take what)
{
    return (inbox->first != NULL && what == INBOX_TAKE_ALL) ||
           inbox->jobs != NULL || inbox->snapshots != NULL ||
           inbox->ack_count >= INBOX_ACK_WAKE_COUNT || inbox->ready_count > 0 ||
           inbox->stop != INBOX_GO_ON || inbox->is_nudged;
}

/* Jobs were put in front: give them in the order they came. */
static struct job *jobs_reverse(struct job *jobs)
{
    struct job *reversed = NULL;

    while (jobs != NULL) {
        struct job *next = jobs->next;

        jobs->next = reversed;
        reversed = jobs;
        jobs = next;
    }
    return reversed;
}

/* With the gate locked. */
static void move_all(struct inbox *inbox, enum inbox_take what,
                     struct inbox_batch *out)
{
    out->messages = NULL;
    if (what == INBOX_TAKE_ALL) {
        out->messages = inbox->first;
        inbox->first = NULL;
        inbox->last = NULL;
        inbox->message_count = 0;
        inbox->message_bytes = 0;
    }
    out->jobs = jobs_reverse(inbox->jobs);
    inbox->jobs = NULL;
    out->snapshots = inbox->snapshots;
    inbox->snapshots = NULL;
    memcpy(out->acks, inbox->acks, inbox->ack_count * sizeof(out->acks[0]));
    out->ack_count = inbox->ack_count;
    inbox->ack_count = 0;
    out->ready_count = inbox->ready_count;
    inbox->ready_count = 0;
    out->stop = inbox->stop;
    inbox->stop = INBOX_GO_ON;
    inbox->is_nudged = false;
}

void inbox_take(struct inbox *inbox, enum inbox_take what, int64_t timeout_ms,
                struct inbox_batch *out)
{
    gate_lock(&inbox->gate);
    if (!has_something(inbox, what) && timeout_ms != 0) {
        inbox->is_waited_for = true;
        gate_wait(&inbox->gate, timeout_ms);
        inbox->is_waited_for = false;
        if (inbox->was_shared) {
            /* Whoever was about to add something does so now: on one core
             * that is a quarter more commands for each second (measured),
             * because more of them share a commit. */
            gate_unlock(&inbox->gate);
            sched_yield();
            gate_lock(&inbox->gate);
        }
    }
    inbox->was_shared = inbox->message_count > 1 ||
                        (inbox->jobs != NULL && inbox->jobs->next != NULL);
    move_all(inbox, what, out);
    gate_unlock(&inbox->gate);
}

void inbox_batch_deinit(struct inbox_batch *batch)
{
    messages_free(batch->messages);
    batch->messages = NULL;
    snapshots_free(batch->snapshots);
    batch->snapshots = NULL;
}
