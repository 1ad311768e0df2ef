#include "tests/unit/bodies.h"
#include "tests/unit/scratch.h"

#include <unistd.h>

#include "worker/delivery.h"

#define SENT_MAX 16

static struct {
    char directory[64];
    struct journal journal;
    struct identity identity;
    struct counters counters;
    struct delivery delivery;
    size_t room; /* publishes that the link takes */
    uint64_t sent[SENT_MAX];
    size_t sent_count;
} stage;

static enum lastcall_status
on_publish(void *context, const struct mqtt_message *message, uint64_t tag)
{
    (void)context;
    (void)message;
    if (stage.room == 0)
        return LASTCALL_BUSY;
    stage.room--;
    assert_true(stage.sent_count < SENT_MAX);
    stage.sent[stage.sent_count++] = tag;
    return LASTCALL_OK;
}

static size_t count_sent(int64_t id)
{
    size_t count = 0;

    for (size_t i = 0; i < stage.sent_count; i++)
        count += stage.sent[i] == (uint64_t)id;
    return count;
}

static int set_up(void **state)
{
    const struct delivery_options options = {
        .identity = &stage.identity,
        .journal = &stage.journal,
        .clock = &platform_clock,
        .counters = &stage.counters,
        .publisher = {NULL, on_publish},
    };
    struct platform_error error;

    (void)state;
    memset(&stage, 0, sizeof(stage));
    stage.identity.host = (struct name){"media-01"};
    stage.identity.fleet = (struct name){"lastcall"};
    snprintf(stage.directory, sizeof(stage.directory),
             "/tmp/lastcall-delivery-XXXXXX");
    if (scratch_make(stage.directory) == NULL ||
        journal_open(stage.directory, 100, &stage.journal, &error) !=
            LASTCALL_OK)
        return -1;
    delivery_init(&stage.delivery, &options);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"/journal.db", "/journal.db-wal",
                                        "/journal.db-shm", "/lock"};
    char path[128];

    (void)state;
    journal_close(&stage.journal);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", stage.directory, files[i]);
        (void)unlink(path);
    }
    return rmdir(stage.directory);
}

/* Remember a command; its id is 1, 2, 3, ... */
static struct journal_entry begin(int number)
{
    struct journal_entry entry = {
        .issuer = "controller:alice",
        .hash = "h",
        .audience = {.kind = ADDRESS_ALL},
        .exp_s = INT32_MAX,
    };
    enum journal_seen seen = JOURNAL_OTHER;
    struct bytes none;

    snprintf(entry.request_id.text, sizeof(entry.request_id.text),
             "delivery-%08d", number);
    assert_int_equal(journal_open_batch(&stage.journal, STORE_SURVIVES_PROCESS),
                     LASTCALL_OK);
    assert_int_equal(journal_begin(&stage.journal, &entry, &seen, &none),
                     LASTCALL_OK);
    assert_int_equal(seen, JOURNAL_NEW);
    assert_int_equal(journal_commit_batch(&stage.journal), LASTCALL_OK);
    assert_int_equal(entry.id, number);
    return entry;
}

static void record(const struct journal_entry *entry, const struct bytes *token)
{
    assert_int_equal(journal_open_batch(&stage.journal, STORE_SURVIVES_PROCESS),
                     LASTCALL_OK);
    assert_int_equal(journal_finish(&stage.journal, entry, 1, token),
                     LASTCALL_OK);
    assert_int_equal(journal_commit_batch(&stage.journal), LASTCALL_OK);
}

static struct bytes token_new(void)
{
    struct bytes token;

    bytes_init(&token, 100);
    assert_int_equal(bytes_append_text(&token, "signed"), LASTCALL_OK);
    return token;
}

/* holds 4.16 */
static void a_result_that_is_late_is_not_passed_by(void **state)
{
    struct journal_entry entries[3];
    struct bytes token = token_new();

    (void)state;
    for (int i = 0; i < 3; i++)
        entries[i] = begin(i + 1);
    /* The link takes none; then one, and the second is caught up. */
    record(&entries[1], &token);
    delivery_send(&stage.delivery, &entries[1], &token);
    record(&entries[2], &token);
    delivery_send(&stage.delivery, &entries[2], &token);
    stage.room = 1;
    (void)delivery_tick(&stage.delivery);
    assert_int_equal(count_sent(2), 1);
    /* Only now the first is finished. */
    record(&entries[0], &token);
    delivery_send(&stage.delivery, &entries[0], &token);
    stage.room = SENT_MAX;
    (void)delivery_tick(&stage.delivery);
    assert_int_equal(count_sent(1), 1);
    assert_int_equal(count_sent(3), 1);
    bytes_deinit(&token);
}

/* What went out and waits for its acknowledgement is left alone. */
static void what_is_under_way_is_not_sent_again(void **state)
{
    struct journal_entry first;
    struct journal_entry second;
    struct bytes token = token_new();

    (void)state;
    first = begin(1);
    second = begin(2);
    record(&first, &token);
    record(&second, &token);
    stage.room = 1;
    delivery_send(&stage.delivery, &first, &token);
    delivery_send(&stage.delivery, &second, &token);
    stage.room = SENT_MAX;
    (void)delivery_tick(&stage.delivery);
    assert_int_equal(count_sent(1), 1);
    assert_int_equal(count_sent(2), 1);
    bytes_deinit(&token);
}

/* holds 4.16 */
static void after_a_connect_all_goes_out_that_nobody_took(void **state)
{
    struct journal_entry entries[2];
    struct bytes token = token_new();

    (void)state;
    stage.room = SENT_MAX;
    for (int i = 0; i < 2; i++) {
        entries[i] = begin(i + 1);
        record(&entries[i], &token);
        delivery_send(&stage.delivery, &entries[i], &token);
    }
    delivery_end(&stage.delivery, 1, LASTCALL_OK);
    delivery_end(&stage.delivery, 2, LASTCALL_E_LINK);
    delivery_ready(&stage.delivery);
    (void)delivery_tick(&stage.delivery);
    assert_int_equal(count_sent(1), 1);
    assert_int_equal(count_sent(2), 2);
    bytes_deinit(&token);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_result_that_is_late_is_not_passed_by),
        TEST(what_is_under_way_is_not_sent_again),
        TEST(after_a_connect_all_goes_out_that_nobody_took),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
