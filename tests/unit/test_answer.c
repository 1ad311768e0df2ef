/* Result messages: who may answer, and what is refused as a bad signature. */
#include "controller/answer.h"
#include "tests/unit/fleet_keys.h"

#define REQUEST "request-number-0001"

static struct fleet_keys fleet;
static struct member media;
static struct member alice;

static int set_up(void **state)
{
    (void)state;
    fleet_keys_init(&fleet);
    member_init(&media, &fleet.root, SUBJECT_HOST, "media-01", NULL);
    member_init(&alice, &fleet.root, SUBJECT_CONTROLLER, "alice", NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    member_deinit(&media);
    member_deinit(&alice);
    fleet_keys_deinit(&fleet);
    return 0;
}

/* A result that someone signs in his own name: to whom, about what. */
static char *result_token(const struct member *signer, const char *controller,
                          const char *request)
{
    struct result_claims claims = {
        .host = fleet_name("media-01"),
        .controller = fleet_name(controller),
        .iat_s = FLEET_NOW_S,
    };
    struct result result = {.code = LASTCALL_OK, .boot_id = "boot-1"};
    json_t *object = NULL;

    (void)snprintf(claims.request_id.text, sizeof claims.request_id.text, "%s",
                   request);
    memset(claims.request_hash, 'h', sizeof claims.request_hash - 1);
    object = result_encode(&claims, "jti", &result);
    assert_int_equal(json_put(object, "iss", json_string(signer->subject)),
                     LASTCALL_OK);
    return fleet_sign(TOKEN_RESULT, &signer->key, signer->grant, object);
}

/* Open a token that came on a topic to alice; frees it. */
static enum lastcall_status open_on(const char *topic, char *token,
                                    struct answer *answer)
{
    const struct name controller = {"alice"};
    struct topic_parts parts;
    struct json_error why;
    struct bytes message;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    assert_int_equal(topic_parse("lastcall", topic, &parts), LASTCALL_OK);
    bytes_init(&message, TOKEN_RESULT_BYTES_MAX);
    assert_int_equal(bytes_append_text(&message, token), LASTCALL_OK);
    free(token);
    status = answer_open(&fleet.trust, &controller, &parts, &message,
                         FLEET_NOW_S, answer, &why);
    bytes_deinit(&message);
    return status;
}

#define TOPIC "lastcall/v1/host/media-01/result/alice/" REQUEST

static void test_genuine_answer(void **state)
{
    struct answer answer;

    (void)state;
    assert_int_equal(
        open_on(TOPIC, result_token(&media, "alice", REQUEST), &answer),
        LASTCALL_OK);
    assert_string_equal(answer.host.text, "media-01");
    assert_string_equal(answer.claims.request_id.text, REQUEST);
    assert_int_equal(answer.result.code, LASTCALL_OK);
    answer_deinit(&answer);
}

static void refused(const char *topic, char *token, enum lastcall_status wanted)
{
    struct answer answer;

    assert_int_equal(open_on(topic, token, &answer), wanted);
    assert_string_equal(answer.host.text, "");
    answer_deinit(&answer);
}

/* holds 6.7 */
static void test_what_is_refused(void **state)
{
    struct fleet_keys foreign;
    struct member mallory;
    struct member twin;
    char *altered = result_token(&media, "alice", REQUEST);
    char *at = altered + strlen(altered) - 20;

    (void)state;
    fleet_keys_init(&foreign);
    member_init(&mallory, &foreign.root, SUBJECT_HOST, "media-01", NULL);
    *at = *at == 'A' ? 'B' : 'A';
    refused(TOPIC, altered, LASTCALL_E_SIGNATURE);
    refused(TOPIC, result_token(&mallory, "alice", REQUEST), LASTCALL_E_GRANT);
    /* a controller, however well granted, is no host */
    refused(TOPIC, result_token(&alice, "alice", REQUEST), LASTCALL_E_GRANT);
    member_init(&twin, &fleet.root, SUBJECT_CONTROLLER, "media-01", NULL);
    refused(TOPIC, result_token(&twin, "alice", REQUEST), LASTCALL_E_GRANT);
    member_deinit(&twin);
    refused("lastcall/v1/host/media-02/result/alice/" REQUEST,
            result_token(&media, "alice", REQUEST), LASTCALL_E_GRANT);
    refused(TOPIC, result_token(&media, "bob", REQUEST), LASTCALL_E_SHAPE);
    refused(TOPIC, result_token(&media, "alice", "request-number-0002"),
            LASTCALL_E_SHAPE);
    refused(TOPIC, bytes_copy_text("no.token.this"), LASTCALL_E_ENCODING);
    refused(TOPIC, bytes_copy_text(""), LASTCALL_E_ENCODING);
    member_deinit(&mallory);
    fleet_keys_deinit(&foreign);
}

static void test_another_type_is_no_answer(void **state)
{
    struct host_status status = {.boot_id = "boot-1",
                                 .version = "0.1.0",
                                 .protocol = 1,
                                 .os = "test",
                                 .clock_ms = 1};

    (void)state;
    refused(TOPIC,
            fleet_sign(
                TOKEN_STATUS, &media.key, media.grant,
                host_status_encode(media.subject, FLEET_NOW_S, "jti", &status)),
            LASTCALL_E_TYPE);
}

static void test_revoked_host(void **state)
{
    (void)state;
    assert_int_equal(revocation_add(&fleet.trust.revoked, media.key.thumbprint,
                                    FLEET_NOW_S + 10),
                     LASTCALL_OK);
    refused(TOPIC, result_token(&media, "alice", REQUEST), LASTCALL_REVOKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_genuine_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_another_type_is_no_answer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_revoked_host, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
