/* The fleet from retained tokens: what is believed, and what is not. */
#include "controller/registry.h"
#include "tests/unit/fleet_keys.h"

#define NOW_MS (FLEET_NOW_S * 1000)

static struct fleet_keys fleet;
static struct member media;
static struct member alice;
static struct registry registry;
static uint64_t session; /* in which the next token comes */

static int set_up(void **state)
{
    (void)state;
    fleet_keys_init(&fleet);
    member_init(&media, &fleet.root, SUBJECT_HOST, "media-01", "lobby");
    member_init(&alice, &fleet.root, SUBJECT_CONTROLLER, "alice", NULL);
    registry = (struct registry){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    registry_deinit(&registry);
    member_deinit(&media);
    member_deinit(&alice);
    fleet_keys_deinit(&fleet);
    return 0;
}

static char *status_token(const struct member *member, enum host_state host,
                          const char *boot_id, int64_t iat_s)
{
    struct host_status status = {
        .state = host,
        .version = "0.1.0",
        .protocol = 1,
        .os = "test",
        .clock_ms = iat_s * 1000,
    };

    (void)snprintf(status.boot_id, sizeof status.boot_id, "%s", boot_id);
    return fleet_sign(
        TOKEN_STATUS, &member->key, member->grant,
        host_status_encode(member->subject, iat_s, "jti", &status));
}

static char *inventory_token(const struct member *member, const char *server,
                             int64_t iat_s, int64_t seq)
{
    struct inventory inventory = {
        .server = fleet_name(server),
        .backend = BACKEND_PLEX,
        .boot_id = "boot-1",
        .seq = seq,
        .taken_ms = iat_s * 1000,
        .reachable = true,
    };

    return fleet_sign(
        TOKEN_SESSIONS, &member->key, member->grant,
        inventory_encode(member->subject, iat_s, "jti", &inventory));
}

/* Hand a token over as a topic's; frees it. */
static enum lastcall_status take(const char *topic, char *token)
{
    struct topic_parts parts;
    struct bytes message;
    struct news news;
    struct json_error why;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    assert_int_equal(topic_parse("lastcall", topic, &parts), LASTCALL_OK);
    bytes_init(&message, TOKEN_RESULT_BYTES_MAX);
    assert_int_equal(bytes_append_text(&message, token), LASTCALL_OK);
    free(token);
    status = news_open(&fleet.trust, &parts, &message, NOW_MS, &news, &why);
    news.session = session;
    if (status == LASTCALL_OK)
        status = registry_take(&registry, &news);
    else
        registry_refuse(&registry, &parts.host, status, &why);
    bytes_deinit(&message);
    return status;
}

static enum lastcall_status take_status(enum host_state host,
                                        const char *boot_id, int64_t iat_s)
{
    return take("lastcall/v1/host/media-01/status",
                status_token(&media, host, boot_id, iat_s));
}

static const struct registry_host *find_media(void)
{
    struct name name = fleet_name("media-01");

    return registry_find(&registry, &name);
}

static void test_groups_come_from_the_grant(void **state)
{
    (void)state;
    assert_int_equal(take_status(HOST_ONLINE, "boot-1", FLEET_NOW_S),
                     LASTCALL_OK);
    assert_non_null(find_media());
    assert_true(registry_host_is_up(find_media()));
    assert_int_equal(find_media()->group_count, 1);
    assert_string_equal(find_media()->groups[0].text, "lobby");
    assert_int_equal(registry.refusal_count, 0);
}

static void test_others_cannot_speak_for_a_host(void **state)
{
    struct fleet_keys foreign;
    struct member mallory;

    (void)state;
    fleet_keys_init(&foreign);
    member_init(&mallory, &foreign.root, SUBJECT_HOST, "media-01", NULL);
    assert_int_equal(
        take("lastcall/v1/host/media-01/status",
             status_token(&mallory, HOST_ONLINE, "boot-1", FLEET_NOW_S)),
        LASTCALL_E_GRANT);
    assert_int_equal(
        take("lastcall/v1/host/media-02/status",
             status_token(&media, HOST_ONLINE, "boot-1", FLEET_NOW_S)),
        LASTCALL_E_GRANT);
    assert_int_equal(
        take("lastcall/v1/host/alice/status",
             status_token(&alice, HOST_ONLINE, "boot-1", FLEET_NOW_S)),
        LASTCALL_E_GRANT);
    assert_int_equal(take("lastcall/v1/host/media-01/status",
                          inventory_token(&media, "plex", FLEET_NOW_S, 1)),
                     LASTCALL_E_TYPE);
    assert_int_equal(take("lastcall/v1/host/media-01/sessions/other",
                          inventory_token(&media, "plex", FLEET_NOW_S, 1)),
                     LASTCALL_E_GRANT);
    assert_int_equal(take("lastcall/v1/host/media-01/status",
                          bytes_copy_text("not.a.token")),
                     LASTCALL_E_ENCODING);
    assert_int_equal(registry.count, 0);
    assert_int_equal(registry.refusal_count, 6);
    member_deinit(&mallory);
    fleet_keys_deinit(&foreign);
}

static void test_altered_bytes_are_refused(void **state)
{
    char *token = status_token(&media, HOST_ONLINE, "boot-1", FLEET_NOW_S);
    char *last = token + strlen(token) - 10;

    (void)state;
    *last = *last == 'A' ? 'B' : 'A';
    assert_int_equal(take("lastcall/v1/host/media-01/status", token),
                     LASTCALL_E_SIGNATURE);
    assert_null(find_media());
}

/* holds 7.6 */
static void test_will_of_an_earlier_life_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(take_status(HOST_ONLINE, "boot-2", FLEET_NOW_S),
                     LASTCALL_OK);
    assert_int_equal(take_status(HOST_OFFLINE, "boot-1", FLEET_NOW_S),
                     LASTCALL_OK);
    assert_true(registry_host_is_up(find_media()));
    assert_int_equal(take_status(HOST_OFFLINE, "boot-2", FLEET_NOW_S - 60),
                     LASTCALL_OK);
    assert_false(registry_host_is_up(find_media()));
    assert_int_equal(take_status(HOST_ONLINE, "boot-3", FLEET_NOW_S + 1),
                     LASTCALL_OK);
    assert_true(registry_host_is_up(find_media()));
    /* What it said in an earlier life may come again. */
    assert_int_equal(take_status(HOST_DRAINING, "boot-2", FLEET_NOW_S),
                     LASTCALL_OK);
    assert_string_equal(find_media()->status.boot_id, "boot-3");
}

static void test_newer_inventory_replaces_the_older(void **state)
{
    static const char topic[] = "lastcall/v1/host/media-01/sessions/plex";

    (void)state;
    assert_int_equal(
        take(topic, inventory_token(&media, "plex", FLEET_NOW_S, 1)),
        LASTCALL_OK);
    assert_int_equal(
        take(topic, inventory_token(&media, "plex", FLEET_NOW_S + 5, 2)),
        LASTCALL_OK);
    assert_int_equal(
        take(topic, inventory_token(&media, "plex", FLEET_NOW_S, 1)),
        LASTCALL_OK);
    /* Numbers of one life only rise, whatever the clock said. */
    assert_int_equal(
        take(topic, inventory_token(&media, "plex", FLEET_NOW_S + 5, 1)),
        LASTCALL_OK);
    assert_int_equal(find_media()->inventories[0].inventory.seq, 2);
    assert_int_equal(
        take(topic, inventory_token(&media, "plex", FLEET_NOW_S - 7200, 3)),
        LASTCALL_OK);
    assert_int_equal(find_media()->inventories[0].inventory.seq, 3);
    assert_int_equal(take("lastcall/v1/host/media-01/sessions/two",
                          inventory_token(&media, "two", FLEET_NOW_S, 1)),
                     LASTCALL_OK);
    assert_int_equal(find_media()->inventory_count, 2);
    assert_int_equal(find_media()->inventories[0].inventory.seq, 3);
    assert_false(find_media()->has_status);
    assert_false(registry_host_is_up(find_media()));
}

static void test_revoked_host_is_not_believed(void **state)
{
    (void)state;
    assert_int_equal(revocation_add(&fleet.trust.revoked, media.key.thumbprint,
                                    FLEET_NOW_S + 10),
                     LASTCALL_OK);
    assert_int_equal(take_status(HOST_ONLINE, "boot-1", FLEET_NOW_S),
                     LASTCALL_REVOKED);
    assert_null(find_media());
    assert_int_equal(registry.refusal_count, 1);
}

/* Only a clock that is ahead can be told from a retained status. */
/* What was believed before the list came is judged by it as well. */
static void test_a_host_may_be_revoked_afterwards(void **state)
{
    struct revocation_list list = {0};

    (void)state;
    assert_int_equal(take_status(HOST_ONLINE, "boot-1", FLEET_NOW_S),
                     LASTCALL_OK);
    assert_false(registry_host_is_revoked(find_media(), &list));
    assert_int_equal(
        revocation_add(&list, alice.key.thumbprint, FLEET_NOW_S + 1),
        LASTCALL_OK);
    assert_false(registry_host_is_revoked(find_media(), &list));
    /* Only what was granted, or said, before a time is void. */
    assert_int_equal(revocation_add(&list, media.key.thumbprint, 1),
                     LASTCALL_OK);
    assert_false(registry_host_is_revoked(find_media(), &list));
    assert_int_equal(
        revocation_add(&list, media.key.thumbprint, FLEET_NOW_S + 1),
        LASTCALL_OK);
    assert_true(registry_host_is_revoked(find_media(), &list));
    revocation_deinit(&list);
}

static void test_what_was_cleared_is_forgotten(void **state)
{
    const struct name name = fleet_name("media-01");
    const struct name other = fleet_name("media-02");
    const struct name home = fleet_name("home");
    const struct name away = fleet_name("away");

    (void)state;
    assert_int_equal(take_status(HOST_ONLINE, "boot-1", FLEET_NOW_S),
                     LASTCALL_OK);
    assert_int_equal(take("lastcall/v1/host/media-01/sessions/home",
                          inventory_token(&media, "home", FLEET_NOW_S, 1)),
                     LASTCALL_OK);
    assert_int_equal(take("lastcall/v1/host/media-01/sessions/away",
                          inventory_token(&media, "away", FLEET_NOW_S, 1)),
                     LASTCALL_OK);
    registry_forget_inventory(&registry, &name, &home);
    registry_forget_inventory(&registry, &name, &home);
    registry_forget_inventory(&registry, &other, &away);
    assert_int_equal(find_media()->inventory_count, 1);
    assert_string_equal(find_media()->inventories[0].inventory.server.text,
                        "away");
    registry_forget(&registry, &other);
    assert_non_null(find_media());
    registry_forget(&registry, &name);
    assert_null(find_media());
    assert_int_equal(registry.count, 0);
    /* It may come back. */
    assert_int_equal(take_status(HOST_ONLINE, "boot-2", FLEET_NOW_S),
                     LASTCALL_OK);
    assert_int_equal(find_media()->inventory_count, 0);
}

/* What the broker lost, or was cleared while nobody was there to hear it. */
static void test_who_is_not_heard_in_a_session_is_offline(void **state)
{
    struct name name = fleet_name("media-01");
    struct registry_host *host = NULL;

    (void)state;
    session = 1;
    assert_int_equal(take_status(HOST_ONLINE, "boot-1", FLEET_NOW_S),
                     LASTCALL_OK);
    host = registry_find(&registry, &name);
    assert_non_null(host);
    assert_false(registry_host_doubt(host, 1));
    assert_true(registry_host_is_up(host));
    session = 2;
    /* The will of an earlier life is not its word. */
    assert_int_equal(take_status(HOST_OFFLINE, "boot-0", FLEET_NOW_S),
                     LASTCALL_OK);
    assert_true(registry_host_doubt(host, 2));
    assert_false(registry_host_is_up(host));
    assert_false(registry_host_doubt(host, 2));
    /* The same status again is its word, and it is not of an older session. */
    assert_int_equal(take_status(HOST_ONLINE, "boot-1", FLEET_NOW_S),
                     LASTCALL_OK);
    assert_true(registry_host_is_up(host));
    assert_false(registry_host_doubt(host, 2));
    assert_false(registry_host_doubt(host, 1));
    session = 0;
}

static void test_clock_ahead(void **state)
{
    (void)state;
    assert_int_equal(take_status(HOST_ONLINE, "boot-1", FLEET_NOW_S - 300),
                     LASTCALL_OK);
    assert_int_equal(find_media()->clock_ahead_ms, 0);
    assert_int_equal(take_status(HOST_ONLINE, "boot-1", FLEET_NOW_S + 20),
                     LASTCALL_OK);
    assert_int_equal(find_media()->clock_ahead_ms, 20000);
}

static void test_hosts_are_sorted_and_found(void **state)
{
    static const char *const names[] = {"m", "a", "z", "b", "y", "c"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct member member;
        char topic[64];

        member_init(&member, &fleet.root, SUBJECT_HOST, names[i], NULL);
        (void)snprintf(topic, sizeof topic, "lastcall/v1/host/%s/status",
                       names[i]);
        assert_int_equal(
            take(topic, status_token(&member, HOST_ONLINE, "b", FLEET_NOW_S)),
            LASTCALL_OK);
        member_deinit(&member);
    }
    assert_int_equal(registry.count, 6);
    for (size_t i = 1; i < registry.count; i++)
        assert_true(strcmp(registry.hosts[i - 1]->name.text,
                           registry.hosts[i]->name.text) < 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct name name = fleet_name(names[i]);

        assert_non_null(registry_find(&registry, &name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_groups_come_from_the_grant, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_others_cannot_speak_for_a_host,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_altered_bytes_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_will_of_an_earlier_life_is_ignored,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_newer_inventory_replaces_the_older,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_revoked_host_is_not_believed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_host_may_be_revoked_afterwards,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_cleared_is_forgotten,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_who_is_not_heard_in_a_session_is_offline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hosts_are_sorted_and_found, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
