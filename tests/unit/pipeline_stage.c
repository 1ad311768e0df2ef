#include "tests/unit/pipeline_stage.h"
#include "tests/unit/scratch.h"

#include <unistd.h>

struct stage stage;

static enum lastcall_status
on_publish(void *context, const struct mqtt_message *message, uint64_t tag)
{
    struct published *out = NULL;
    bool is_acked = false;

    (void)context;
    gate_lock(&stage.gate);
    if (stage.is_down) {
        gate_unlock(&stage.gate);
        return LASTCALL_E_LINK;
    }
    if (stage.is_full) {
        stage.refused_count++;
        gate_signal(&stage.gate);
        gate_unlock(&stage.gate);
        return LASTCALL_BUSY;
    }
    assert_true(stage.published_count < PUBLISHED_MAX);
    out = &stage.published[stage.published_count++];
    snprintf(out->topic, sizeof(out->topic), "%s", message->topic);
    out->token = calloc(message->len + 1, 1);
    assert_non_null(out->token);
    memcpy(out->token, message->payload, message->len);
    is_acked = tag != 0;
    gate_signal(&stage.gate);
    gate_unlock(&stage.gate);
    if (is_acked)
        inbox_put_ack(stage.inbox, tag, LASTCALL_OK);
    return LASTCALL_OK;
}

static void on_done(void *context, struct job *job)
{
    (void)context;
    inbox_put_job(stage.inbox, job);
}

static void on_snapshot(void *context, struct snapshot *snapshot)
{
    (void)context;
    inbox_put_snapshot(stage.inbox, snapshot);
}

/* Anything but 0 makes the commit fail. */
static int on_commit(void *context)
{
    (void)context;
    if (stage.lost_commits == 0)
        return 0;
    stage.lost_commits--;
    return 1;
}

static int64_t shifted_wall_ms(void *state)
{
    (void)state;
    return platform_clock.wall_ms(platform_clock.state) + stage.wall_shift_ms;
}

static int64_t monotonic_ms(void *state)
{
    const int64_t still_ms = stage.still_ms;

    (void)state;
    if (still_ms != 0)
        return still_ms;
    return platform_clock.monotonic_ms(platform_clock.state) +
           stage.run_shift_ms;
}

static const struct clock stage_clock = {
    .wall_ms = shifted_wall_ms,
    .monotonic_ms = monotonic_ms,
};

/* ---- set up ---- */

static void open_executors(void)
{
    struct platform_error error;

    /* Before any runs: a test may have given a server the other's name. */
    for (size_t i = 0; i < FAKE_SERVER_COUNT; i++)
        fake_servers[i].is_interrupted = false;
    for (size_t i = 0; i < FAKE_SERVER_COUNT; i++) {
        const struct executor_options options = {
            .settings = &stage.servers[i],
            .server = i,
            .ops = stage.servers[i].backend == BACKEND_WTS ? &fake_wts_ops
                                                           : &fake_backend_ops,
            .clock = &stage_clock,
            .events = {NULL, on_done, on_snapshot},
        };

        assert_int_equal(executor_open(&options, &stage.executors[i], &error),
                         LASTCALL_OK);
    }
}

/* Begin, over whatever the journal in the directory holds. */
void start(void)
{
    const struct inbox_options inbox = {
        .fleet = {"lastcall"},
        .clock = &stage_clock,
        .counters = &stage.counters,
    };
    struct pipeline_options options = {
        .settings = &stage.settings,
        .policy = &stage.policy,
        .identity = &stage.identity,
        .trust = &stage.trust,
        .journal = &stage.journal,
        .executors = stage.executors,
        .counters = &stage.counters,
        .clock = &stage_clock,
        .publisher = {NULL, on_publish},
    };
    struct platform_error error;

    stage.inbox = inbox_open(&inbox);
    options.inbox = stage.inbox;
    assert_int_equal(
        journal_open(stage.directory, 1000, &stage.journal, &error),
        LASTCALL_OK);
    (void)sqlite3_commit_hook(stage.journal.store.db, on_commit, NULL);
    if (stage.journal_sql != NULL)
        assert_int_equal(sqlite3_exec(stage.journal.store.db, stage.journal_sql,
                                      NULL, NULL, NULL),
                         SQLITE_OK);
    open_executors();
    assert_int_equal(pipeline_open(&options, &stage.pipeline), LASTCALL_OK);
    inbox_put_ready(stage.inbox);
    assert_int_equal(pipeline_start(stage.pipeline), LASTCALL_OK);
}

void stop(enum inbox_stop how)
{
    inbox_put_stop(stage.inbox, how);
    pipeline_join(stage.pipeline);
    for (size_t i = 0; i < FAKE_SERVER_COUNT; i++)
        executor_close(stage.executors[i]);
    pipeline_close(stage.pipeline);
    inbox_close(stage.inbox);
    journal_close(&stage.journal);
}

static void forget_published(void)
{
    gate_lock(&stage.gate);
    for (size_t i = 0; i < stage.published_count; i++)
        free(stage.published[i].token);
    stage.published_count = 0;
    gate_unlock(&stage.gate);
}

int set_up(void **state)
{
    (void)state;
    fake_reset();
    memset(&stage, 0, sizeof(stage));
    snprintf(stage.directory, sizeof(stage.directory),
             "/tmp/lastcall-pipeline-XXXXXX");
    if (scratch_make(stage.directory) == NULL ||
        gate_init(&stage.gate) != LASTCALL_OK)
        return -1;
    fake_fleet_init(&stage.fleet, "alice", "*:*@*");
    fake_identity(&stage.fleet, &stage.identity, &stage.trust);
    for (size_t i = 0; i < FAKE_SERVER_COUNT; i++) {
        snprintf(stage.servers[i].name.text, sizeof(stage.servers[i].name.text),
                 "%s", i == 0 ? "one" : "two");
        stage.servers[i].sessions_interval_ms = 60000;
        stage.servers[i].sessions_max_age_s = 300;
    }
    stage.settings = (struct settings){
        .servers = stage.servers,
        .server_count = FAKE_SERVER_COUNT,
    };
    stage.settings.worker.clock_skew_s = 30;
    stage.settings.worker.max_lifetime_s = 3600;
    stage.settings.worker.state_dir = stage.directory;
    stage.policy.max_sessions = 50;
    return 0;
}

int tear_down(void **state)
{
    static const char *const files[] = {"/journal.db", "/journal.db-wal",
                                        "/journal.db-shm", "/revoked.jwt",
                                        "/lock"};
    char path[128];

    (void)state;
    forget_published();
    trust_deinit(&stage.trust);
    policy_deinit(&stage.policy);
    free(stage.identity.groups);
    fake_fleet_deinit(&stage.fleet);
    gate_deinit(&stage.gate);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", stage.directory, files[i]);
        (void)unlink(path);
    }
    return rmdir(stage.directory);
}

/* ---- asking ---- */

char *sign_command(const char *jti, const char *request,
                   const struct wrong *wrong)
{
    const int64_t now_s = platform_clock.wall_ms(platform_clock.state) / 1000;
    const int64_t iat_s = now_s + wrong->iat_shift_s;
    json_t *claims = token_claims_new(
        wrong->issuer != NULL ? wrong->issuer : "controller:alice", iat_s, jti);
    struct bytes token;

    assert_int_equal(
        json_put(claims, "aud",
                 json_string(wrong->audience != NULL ? wrong->audience
                                                     : "host:media-01")),
        LASTCALL_OK);
    assert_int_equal(
        json_put(
            claims, "exp",
            json_integer(iat_s + (wrong->life_s != 0 ? wrong->life_s : 60))),
        LASTCALL_OK);
    assert_int_equal(json_put(claims, "request", bodies_json(request)),
                     LASTCALL_OK);
    assert_int_equal(
        token_sign(
            wrong->type != TOKEN_GRANT ? wrong->type : TOKEN_COMMAND,
            wrong->signer != NULL ? wrong->signer : &stage.fleet.controller_key,
            wrong->grant != NULL ? wrong->grant : stage.fleet.controller_grant,
            claims, &token),
        LASTCALL_OK);
    json_decref(claims);
    if (wrong->is_altered)
        token.data[token.len / 2] ^= 1;
    return bytes_take(&token);
}

void offer(const char *token, const struct wrong *wrong)
{
    const struct mqtt_message message = {
        .topic = wrong->topic != NULL ? wrong->topic : HOST,
        .payload = token,
        .len = strlen(token),
        .retain = wrong->retain,
    };

    inbox_offer(stage.inbox, &message);
}

void deliver(const char *jti, const char *request, const struct wrong *wrong)
{
    char *token = sign_command(jti, request, wrong);

    offer(token, wrong);
    free(token);
}

void revoke_controller(void)
{
    const int64_t now_s = platform_clock.wall_ms(platform_clock.state) / 1000;
    const struct wrong revoked = {.topic = "lastcall/v1/trust/revoked",
                                  .retain = MQTT_RETAINED};
    struct revocation_list list = {
        .fleet = "lastcall", .seq = 1, .iat_s = now_s};
    struct bytes token;
    json_t *claims = NULL;

    assert_int_equal(revocation_add(&list,
                                    stage.fleet.controller_key.thumbprint,
                                    now_s + 10),
                     LASTCALL_OK);
    claims = revocation_encode(&list, "revocation-0123456789");
    assert_int_equal(
        token_sign(TOKEN_REVOCATION, &stage.fleet.root, NULL, claims, &token),
        LASTCALL_OK);
    json_decref(claims);
    offer((const char *)token.data, &revoked);
    bytes_deinit(&token);
    revocation_deinit(&list);
}

size_t count_results(const char *jti)
{
    char topic[TOPIC_LEN_MAX + 1];
    size_t count = 0;

    snprintf(topic, sizeof(topic), RESULTS "%s", jti);
    for (size_t i = 0; i < stage.published_count; i++)
        count += strcmp(stage.published[i].topic, topic) == 0;
    return count;
}

/* Wait for the n-th answer (from 1) to a command; proves and reads it. */
struct result await(const char *jti, size_t number)
{
    const int64_t until =
        platform_clock.monotonic_ms(platform_clock.state) + FAKE_WAIT_MS;
    struct token token = {0};
    struct verified verified = {0};
    struct result_claims claims;
    struct result result = {0};
    struct json_error error;
    const char *text = NULL;
    char topic[TOPIC_LEN_MAX + 1];
    size_t seen = 0;

    snprintf(topic, sizeof(topic), RESULTS "%s", jti);
    gate_lock(&stage.gate);
    while (count_results(jti) < number &&
           platform_clock.monotonic_ms(platform_clock.state) < until)
        gate_wait(&stage.gate, 50);
    for (size_t i = 0; i < stage.published_count && text == NULL; i++) {
        if (strcmp(stage.published[i].topic, topic) == 0 && ++seen == number)
            text = stage.published[i].token;
    }
    gate_unlock(&stage.gate);
    if (text == NULL)
        fail_msg("no answer %zu to %s", number, jti);
    assert_int_equal(token_decode(text, strlen(text), &token), LASTCALL_OK);
    assert_int_equal(token_verify(&token, &stage.fleet.host_key, &verified),
                     LASTCALL_OK);
    assert_int_equal(result_decode(&verified, &claims, &result, &error),
                     LASTCALL_OK);
    assert_string_equal(claims.request_id.text, jti);
    assert_string_equal(claims.controller.text, "alice");
    verified_deinit(&verified);
    token_deinit(&token);
    return result;
}

void expect(const char *jti, enum lastcall_status code)
{
    struct result result = await(jti, 1);

    if (result.code != code)
        fail_msg("%s: %s (%s)", jti, status_name(result.code), result.detail);
    result_deinit(&result);
}

unsigned act_count(void)
{
    unsigned count = 0;

    fake_lock();
    for (size_t i = 0; i < FAKE_SERVER_COUNT; i++)
        count += fake_servers[i].acts;
    fake_unlock();
    return count;
}

bool is_one_hanging(const void *context)
{
    (void)context;
    return fake_servers[0].is_hanging;
}

void set_hang(size_t server, bool list, bool act)
{
    fake_lock();
    fake_servers[server].hangs_list = list;
    fake_servers[server].hangs_act = act;
    fake_changed();
    fake_unlock();
}

size_t count_topic(const char *part)
{
    size_t count = 0;

    for (size_t i = 0; i < stage.published_count; i++)
        count += strstr(stage.published[i].topic, part) != NULL;
    return count;
}

size_t count_results_now(const char *jti)
{
    size_t count = 0;

    gate_lock(&stage.gate);
    count = count_results(jti);
    gate_unlock(&stage.gate);
    return count;
}

size_t count_topic_now(const char *part)
{
    size_t count = 0;

    gate_lock(&stage.gate);
    count = count_topic(part);
    gate_unlock(&stage.gate);
    return count;
}
