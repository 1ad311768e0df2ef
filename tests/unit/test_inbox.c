#include "tests/unit/bodies.h"

#include <pthread.h>

#include "protocol/io/gate.h"
#include "worker/inbox.h"

static struct counters counters;
static struct inbox_batch batch;

static struct inbox *begin(void)
{
    const struct inbox_options options = {
        .fleet = {"lastcall"},
        .clock = &platform_clock,
        .counters = &counters,
    };
    struct inbox *inbox = inbox_open(&options);

    memset(&counters, 0, sizeof(counters));
    memset(&batch, 0, sizeof(batch));
    assert_non_null(inbox);
    return inbox;
}

static void offer(struct inbox *inbox, const char *topic, size_t len,
                  enum mqtt_retain retain)
{
    static unsigned char payload[TOKEN_RESULT_BYTES_MAX];
    const struct mqtt_message message = {
        .topic = topic, .payload = payload, .len = len, .retain = retain};

    assert_true(len <= sizeof(payload));
    inbox_offer(inbox, &message);
}

static size_t taken_count(void)
{
    size_t count = 0;

    for (struct inbox_message *m = batch.messages; m != NULL; m = m->next)
        count++;
    return count;
}

#define ALL "lastcall/v1/all/command"

/* holds 4.1, 4.5, 1.7 */
static void the_form_is_checked_before_the_copy(void **state)
{
    struct inbox *inbox = begin();

    (void)state;
    offer(inbox, ALL, TOKEN_COMMAND_BYTES_MAX, MQTT_TRANSIENT);
    offer(inbox, ALL, TOKEN_COMMAND_BYTES_MAX + 1, MQTT_TRANSIENT);
    offer(inbox, ALL, 10, MQTT_RETAINED);
    offer(inbox, "other/v1/all/command", 10, MQTT_TRANSIENT);
    offer(inbox, "lastcall/v1/host/h/status", 10, MQTT_TRANSIENT);
    offer(inbox, "lastcall/v1/trust/revoked", 10, MQTT_RETAINED);
    offer(inbox, "lastcall/v1/trust/revoked", 65537, MQTT_RETAINED);
    offer(inbox, "lastcall/v1/group/lobby/command", 0, MQTT_TRANSIENT);
    inbox_take(inbox, INBOX_TAKE_ALL, 0, &batch);
    assert_int_equal(taken_count(), 3);
    assert_int_equal(batch.messages->kind, TOPIC_COMMAND);
    assert_int_equal(batch.messages->next->kind, TOPIC_REVOKED);
    assert_int_equal(batch.messages->next->next->address.kind, ADDRESS_GROUP);
    assert_int_equal(counters_read(&counters, COUNTER_RECEIVED), 8);
    assert_int_equal(counters_read(&counters, COUNTER_DROPPED), 5);
    assert_int_equal(counters.dropped[LASTCALL_E_TOO_LARGE], 2);
    assert_int_equal(counters.dropped[LASTCALL_E_RETAINED], 1);
    assert_int_equal(counters.dropped[LASTCALL_E_SYNTAX], 2);
    inbox_batch_deinit(&batch);
    inbox_close(inbox);
}

static void strangers_are_bounded_in_number(void **state)
{
    struct inbox *inbox = begin();

    (void)state;
    for (int i = 0; i < INBOX_MESSAGE_COUNT_MAX + 5; i++)
        offer(inbox, ALL, 1, MQTT_TRANSIENT);
    assert_int_equal(counters.dropped[LASTCALL_BUSY], 5);
    inbox_take(inbox, INBOX_TAKE_ALL, 0, &batch);
    assert_int_equal(taken_count(), INBOX_MESSAGE_COUNT_MAX);
    inbox_batch_deinit(&batch);
    /* Room again. */
    offer(inbox, ALL, 1, MQTT_TRANSIENT);
    assert_int_equal(counters.dropped[LASTCALL_BUSY], 5);
    inbox_close(inbox);
}

static void strangers_are_bounded_in_bytes(void **state)
{
    const unsigned fit = INBOX_MESSAGE_BYTES_MAX / TOKEN_COMMAND_BYTES_MAX;
    struct inbox *inbox = begin();

    (void)state;
    for (unsigned i = 0; i < fit + 3; i++)
        offer(inbox, ALL, TOKEN_COMMAND_BYTES_MAX, MQTT_TRANSIENT);
    assert_int_equal(counters.dropped[LASTCALL_BUSY], 3);
    inbox_close(inbox);
}

static void our_own_events_are_kept(void **state)
{
    struct inbox *inbox = begin();
    struct job jobs[2] = {{.server = 0}, {.server = 1}};
    struct snapshot *older = calloc(1, sizeof(*older));
    struct snapshot *newer = calloc(1, sizeof(*newer));

    (void)state;
    assert_non_null(older);
    assert_non_null(newer);
    older->taken_ms = 1;
    newer->taken_ms = 2;
    inbox_put_job(inbox, &jobs[0]);
    inbox_put_job(inbox, &jobs[1]);
    inbox_put_snapshot(inbox, older);
    inbox_put_snapshot(inbox, newer);
    inbox_put_ack(inbox, 7, LASTCALL_OK);
    inbox_put_ready(inbox);
    inbox_put_stop(inbox, INBOX_RELOAD);
    offer(inbox, ALL, 1, MQTT_TRANSIENT);
    inbox_take(inbox, INBOX_LEAVE_MESSAGES, 0, &batch);
    assert_ptr_equal(batch.jobs, &jobs[0]);
    assert_ptr_equal(batch.jobs->next, &jobs[1]);
    assert_int_equal(batch.snapshots->taken_ms, 2);
    assert_null(batch.snapshots->next);
    assert_int_equal(batch.ack_count, 1);
    assert_int_equal(batch.acks[0].tag, 7);
    assert_int_equal(batch.ready_count, 1);
    assert_int_equal(batch.stop, INBOX_RELOAD);
    assert_null(batch.messages);
    inbox_batch_deinit(&batch);
    inbox_take(inbox, INBOX_TAKE_ALL, 0, &batch);
    assert_int_equal(taken_count(), 1);
    assert_null(batch.jobs);
    assert_int_equal(batch.stop, INBOX_GO_ON);
    inbox_batch_deinit(&batch);
    inbox_close(inbox);
}

static void *offer_from_another_thread(void *inbox)
{
    for (int i = 0; i < 100; i++)
        offer(inbox, ALL, 1, MQTT_TRANSIENT);
    return NULL;
}

static void a_wait_ends_with_the_first_message(void **state)
{
    struct inbox *inbox = begin();
    size_t count = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(
        gate_thread_start(&thread, offer_from_another_thread, inbox),
        LASTCALL_OK);
    while (count < 100) {
        inbox_take(inbox, INBOX_TAKE_ALL, GATE_FOREVER_MS, &batch);
        count += taken_count();
        inbox_batch_deinit(&batch);
    }
    pthread_join(thread, NULL);
    assert_int_equal(count, 100);
    inbox_close(inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_is_checked_before_the_copy),
        cmocka_unit_test(strangers_are_bounded_in_number),
        cmocka_unit_test(strangers_are_bounded_in_bytes),
        cmocka_unit_test(our_own_events_are_kept),
        cmocka_unit_test(a_wait_ends_with_the_first_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
