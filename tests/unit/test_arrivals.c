/* What came from the broker, and whether some of it may be missing. */
#include "controller/arrivals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TOPIC "lastcall/v1/host/a/status"

static struct arrivals came;

static int set_up(void **state)
{
    (void)state;
    came = (struct arrivals){0};
    return 0;
}

static void note(uint16_t id, enum mqtt_retain retain, const char *topic,
                 int64_t now_ms)
{
    const struct mqtt_message message = {
        .topic = topic, .packet_id = id, .retain = retain};

    arrivals_note(&came, &message, TOPIC_STATUS, now_ms);
}

/* So many messages with ids that follow each other. */
static void note_many(uint16_t first, unsigned count, int64_t now_ms)
{
    for (unsigned i = 0; i < count; i++)
        note((uint16_t)(first + i), MQTT_TRANSIENT, "x", now_ms);
}

static void test_a_gap_counts_in_a_burst_only(void **state)
{
    (void)state;
    note_many(1, 2, 0);
    note(4, MQTT_TRANSIENT, "x", 0); /* 3 is missing */
    note_many(5, ARRIVALS_SAFE - 3, 0);
    assert_false(arrivals_is_burst(&came));
    assert_false(arrivals_may_lack(&came));
    note(ARRIVALS_SAFE + 2, MQTT_TRANSIENT, "x", 0);
    assert_true(arrivals_is_burst(&came));
    assert_true(arrivals_may_lack(&came));
    arrivals_begin(&came);
    note_many(40, ARRIVALS_SAFE + 1, 0); /* where it goes on is no gap */
    assert_true(arrivals_is_burst(&came));
    assert_false(arrivals_may_lack(&came));
}

static void test_ids_begin_again_and_may_be_absent(void **state)
{
    (void)state;
    note_many(UINT16_MAX - ARRIVALS_SAFE, ARRIVALS_SAFE + 1, 0);
    assert_int_equal(came.last_id, UINT16_MAX);
    note(1, MQTT_TRANSIENT, "x", 0);
    note(0, MQTT_TRANSIENT, "x", 0); /* QoS 0 */
    note(2, MQTT_TRANSIENT, "x", 0);
    assert_false(arrivals_may_lack(&came));
}

static void test_the_first_retained_one_is_the_probe(void **state)
{
    const struct mqtt_message list = {.topic = "lastcall/v1/trust/revoked",
                                      .retain = MQTT_RETAINED};

    (void)state;
    arrivals_note(&came, &list, TOPIC_REVOKED, 0);
    note(1, MQTT_TRANSIENT, "lastcall/v1/host/z/status", 0);
    assert_string_equal(came.probe.text, "");
    note(2, MQTT_RETAINED, TOPIC, 0);
    note(3, MQTT_RETAINED, "lastcall/v1/host/b/status", 0);
    assert_string_equal(came.probe.text, TOPIC);
    assert_int_equal(came.retained, 3);
    note(4, MQTT_RETAINED, TOPIC, 0); /* nobody has asked */
    assert_false(came.is_probed);
    came.is_probing = true;
    note(5, MQTT_RETAINED, "lastcall/v1/host/b/status", 0);
    note(6, MQTT_TRANSIENT, TOPIC, 0); /* news of that host */
    assert_false(came.is_probed);
    note(7, MQTT_RETAINED, TOPIC, 0);
    assert_true(came.is_probed);
    arrivals_begin(&came);
    assert_false(came.is_probed || came.is_probing);
    assert_string_equal(came.probe.text, "");
    assert_int_equal(came.retained, 6);
}

static void test_a_burst_of_answers_may_lack_its_end(void **state)
{
    (void)state;
    note_many(1, ARRIVALS_SAFE + 1, 0); /* nothing was asked yet */
    assert_false(arrivals_may_lack_the_last(&came));
    came.has_asked = true;
    note_many(1000, ARRIVALS_SAFE, ARRIVALS_PAUSE_MS + 1);
    assert_false(arrivals_may_lack_the_last(&came));
    note_many(2000, 1, ARRIVALS_PAUSE_MS + 1);
    assert_true(arrivals_may_lack_the_last(&came));
    /* A pause ends it, and so does a rate that any reader keeps up with. */
    note_many(2001, 1, 3 * ARRIVALS_PAUSE_MS);
    assert_false(arrivals_may_lack_the_last(&came));
    for (unsigned i = 0; i < 2 * ARRIVALS_SAFE; i++)
        note_many((uint16_t)(2002 + i), 1,
                  3 * ARRIVALS_PAUSE_MS + (i + 2) * ARRIVALS_SPACING_MS);
    assert_false(arrivals_may_lack_the_last(&came));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_gap_counts_in_a_burst_only, set_up),
        cmocka_unit_test_setup(test_ids_begin_again_and_may_be_absent, set_up),
        cmocka_unit_test_setup(test_the_first_retained_one_is_the_probe,
                               set_up),
        cmocka_unit_test_setup(test_a_burst_of_answers_may_lack_its_end,
                               set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
