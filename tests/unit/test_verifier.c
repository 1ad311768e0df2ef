/* The pool that proves what hosts send: order, forgeries, revocation, bounds,
 * and the end with work left. */
#include "controller/verifier.h"
#include "protocol/io/gate.h"
#include "tests/unit/fleet_keys.h"

#define HOST_COUNT 6
#define ROUND_COUNT 12
#define PROOF_MAX ((size_t)HOST_COUNT * ROUND_COUNT)
#define THREAD_COUNT 4

static struct fleet_keys fleet;
static struct member hosts[HOST_COUNT];
static struct name names[HOST_COUNT];

/* What the pool told, and a door that keeps its threads in proved(). */
struct told {
    struct gate gate;
    struct proof *proofs[PROOF_MAX]; /* owned */
    size_t count;
    size_t inside; /* threads that wait at the door */
    bool is_shut;
};

static struct told told;
static struct verifier *verifier;

static void take_proof(void *context, struct proof *proof)
{
    struct told *to = context;

    gate_lock(&to->gate);
    to->inside++;
    pthread_cond_broadcast(&to->gate.condition);
    while (to->is_shut)
        gate_wait(&to->gate, GATE_FOREVER_MS);
    to->inside--;
    to->proofs[to->count++] = proof;
    pthread_cond_broadcast(&to->gate.condition);
    gate_unlock(&to->gate);
}

static int64_t fixed_wall_ms(void *state)
{
    (void)state;
    return FLEET_NOW_S * 1000;
}

static const struct clock fixed_clock = {.wall_ms = fixed_wall_ms};

static void open_with(size_t thread_count, size_t bytes_max)
{
    const struct name controller = {"alice"};
    const struct verifier_options options = {
        .trust = &fleet.trust,
        .controller = &controller,
        .thread_count = thread_count,
        .host_max = 16,
        .bytes_max = bytes_max,
        .clock = &fixed_clock,
        .proved = take_proof,
        .context = &told,
    };

    assert_int_equal(verifier_open(&options, &verifier), LASTCALL_OK);
}

static int set_up(void **state)
{
    (void)state;
    fleet_keys_init(&fleet);
    for (size_t i = 0; i < HOST_COUNT; i++) {
        (void)snprintf(names[i].text, sizeof names[i].text, "media-%02zu", i);
        member_init(&hosts[i], &fleet.root, SUBJECT_HOST, names[i].text, NULL);
    }
    told = (struct told){0};
    return gate_init(&told.gate) == LASTCALL_OK ? 0 : -1;
}

static void shut_door(bool is_shut)
{
    gate_lock(&told.gate);
    told.is_shut = is_shut;
    pthread_cond_broadcast(&told.gate.condition);
    gate_unlock(&told.gate);
}

static int tear_down(void **state)
{
    (void)state;
    shut_door(false); /* a test that failed may have left it shut */
    verifier_close(verifier);
    verifier = NULL;
    for (size_t i = 0; i < told.count; i++)
        proof_free(told.proofs[i]);
    gate_deinit(&told.gate);
    for (size_t i = 0; i < HOST_COUNT; i++)
        member_deinit(&hosts[i]);
    fleet_keys_deinit(&fleet);
    return 0;
}

static void await_told(size_t count)
{
    gate_lock(&told.gate);
    while (told.count < count)
        gate_wait(&told.gate, GATE_FOREVER_MS);
    gate_unlock(&told.gate);
}

static void await_inside(void)
{
    gate_lock(&told.gate);
    while (told.inside == 0)
        gate_wait(&told.gate, GATE_FOREVER_MS);
    gate_unlock(&told.gate);
}

static char *status_token(const struct member *signer, int64_t clock_ms)
{
    struct host_status status = {.boot_id = "boot-1",
                                 .version = "0.1.0",
                                 .protocol = 1,
                                 .os = "test",
                                 .clock_ms = clock_ms};

    return fleet_sign(
        TOKEN_STATUS, &signer->key, signer->grant,
        host_status_encode(signer->subject, FLEET_NOW_S, "jti", &status));
}

/* Hand a token over under a host's name; frees it. */
static enum lastcall_status submit(const struct name *host, char *token)
{
    const struct topic_parts parts = {.kind = TOPIC_STATUS, .host = *host};
    const struct mqtt_message message = {
        .payload = token, .len = strlen(token), .retain = MQTT_RETAINED};
    enum lastcall_status status =
        verifier_submit(verifier, &parts, &message, 1);

    free(token);
    return status;
}

/* holds: a host's statuses come out in the order in which they came */
static void test_order_of_each_host(void **state)
{
    int64_t last[HOST_COUNT] = {0};
    char *tokens[PROOF_MAX];

    (void)state;
    for (size_t i = 0; i < PROOF_MAX; i++)
        tokens[i] =
            status_token(&hosts[i % HOST_COUNT], (int64_t)(i / HOST_COUNT) + 1);
    open_with(THREAD_COUNT, SIZE_MAX / 2);
    shut_door(true); /* so that all threads are at it at once, and long */
    for (size_t i = 0; i < PROOF_MAX; i++)
        assert_int_equal(submit(&names[i % HOST_COUNT], tokens[i]),
                         LASTCALL_OK);
    shut_door(false);
    await_told(PROOF_MAX);
    for (size_t i = 0; i < told.count; i++) {
        const struct proof *proof = told.proofs[i];
        size_t host = (size_t)(proof->parts.host.text[7] - '0');

        assert_int_equal(proof->status, LASTCALL_OK);
        assert_true(proof->is_retained);
        assert_string_equal(proof->of.news.host.text, names[host].text);
        assert_int_equal(proof->of.news.status.clock_ms, last[host] + 1);
        last[host]++;
    }
    for (size_t i = 0; i < HOST_COUNT; i++)
        assert_int_equal(last[i], ROUND_COUNT);
}

/* A clearing is handed out behind what it clears, however long that takes to
 * prove; an empty event or result clears nothing. */
static void test_clearing(void **state)
{
    const struct topic_parts event = {.kind = TOPIC_EVENT, .host = names[0]};
    const struct topic_parts result = {
        .kind = TOPIC_RESULT, .host = names[0], .controller = {"alice"}};
    const struct mqtt_message empty = {.payload = "", .len = 0};

    (void)state;
    open_with(THREAD_COUNT, 1 << 20);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(submit(&names[0], status_token(&hosts[0], 1)),
                         LASTCALL_OK);
        assert_int_equal(submit(&names[0], bytes_copy_text("")), LASTCALL_OK);
    }
    assert_int_equal(verifier_submit(verifier, &event, &empty, 1), LASTCALL_OK);
    assert_int_equal(verifier_submit(verifier, &result, &empty, 1),
                     LASTCALL_OK);
    await_told(6);
    assert_int_equal(told.proofs[0]->status, LASTCALL_OK);
    assert_int_equal(told.proofs[1]->status, LASTCALL_E_MISSING);
    assert_int_equal(told.proofs[2]->status, LASTCALL_OK);
    assert_int_equal(told.proofs[3]->status, LASTCALL_E_MISSING);
    assert_int_not_equal(told.proofs[4]->status, LASTCALL_E_MISSING);
    assert_int_not_equal(told.proofs[4]->status, LASTCALL_OK);
    assert_int_not_equal(told.proofs[5]->status, LASTCALL_E_MISSING);
    assert_int_not_equal(told.proofs[5]->status, LASTCALL_OK);
}

static void test_forged_among_good(void **state)
{
    size_t good_count = 0;

    (void)state;
    open_with(THREAD_COUNT, SIZE_MAX / 2);
    for (size_t i = 0; i < HOST_COUNT; i++) {
        char *altered = status_token(&hosts[i], 1);
        char *at = altered + strlen(altered) - 10;

        *at = *at == 'A' ? 'B' : 'A';
        assert_int_equal(submit(&names[i], status_token(&hosts[i], 1)),
                         LASTCALL_OK);
        assert_int_equal(submit(&names[i], altered), LASTCALL_OK);
        /* good, but another host's */
        assert_int_equal(
            submit(&names[(i + 1) % HOST_COUNT], status_token(&hosts[i], 1)),
            LASTCALL_OK);
        assert_int_equal(submit(&names[i], bytes_copy_text("no token")),
                         LASTCALL_OK);
    }
    await_told((size_t)HOST_COUNT * 4);
    for (size_t i = 0; i < told.count; i++) {
        const struct proof *proof = told.proofs[i];

        if (proof->status == LASTCALL_OK) {
            assert_string_equal(proof->of.news.host.text,
                                proof->parts.host.text);
            assert_int_equal(proof->of.news.session, 1);
            good_count++;
        } else {
            assert_null(proof->of.news.groups);
            assert_string_equal(proof->of.news.host.text, "");
        }
    }
    assert_int_equal(good_count, HOST_COUNT);
}

static void submit_list(const char *thumbprint, int64_t seq)
{
    struct revocation_list list = {
        .fleet = "lastcall", .seq = seq, .iat_s = FLEET_NOW_S};
    const struct topic_parts parts = {.kind = TOPIC_REVOKED};
    struct mqtt_message message = {0};
    char *token = NULL;

    assert_int_equal(revocation_add(&list, thumbprint, FLEET_NOW_S + 10),
                     LASTCALL_OK);
    token = fleet_sign(TOKEN_REVOCATION, &fleet.root, NULL,
                       revocation_encode(&list, "list-of-the-revoked"));
    message.payload = token;
    message.len = strlen(token);
    assert_int_equal(verifier_submit(verifier, &parts, &message, 1),
                     LASTCALL_OK);
    revocation_deinit(&list);
    free(token);
}

/* holds: a list judges all that was handed over behind it, on each thread */
static void test_revocation_in_the_middle(void **state)
{
    (void)state;
    open_with(THREAD_COUNT, SIZE_MAX / 2);
    for (size_t i = 0; i < HOST_COUNT; i++)
        assert_int_equal(submit(&names[i], status_token(&hosts[i], 1)),
                         LASTCALL_OK);
    submit_list(REVOCATION_EVERY_KEY, 1);
    for (size_t i = 0; i < HOST_COUNT; i++)
        assert_int_equal(submit(&names[i], status_token(&hosts[i], 2)),
                         LASTCALL_OK);
    await_told((size_t)HOST_COUNT * 2);
    for (size_t i = 0; i < HOST_COUNT; i++) {
        enum lastcall_status first = LASTCALL_E_INTERNAL;
        enum lastcall_status second = LASTCALL_E_INTERNAL;

        for (size_t j = 0; j < told.count; j++) {
            const struct proof *proof = told.proofs[j];

            if (strcmp(proof->parts.host.text, names[i].text) != 0)
                continue;
            if (first == LASTCALL_E_INTERNAL)
                first = proof->status;
            else
                second = proof->status;
        }
        assert_int_equal(first, LASTCALL_OK);
        assert_int_equal(second, LASTCALL_REVOKED);
    }
}

/* What was revoked before the pool began is known to it. */
static void test_revocation_from_before(void **state)
{
    (void)state;
    assert_int_equal(revocation_add(&fleet.trust.revoked,
                                    hosts[0].key.thumbprint, FLEET_NOW_S + 10),
                     LASTCALL_OK);
    open_with(THREAD_COUNT, SIZE_MAX / 2);
    assert_int_equal(submit(&names[0], status_token(&hosts[0], 1)),
                     LASTCALL_OK);
    await_told(1);
    assert_int_equal(told.proofs[0]->status, LASTCALL_REVOKED);
}

static void test_bound(void **state)
{
    char *token = status_token(&hosts[0], 1);
    const size_t len = strlen(token) + VERIFIER_MESSAGE_BYTES;
    size_t accepted = 1;

    (void)state;
    open_with(1, 3 * len);
    shut_door(true);
    assert_int_equal(submit(&names[0], token), LASTCALL_OK);
    await_inside();
    while (submit(&names[0], status_token(&hosts[0], 1)) == LASTCALL_OK)
        accepted++;
    /* the first still counts: it has not been taken */
    assert_int_equal(accepted, 3);
    assert_false(verifier_is_idle(verifier));
    submit_list(hosts[1].key.thumbprint, 1); /* has room all the same */
    shut_door(false);
    await_told(accepted);
    /* and there is room again */
    while (!verifier_is_idle(verifier))
        continue;
    shut_door(true);
    assert_int_equal(submit(&names[1], status_token(&hosts[1], 1)),
                     LASTCALL_OK);
    while (submit(&names[0], status_token(&hosts[0], 1)) == LASTCALL_OK)
        accepted++;
    assert_int_equal(accepted, 3 + 2);
    shut_door(false);
    await_told(accepted + 1);
    assert_int_equal(told.proofs[3]->status, LASTCALL_REVOKED);
}

/* The claims of an event of a host's server "home". */
static json_t *event_claims(const struct member *signer)
{
    struct event event = {
        .server = fleet_name("home"),
        .backend = BACKEND_PLEX,
        .boot_id = "boot-1",
        .seq = 7,
        .kind = EVENT_ENDED,
        .ended_by = {"request-1-of-this-test"},
    };
    json_t *claims = NULL;

    assert_int_equal(session_set_text(&event.session, SESSION_USERNAME, "jdoe"),
                     LASTCALL_OK);
    claims = event_encode(signer->subject, FLEET_NOW_S, "jti", &event);
    event_deinit(&event);
    return claims;
}

static char *event_token(const struct member *signer)
{
    return fleet_sign(TOKEN_EVENT, &signer->key, signer->grant,
                      event_claims(signer));
}

/* Hand a token over as an event and await what it proves to be; frees it. */
static const struct proof *judge_event(const struct name *host,
                                       const char *server,
                                       enum mqtt_retain retain, char *token)
{
    const struct topic_parts parts = {
        .kind = TOPIC_EVENT, .host = *host, .server = fleet_name(server)};
    const struct mqtt_message message = {
        .payload = token, .len = strlen(token), .retain = retain};
    const size_t before = told.count;

    assert_int_equal(verifier_submit(verifier, &parts, &message, 1),
                     LASTCALL_OK);
    free(token);
    await_told(before + 1);
    return told.proofs[before];
}

static void test_event(void **state)
{
    const struct proof *proof = NULL;
    const struct event *event = NULL;

    (void)state;
    open_with(THREAD_COUNT, SIZE_MAX / 2);
    proof =
        judge_event(&names[0], "home", MQTT_TRANSIENT, event_token(&hosts[0]));
    assert_int_equal(proof->status, LASTCALL_OK);
    assert_int_equal(proof->parts.kind, TOPIC_EVENT);
    assert_int_equal(proof->of.news.kind, TOPIC_EVENT);
    assert_string_equal(proof->of.news.host.text, "media-00");
    assert_int_equal(proof->of.news.iat_s, FLEET_NOW_S);
    event = proof->of.news.event;
    assert_non_null(event);
    assert_string_equal(event->server.text, "home");
    assert_int_equal(event->kind, EVENT_ENDED);
    assert_int_equal(event->seq, 7);
    assert_string_equal(event->ended_by.text, "request-1-of-this-test");
    assert_string_equal(session_text(&event->session, SESSION_USERNAME),
                        "jdoe");
}

/* What is passed over is taken and not told; other kinds are. */
static void test_passed_over(void **state)
{
    (void)state;
    open_with(THREAD_COUNT, 1 << 20);
    assert_int_equal(submit(&names[0], status_token(&hosts[0], 1)),
                     LASTCALL_OK);
    await_told(1);
    verifier_pass_over(verifier, TOPIC_STATUS);
    assert_int_equal(submit(&names[0], status_token(&hosts[0], 2)),
                     LASTCALL_OK);
    /* the event comes out behind all else of that host */
    assert_int_equal(
        judge_event(&names[0], "home", MQTT_TRANSIENT, event_token(&hosts[0]))
            ->parts.kind,
        TOPIC_EVENT);
    assert_int_equal(told.count, 2);
    while (!verifier_is_idle(verifier))
        continue;
}

/* holds 1.3: an event is never retained, so one that is comes from a broker
 * that shows what is long over */
static void test_event_refused(void **state)
{
    static const struct {
        size_t topic_host;
        const char *topic_server;
        enum mqtt_retain retain;
        enum lastcall_status wanted;
    } cases[] = {
        {1, "home", MQTT_TRANSIENT, LASTCALL_E_GRANT},
        {0, "other", MQTT_TRANSIENT, LASTCALL_E_GRANT},
        {0, "home", MQTT_RETAINED, LASTCALL_E_RETAINED},
    };

    (void)state;
    open_with(THREAD_COUNT, SIZE_MAX / 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct proof *proof =
            judge_event(&names[cases[i].topic_host], cases[i].topic_server,
                        cases[i].retain, event_token(&hosts[0]));

        assert_int_equal(proof->status, cases[i].wanted);
        assert_null(proof->of.news.event);
    }
}

/* Sign claims of an event in which one member is another. */
static char *bent_event_token(const struct member *signer, const char *member,
                              json_t *value)
{
    json_t *claims = event_claims(signer);

    assert_int_equal(
        json_object_set_new(json_object_get(claims, "event"), member, value),
        0);
    return fleet_sign(TOKEN_EVENT, &signer->key, signer->grant, claims);
}

/* An event with more claims than any event may have; nobody could sign it. */
static char *swollen_event_token(const struct member *signer)
{
    char *token = event_token(signer);
    char *claims = strchr(token, '.') + 1;
    char *swollen = malloc(strlen(token) + TOKEN_COMMAND_BYTES_MAX + 1);
    char *at = swollen;

    assert_non_null(swollen);
    memcpy(at, token, (size_t)(claims - token));
    at += claims - token;
    memset(at, 'A', TOKEN_COMMAND_BYTES_MAX);
    at += TOKEN_COMMAND_BYTES_MAX;
    memcpy(at, claims, strlen(claims) + 1);
    free(token);
    return swollen;
}

static void test_event_bent(void **state)
{
    char *altered = event_token(&hosts[0]);
    char *at = altered + strlen(altered) - 10;
    char *tokens[] = {
        altered,
        bent_event_token(&hosts[0], "kind", json_string("paused")),
        bent_event_token(&hosts[0], "session", json_null()),
        swollen_event_token(&hosts[0]),
        status_token(&hosts[0], 1),
        NULL,
    };
    static const enum lastcall_status wanted[] = {
        LASTCALL_E_SIGNATURE, LASTCALL_E_SHAPE, LASTCALL_E_SHAPE,
        LASTCALL_E_TOO_LARGE, LASTCALL_E_TYPE,  LASTCALL_E_GRANT,
    };
    struct member alice;

    (void)state;
    *at = *at == 'A' ? 'B' : 'A';
    member_init(&alice, &fleet.root, SUBJECT_CONTROLLER, "media-00", NULL);
    tokens[5] = event_token(&alice); /* no host, whatever its name */
    open_with(THREAD_COUNT, SIZE_MAX / 2);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct proof *proof =
            judge_event(&names[0], "home", MQTT_TRANSIENT, tokens[i]);

        assert_int_equal(proof->status, wanted[i]);
        assert_null(proof->of.news.event);
    }
    member_deinit(&alice);
}

static void *close_pool(void *argument)
{
    verifier_close(argument);
    return NULL;
}

/* What nobody judged is dropped; nothing is told after the close. */
static void test_close_with_work_left(void **state)
{
    pthread_t closer;

    (void)state;
    open_with(1, SIZE_MAX / 2);
    shut_door(true);
    for (int i = 0; i < ROUND_COUNT; i++)
        assert_int_equal(submit(&names[0], status_token(&hosts[0], 1)),
                         LASTCALL_OK);
    await_inside();
    assert_int_equal(pthread_create(&closer, NULL, close_pool, verifier), 0);
    verifier = NULL;
    shut_door(false);
    assert_int_equal(pthread_join(closer, NULL), 0);
    assert_in_range(told.count, 1, ROUND_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_of_each_host, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_clearing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forged_among_good, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_revocation_in_the_middle, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_revocation_from_before, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_event_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_event_bent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_with_work_left, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
