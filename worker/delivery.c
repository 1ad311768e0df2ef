#include "worker/delivery.h"

#include <string.h>

#include "protocol/topic.h"

static int64_t now_ms(const struct delivery *delivery)
{
    const struct clock *clock = delivery->options.clock;

    return clock->monotonic_ms(clock->state);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void delivery_init(struct delivery *delivery,
                   const struct delivery_options *options)
{
    *delivery = (struct delivery){.options = *options};
}

static enum lastcall_status publish(struct delivery *delivery,
                                    const struct journal_entry *entry,
                                    const struct bytes *token)
{
    const struct delivery_options *options = &delivery->options;
    struct topic_parts parts = {
        .kind = TOPIC_RESULT,
        .host = options->identity->host,
        .request_id = entry->request_id,
    };
    enum lastcall_status status = LASTCALL_E_SYNTAX;
    enum subject_kind kind = SUBJECT_HOST;
    struct mqtt_message message = {0};
    struct topic topic;

    if (subject_parse(entry->issuer, &kind, &parts.controller) != LASTCALL_OK)
        return LASTCALL_E_SYNTAX;
    topic_format(options->identity->fleet.text, &parts, &topic);
    message.topic = topic.text;
    message.payload = token->data;
    message.len = token->len;
    message.qos = 1;
    status = options->publisher.publish(options->publisher.context, &message,
                                        (uint64_t)entry->id);
    if (status == LASTCALL_E_TOO_LARGE)
        log_write(options->log, LOG_LEVEL_ERROR, LOG_LIMITED, "RESULT-LARGE",
                  "a result of %zu bytes is over the broker's Maximum Packet "
                  "Size; raise that, or ask for fewer sessions",
                  token->len);
    return status;
}

/* Count a result as under way, and see to its acknowledgement in time. */
static void note_sent(struct delivery *delivery)
{
    if (delivery->out_count == 0 && delivery->acked_count == 0)
        delivery->ack_due_ms = now_ms(delivery) + DELIVERY_ACK_DELAY_MS;
    delivery->out_count++;
}

void delivery_send(struct delivery *delivery, const struct journal_entry *entry,
                   const struct bytes *token)
{
    enum lastcall_status status = LASTCALL_BUSY;

    if (entry->id == 0 || delivery->out_count < DELIVERY_OUT_MAX)
        status = publish(delivery, entry, token);
    if (status == LASTCALL_OK) {
        if (entry->id != 0)
            note_sent(delivery);
        return;
    }
    if (status == LASTCALL_E_LINK || status == LASTCALL_E_TOO_LARGE)
        return; /* it goes out with the next connect, if it was recorded */
    if (entry->id != 0)
        delivery_want(delivery, entry->id);
}

void delivery_want(struct delivery *delivery, int64_t id)
{
    /* Results are finished out of order: never pass one by. */
    if (!delivery->is_behind || id <= delivery->cursor)
        delivery->cursor = id - 1;
    delivery->is_behind = true;
}

void delivery_hold(struct delivery *delivery, const struct journal_entry *entry,
                   const struct bytes *token, int64_t delay_ms)
{
    if (delay_ms <= 0 || entry->id == 0 ||
        delivery->held_count == DELIVERY_HELD_MAX) {
        delivery_send(delivery, entry, token);
        return;
    }
    delivery->held[delivery->held_count++] =
        (struct delivery_held){now_ms(delivery) + delay_ms, entry->id};
}

void delivery_end(struct delivery *delivery, uint64_t tag,
                  enum lastcall_status status)
{
    if (tag == 0)
        return;
    if (delivery->out_count > 0)
        delivery->out_count--;
    if (status == LASTCALL_FORBIDDEN) {
        log_write(delivery->options.log, LOG_LEVEL_ERROR, LOG_LIMITED,
                  "RESULT-REFUSED",
                  "the broker refused a result; its access rules must let "
                  "this host write below its own topics");
        return;
    }
    if (status != LASTCALL_OK)
        return; /* went down with the connection: the next one sends it */
    counters_add(delivery->options.counters, COUNTER_PUBLISHED);
    if (delivery->acked_count == INBOX_ACK_COUNT_MAX)
        return; /* at worst it is sent once more */
    delivery->acked[delivery->acked_count++] = (int64_t)tag;
}

void delivery_ready(struct delivery *delivery)
{
    delivery->is_behind = true;
    delivery->cursor = 0;
}

static bool is_held_or_acked(const struct delivery *delivery, int64_t id)
{
    for (size_t i = 0; i < delivery->held_count; i++) {
        if (delivery->held[i].id == id)
            return true;
    }
    for (size_t i = 0; i < delivery->acked_count; i++) {
        if (delivery->acked[i] == id)
            return true;
    }
    return false;
}

/* Send from the journal until all is sent or enough is under way. */
static void catch_up(struct delivery *delivery)
{
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK && delivery->out_count < DELIVERY_OUT_MAX) {
        struct journal_entry entry;
        struct bytes token;

        status = journal_next_undelivered(delivery->options.journal,
                                          delivery->cursor, &entry, &token);
        if (status != LASTCALL_OK) {
            delivery->is_behind = false;
        } else if (!is_held_or_acked(delivery, entry.id)) {
            status = publish(delivery, &entry, &token);
            if (status == LASTCALL_OK)
                note_sent(delivery);
        }
        if (status == LASTCALL_E_SYNTAX || status == LASTCALL_E_TOO_LARGE)
            status = LASTCALL_OK; /* the next one may do better */
        if (status == LASTCALL_OK)
            delivery->cursor = entry.id;
        if (status == LASTCALL_E_LINK)
            delivery->is_behind = false; /* until the next connect */
        bytes_deinit(&token);
    }
}

/* Send a held result: it waits in the journal. */
static void release_one(struct delivery *delivery, int64_t id)
{
    struct journal_entry entry;
    struct bytes token;

    if (journal_next_undelivered(delivery->options.journal, id - 1, &entry,
                                 &token) == LASTCALL_OK &&
        entry.id == id)
        delivery_send(delivery, &entry, &token);
    bytes_deinit(&token);
}

void delivery_release(struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->held_count; i++)
        release_one(delivery, delivery->held[i].id);
    delivery->held_count = 0;
}

/* Acknowledgements wake nobody one by one: when to look for them. */
static int64_t look_for_acks(struct delivery *delivery, int64_t now)
{
    if (delivery->out_count == 0 && delivery->acked_count == 0 &&
        !delivery->is_behind)
        return DELIVERY_NEVER;
    if (delivery->acked_count == 0 && delivery->ack_due_ms <= now)
        delivery->ack_due_ms = now + DELIVERY_ACK_DELAY_MS;
    return delivery->ack_due_ms;
}

int64_t delivery_tick(struct delivery *delivery)
{
    const int64_t now = now_ms(delivery);
    int64_t next = DELIVERY_NEVER;
    size_t kept = 0;

    for (size_t i = 0; i < delivery->held_count; i++) {
        const struct delivery_held held = delivery->held[i];

        if (held.due_ms <= now) {
            release_one(delivery, held.id);
            continue;
        }
        delivery->held[kept++] = held;
        next = earlier(next, held.due_ms);
    }
    delivery->held_count = kept;
    if (delivery->is_behind)
        catch_up(delivery);
    return earlier(next, look_for_acks(delivery, now));
}

bool delivery_wants_write(const struct delivery *delivery)
{
    return delivery->acked_count > 0 &&
           now_ms(delivery) >= delivery->ack_due_ms;
}

enum lastcall_status delivery_write(struct delivery *delivery)
{
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < delivery->acked_count && status == LASTCALL_OK; i++)
        status = journal_deliver(delivery->options.journal, delivery->acked[i]);
    if (status != LASTCALL_OK)
        delivery->ack_due_ms = now_ms(delivery) + DELIVERY_ACK_DELAY_MS;
    return status;
}

void delivery_written(struct delivery *delivery)
{
    delivery->acked_count = 0;
}
