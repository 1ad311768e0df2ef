/* What a watcher makes of events: new, repeated, missed, noticed afterwards. */
#include "controller/watch.h"
#include "tests/unit/fleet_keys.h"

#define BOOT "boot-1"

static struct registry registry;
static struct watch watch;

/* What was told, as words. */
static char told[4096];

static void add_word(const char *format, ...) LASTCALL_PRINTF(1, 2);

static void add_word(const char *format, ...)
{
    size_t len = strlen(told);
    va_list rest;

    if (len > 0)
        told[len++] = ' ';
    va_start(rest, format);
    (void)vsnprintf(told + len, sizeof told - len, format, rest);
    va_end(rest);
}

static void on_event(void *context, const struct watch_event *event)
{
    const char *before = event->before == NULL
                             ? NULL
                             : session_text(event->before, SESSION_STATE);

    (void)context;
    add_word("%s%s:%s:%s", event->event == NULL ? "~" : "",
             event_kind_name(event->kind),
             session_text(event->session, SESSION_ID),
             before == NULL ? "-" : before);
}

static void on_gap(void *context, const struct name *host,
                   const struct name *server, int64_t missed)
{
    (void)context;
    assert_string_equal(host->text, "media-01");
    assert_string_equal(server->text, "home");
    add_word("gap:%lld", (long long)missed);
}

static const struct watch_sink sink = {NULL, on_event, on_gap};

static int set_up(void **state)
{
    (void)state;
    registry = (struct registry){0};
    watch = (struct watch){0};
    told[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    registry_deinit(&registry);
    watch_deinit(&watch);
    return 0;
}

/* Compare what was told since the last time. */
#define expect(words)                                                          \
    do {                                                                       \
        assert_string_equal(told, words);                                      \
        told[0] = '\0';                                                        \
    } while (0)

static struct session session_of(const char *id, const char *play)
{
    struct session session = {0};

    assert_int_equal(session_set_text(&session, SESSION_ID, id), LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_STATE, play),
                     LASTCALL_OK);
    return session;
}

static struct news news_of(enum topic_kind kind, int64_t iat_s)
{
    return (struct news){.kind = kind, .host = {"media-01"}, .iat_s = iat_s};
}

/* An event of session "id", numbered and dated. */
static void take(const char *boot_id, int64_t seq, int64_t iat_s,
                 enum event_kind kind, const char *id)
{
    struct news news = news_of(TOPIC_EVENT, iat_s);

    news.event = calloc(1, sizeof *news.event);
    assert_non_null(news.event);
    news.event->server = fleet_name("home");
    news.event->kind = kind;
    news.event->seq = seq;
    news.event->session =
        session_of(id, kind == EVENT_CHANGED ? "paused" : "playing");
    (void)snprintf(news.event->boot_id, sizeof news.event->boot_id, "%s",
                   boot_id);
    assert_int_equal(watch_take_event(&watch, &registry, &news, &sink),
                     LASTCALL_OK);
    assert_null(news.event);
}

static struct news list_of(const char *ids, int64_t seq, int64_t iat_s)
{
    struct news news = news_of(TOPIC_SESSIONS, iat_s);
    char id[2] = "";

    news.inventory.server = fleet_name("home");
    news.inventory.seq = seq;
    news.inventory.reachable = true;
    (void)snprintf(news.inventory.boot_id, sizeof news.inventory.boot_id, BOOT);
    for (; *ids != '\0'; ids++) {
        struct session session;

        id[0] = *ids;
        session = session_of(id, "playing");
        assert_int_equal(session_list_take(&news.inventory.sessions, &session),
                         LASTCALL_OK);
    }
    return news;
}

static void hand_over(struct news news)
{
    assert_int_equal(watch_compare(&registry, &news, &sink), LASTCALL_OK);
    assert_int_equal(registry_take(&registry, &news), LASTCALL_OK);
}

static void list(const char *ids, int64_t seq, int64_t iat_s)
{
    hand_over(list_of(ids, seq, iat_s));
}

static void status(const char *boot_id, int64_t iat_s)
{
    struct news news = news_of(TOPIC_STATUS, iat_s);

    (void)snprintf(news.status.boot_id, sizeof news.status.boot_id, "%s",
                   boot_id);
    assert_int_equal(registry_take(&registry, &news), LASTCALL_OK);
}

/* holds 7.9 */
static void test_gaps_and_repetitions(void **state)
{
    (void)state;
    take(BOOT, 5, 100, EVENT_STARTED, "a");
    expect("started:a:-"); /* whatever came before we listened */
    take(BOOT, 6, 100, EVENT_STARTED, "b");
    take(BOOT, 9, 101, EVENT_ENDED, "b");
    expect("started:b:- gap:2 ended:b:-");
    take(BOOT, 9, 101, EVENT_ENDED, "b");
    take(BOOT, 7, 101, EVENT_CHANGED, "b");
    expect("");
    assert_int_equal(watch.repeated_count, 2);
    /* a clock that was set back does not matter within one life */
    take(BOOT, 10, 50, EVENT_STARTED, "c");
    expect("started:c:-");
}

static void test_another_life(void **state)
{
    (void)state;
    take(BOOT, 5, 100, EVENT_STARTED, "a");
    take("boot-0", 900, 99, EVENT_ENDED, "a"); /* the one before */
    expect("started:a:-");
    take("boot-2", 3, 100, EVENT_STARTED, "b");
    expect("gap:2 started:b:-");
    take(BOOT, 6, 99, EVENT_STARTED, "c");
    expect("");
    /* the status says which life is now */
    status("boot-3", 200);
    take("boot-2", 4, 200, EVENT_STARTED, "d");
    take(BOOT, 7, 150, EVENT_STARTED, "e");
    expect("");
    take("boot-3", 1, 200, EVENT_STARTED, "f");
    expect("started:f:-");
    assert_int_equal(watch.repeated_count, 4);
}

static void test_the_first_is_judged_by_what_was_published(void **state)
{
    (void)state;
    status(BOOT, 90);
    list("a", 1, 100);
    take(BOOT, 5, 99, EVENT_ENDED, "a");
    take("boot-0", 5, 90, EVENT_ENDED, "a");
    expect("");
    take(BOOT, 6, 100, EVENT_ENDED, "a");
    expect("ended:a:playing");
    assert_int_equal(watch.repeated_count, 2);
}

static void test_numbers_that_a_host_may_invent(void **state)
{
    (void)state;
    take(BOOT, INT64_MAX, 100, EVENT_STARTED, "a");
    take(BOOT, 0, 100, EVENT_STARTED, "b");
    take("boot-2", 0, 100, EVENT_STARTED, "c");
    take("boot-2", INT64_MAX, 100, EVENT_STARTED, "d");
    expect("started:a:- started:c:- gap:9223372036854775806 started:d:-");
    assert_int_equal(watch.repeated_count, 1);
    watch.share = WATCH_SHARED;
    take("boot-2", INT64_MAX - WATCH_WINDOW, 100, EVENT_STARTED, "e");
    take("boot-2", INT64_MAX - WATCH_WINDOW + 1, 100, EVENT_STARTED, "f");
    expect("started:f:-");
}

static void test_shared_events_come_in_any_order(void **state)
{
    static const int seqs[] = {7, 10, 8, 8, 9, 10, 200, 137, 136, 137, 8};

    (void)state;
    watch.share = WATCH_SHARED;
    for (size_t i = 0; i < sizeof seqs / sizeof seqs[0]; i++) {
        char id[16];

        (void)snprintf(id, sizeof id, "%d", seqs[i]);
        take(BOOT, seqs[i], 100, EVENT_STARTED, id);
    }
    expect("started:7:- started:10:- started:8:- started:9:- started:200:- "
           "started:137:-");
    assert_int_equal(watch.repeated_count, 5);
    /* what was seen of one life says nothing of the next */
    take(BOOT, 201, 100, EVENT_STARTED, "201");
    expect("started:201:-");
    take("boot-2", 2, 101, EVENT_STARTED, "2");
    take("boot-2", 1, 101, EVENT_STARTED, "1");
    take("boot-2", 0, 101, EVENT_STARTED, "0");
    expect("started:2:- started:1:- started:0:-");
}

static void test_events_keep_the_list(void **state)
{
    (void)state;
    list("ab", 1, 100);
    expect("");
    take(BOOT, 1, 100, EVENT_CHANGED, "a");
    take(BOOT, 2, 100, EVENT_CHANGED, "a");
    take(BOOT, 3, 100, EVENT_STARTED, "c");
    take(BOOT, 4, 100, EVENT_ENDED, "b");
    take(BOOT, 5, 100, EVENT_ENDED, "a");
    take(BOOT, 6, 100, EVENT_ENDED, "x");
    expect("changed:a:playing changed:a:paused started:c:- ended:b:playing "
           "ended:a:paused ended:x:-");
    list("c", 2, 101);
    expect("");
}

static void test_what_no_event_told(void **state)
{
    (void)state;
    list("dba", 1, 100);
    take(BOOT, 1, 100, EVENT_CHANGED, "b");
    expect("changed:b:playing");
    list("cbe", 2, 101);
    expect("~ended:a:playing ~changed:b:paused ~started:c:- ~ended:d:playing "
           "~started:e:-");
    /* neither what is not newer ... */
    list("", 2, 101);
    list("", 1, 200);
    list("", 0, 300);
    take(BOOT, 2, 102, EVENT_CHANGED, "b");
    expect("changed:b:playing");
    /* ... nor what only moved, nor what does not say all */
    {
        struct news news = list_of("cbe", 3, 102);

        session_set_integer(&news.inventory.sessions.items[0], SESSION_IDLE_S,
                            5);
        assert_int_equal(watch_compare(&registry, &news, &sink), LASTCALL_OK);
        news_deinit(&news);
        expect("~changed:b:paused");
        news = list_of("", 3, 102);
        news.inventory.reachable = false;
        hand_over(news);
        news = list_of("z", 4, 103);
        news.inventory.truncated = true;
        hand_over(news);
    }
    list("cbe", 5, 104);
    expect("");
    /* a clock that is set back makes no list of the same life an old one */
    list("cb", 6, 50);
    expect("~ended:e:playing");
}

static void test_many_servers(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 1000; i++) {
            struct news news = news_of(TOPIC_EVENT, 100);

            (void)snprintf(news.host.text, sizeof news.host.text, "h%u", i / 2);
            news.event = calloc(1, sizeof *news.event);
            assert_non_null(news.event);
            news.event->server = fleet_name(i % 2 == 0 ? "one" : "two");
            news.event->seq = 1;
            (void)snprintf(news.event->boot_id, sizeof news.event->boot_id,
                           BOOT);
            news.event->session = session_of("a", "playing");
            told[0] = '\0';
            assert_int_equal(watch_take_event(&watch, &registry, &news, &sink),
                             LASTCALL_OK);
        }
    }
    assert_int_equal(watch.track_count, 1000);
    assert_int_equal(watch.repeated_count, 1000);
}

/* Beyond the bound events are shown; nobody can say whether they are new. */
static void test_too_many_servers(void **state)
{
    (void)state;
    watch.tracks = calloc(WATCH_TRACK_MAX, sizeof *watch.tracks);
    assert_non_null(watch.tracks);
    watch.track_count = WATCH_TRACK_MAX;
    watch.track_capacity = WATCH_TRACK_MAX;
    take(BOOT, 1, 100, EVENT_STARTED, "a");
    take(BOOT, 1, 100, EVENT_STARTED, "a");
    expect("started:a:- started:a:-");
    assert_int_equal(watch.track_count, WATCH_TRACK_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gaps_and_repetitions, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_another_life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_the_first_is_judged_by_what_was_published, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_that_a_host_may_invent,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shared_events_come_in_any_order,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_events_keep_the_list, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_no_event_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_many_servers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_servers, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
