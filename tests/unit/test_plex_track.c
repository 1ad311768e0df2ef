#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "worker/plex_track.h"

#define WALL_MS INT64_C(1700000000000)
#define BEGAN "2023-11-14T22:13:20.000Z"

static void add(struct session_list *list, const char *id, const char *key,
                const char *state)
{
    struct session session = {0};

    assert_int_equal(session_set_text(&session, SESSION_ID, id), LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_SESSION_KEY, key),
                     LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_STATE, state),
                     LASTCALL_OK);
    assert_int_equal(session_list_take(list, &session), LASTCALL_OK);
}

/* See one session and say how long it has been paused; -1: it is not. */
static int64_t see(struct plex_track *track, const char *key, const char *state,
                   int64_t monotonic_ms)
{
    struct session_list list = {0};
    int64_t paused_s = -1;

    add(&list, "a", key, state);
    assert_int_equal(
        plex_track_update(track, &list, WALL_MS + monotonic_ms, monotonic_ms),
        LASTCALL_OK);
    assert_int_equal(track->count, 1);
    if (list.items[0].fields[SESSION_PAUSED_S].kind == VALUE_INTEGER)
        paused_s = list.items[0].fields[SESSION_PAUSED_S].as.integer;
    session_list_deinit(&list);
    return paused_s;
}

static void a_pause_counts_from_when_it_was_seen(void **state)
{
    struct plex_track track = {0};

    (void)state;
    assert_int_equal(see(&track, "1", "playing", 0), -1);
    assert_int_equal(see(&track, "1", "paused", 5000), 0);
    assert_int_equal(see(&track, "1", "paused", 5999), 0);
    assert_int_equal(see(&track, "1", "paused", 65000), 60);
    assert_int_equal(see(&track, "1", "buffering", 66000), -1);
    assert_int_equal(see(&track, "1", "paused", 67000), 0);
    /* The same id under another key is another session. */
    assert_int_equal(see(&track, "2", "paused", 90000), 0);
    plex_track_deinit(&track);
}

static void what_leaves_is_forgotten(void **state)
{
    struct plex_track track = {0};
    struct session_list none = {0};

    (void)state;
    assert_int_equal(see(&track, "1", "paused", 0), 0);
    assert_int_equal(plex_track_update(&track, &none, WALL_MS, 1000),
                     LASTCALL_OK);
    assert_int_equal(track.count, 0);
    assert_int_equal(see(&track, "1", "paused", 10000), 0);
    plex_track_deinit(&track);
}

/* Twins, sessions without a state, and a full list. */
static void a_list_of_any_kind_is_tracked(void **state)
{
    struct plex_track track = {0};
    struct session_list list = {0};
    char id[16];

    (void)state;
    add(&list, "twin", "1", "paused");
    add(&list, "twin", "1", "paused");
    add(&list, "x", NULL, NULL);
    while (list.count < SESSION_COUNT_MAX) {
        (void)snprintf(id, sizeof(id), "%zu", list.count);
        add(&list, id, id, "playing");
    }
    for (int64_t i = 0; i < 3; i++)
        assert_int_equal(
            plex_track_update(&track, &list, WALL_MS + i, i * 1000),
            LASTCALL_OK);
    assert_int_equal(track.count, SESSION_COUNT_MAX);
    assert_int_equal(list.items[1].fields[SESSION_PAUSED_S].as.integer, 2);
    assert_int_equal(list.items[2].fields[SESSION_IDLE_S].kind, VALUE_NULL);
    for (size_t i = 0; i < list.count; i++)
        assert_string_equal(session_text(&list.items[i], SESSION_STARTED_AT),
                            BEGAN);
    session_list_deinit(&list);
    plex_track_deinit(&track);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_counts_from_when_it_was_seen),
        cmocka_unit_test(what_leaves_is_forgotten),
        cmocka_unit_test(a_list_of_any_kind_is_tracked),
    };

    return cmocka_run_group_tests_name("plex_track", tests, NULL, NULL);
}
