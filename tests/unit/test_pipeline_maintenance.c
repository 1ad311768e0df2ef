#include "tests/unit/pipeline_stage.h"

#include "protocol/maintenance.h"
#include "worker/maintenance_run.h"

/* Server "one" has terminal sessions, server "two" is a Plex. */

#define TOPIC_ALL "lastcall/v1/all/maintenance/patch"
#define S INT64_C(1000)

/* A plan on its way.  Times are from now. */
struct plan {
    struct maintenance body;
    const char *id;       /* NULL: patch */
    const char *topic_id; /* NULL: the same */
    const char *topic;    /* NULL: all */
    const char *audience; /* NULL: all */
    const char *issuer;   /* NULL: alice */
    const struct key *signer;
    const char *grant;
    int64_t iat_shift_s;
    int64_t exp_shift_s;
};

static char last_hash[BYTES_SHA256_TEXT_SIZE];
static int64_t last_iat_s;
static char reason[] = "Patches";
static char warning[] = "Save your work.";

static int64_t wall_ms(void)
{
    return platform_clock.wall_ms(platform_clock.state) + stage.wall_shift_ms;
}

/* Due now, for an hour. */
static struct plan plan_now(void)
{
    return (struct plan){
        .body = {.starts_ms = wall_ms() - S,
                 .ends_ms = wall_ms() + 3600 * S,
                 .action = ACTION_END,
                 .reason = reason},
    };
}

/* To come, with a warning that is due. */
static struct plan plan_soon(void)
{
    struct plan plan = plan_now();

    plan.body.starts_ms = wall_ms() + 250 * S;
    plan.body.warn_s[0] = 300;
    plan.body.warn_s[1] = 60;
    plan.body.warn_count = 2;
    plan.body.message = warning;
    return plan;
}

static void publish(const struct plan *plan)
{
    const char *id = plan->id != NULL ? plan->id : "patch";
    const char *issuer =
        plan->issuer != NULL ? plan->issuer : "controller:alice";
    struct command_claims claims = {
        .jti = {"plan-0123456789abcdef"},
        .iat_s = wall_ms() / S + plan->iat_shift_s,
    };
    struct mqtt_message message = {.retain = MQTT_RETAINED};
    struct maintenance body = plan->body;
    struct bytes token;
    json_t *json = NULL;
    char topic[TOPIC_LEN_MAX];

    assert_int_equal(name_parse(id, strlen(id), &body.id), LASTCALL_OK);
    assert_int_equal(
        address_parse(plan->audience != NULL ? plan->audience : "all",
                      &claims.audience),
        LASTCALL_OK);
    claims.exp_s = claims.iat_s + 7200 + plan->exp_shift_s;
    json = maintenance_encode(issuer, &claims, &body);
    assert_non_null(json);
    assert_int_equal(
        token_sign(
            TOKEN_MAINTENANCE,
            plan->signer != NULL ? plan->signer : &stage.fleet.controller_key,
            plan->grant != NULL ? plan->grant : stage.fleet.controller_grant,
            json, &token),
        LASTCALL_OK);
    json_decref(json);
    snprintf(topic, sizeof(topic), "lastcall/v1/%s/maintenance/%s",
             plan->topic != NULL ? plan->topic : "all",
             plan->topic_id != NULL ? plan->topic_id : id);
    message.topic = topic;
    message.payload = token.data;
    message.len = token.len;
    assert_int_equal(bytes_sha256_text(token.data, token.len, last_hash),
                     LASTCALL_OK);
    last_iat_s = claims.iat_s;
    inbox_offer(stage.inbox, &message);
    bytes_deinit(&token);
}

static struct request_id step_id(const char *step)
{
    const struct name id = {"patch"};
    struct request_id out;

    assert_int_equal(maintenance_step_id(&id, last_iat_s, step, &out),
                     LASTCALL_OK);
    return out;
}

/* Wait for a step's result. */
static struct result await_step(const char *step)
{
    const struct request_id id = step_id(step);
    struct result result = await(id.text, 1);

    assert_string_equal(result.plan.text, "patch");
    assert_string_equal(result.step, step);
    return result;
}

static void expect_step(const char *step, enum lastcall_status code,
                        int64_t matched)
{
    struct result result = await_step(step);

    if (result.code != code || result.matched != matched)
        fail_msg("%s: %s, %lld matched (%s)", step, status_name(result.code),
                 (long long)result.matched, result.detail);
    result_deinit(&result);
}

static void start_wts(void)
{
    stage.servers[0].backend = BACKEND_WTS;
    start();
}

/* Come back as after a restart.  The clock is what it was. */
static void restart(void)
{
    stop(INBOX_STOP);
    start_wts();
}

/* Let the worker look at its clock, which says so much more than the true
 * one. */
static void shift_wall(int64_t by_ms)
{
    stage.wall_shift_ms = by_ms;
    inbox_nudge(stage.inbox);
}

/* Commands go after plans that are under way: an answer says it has rested. */
static void rest(const char *jti)
{
    deliver(jti, LIST, &(struct wrong){.iat_shift_s = stage.wall_shift_ms / S});
    expect(jti, LASTCALL_OK);
}

/* The n-th status (from the end, 0 the latest) with plans in it. */
static struct status_plan latest_plan(void)
{
    struct status_plan plan = {.phase = PLAN_PHASE_COUNT};
    struct token token = {0};
    struct verified verified = {0};
    struct host_status status = {0};

    gate_lock(&stage.gate);
    for (size_t i = stage.published_count; i > 0; i--) {
        const struct published *sent = &stage.published[i - 1];

        if (strcmp(sent->topic, "lastcall/v1/host/media-01/status") != 0)
            continue;
        assert_int_equal(token_decode(sent->token, strlen(sent->token), &token),
                         LASTCALL_OK);
        assert_int_equal(token_verify(&token, &stage.fleet.host_key, &verified),
                         LASTCALL_OK);
        assert_int_equal(host_status_decode(&verified, &status, NULL),
                         LASTCALL_OK);
        if (status.plan_count > 0)
            plan = status.plans[0];
        break;
    }
    gate_unlock(&stage.gate);
    host_status_deinit(&status);
    verified_deinit(&verified);
    token_deinit(&token);
    return plan;
}

/* Wait for a status in which so many sessions were warned and ended. */
static void await_counts(int64_t warned, int64_t ended)
{
    const int64_t until =
        platform_clock.monotonic_ms(platform_clock.state) + FAKE_WAIT_MS;

    while (latest_plan().warned != warned || latest_plan().ended != ended) {
        if (platform_clock.monotonic_ms(platform_clock.state) > until)
            fail_msg("warned %lld, ended %lld", (long long)latest_plan().warned,
                     (long long)latest_plan().ended);
        gate_lock(&stage.gate);
        gate_wait(&stage.gate, 50);
        gate_unlock(&stage.gate);
    }
}

static void await_phase(enum plan_phase phase)
{
    const int64_t until =
        platform_clock.monotonic_ms(platform_clock.state) + FAKE_WAIT_MS;

    while (latest_plan().phase != phase) {
        if (platform_clock.monotonic_ms(platform_clock.state) > until)
            fail_msg("the phase is %s", plan_phase_name(latest_plan().phase));
        gate_lock(&stage.gate);
        gate_wait(&stage.gate, 50);
        gate_unlock(&stage.gate);
    }
}

/* holds 8.5, 8.6, 8.9, 8.12 */
static void a_plan_warns_ends_and_reports(void **state)
{
    struct plan plan = plan_soon();
    struct result result;

    (void)state;
    fake_play(0, "2", "ann");
    fake_play(0, "3", "bob");
    fake_play(1, "p", "cat");
    start_wts();
    publish(&plan);
    result = await_step("warn:300");
    assert_int_equal(result.code, LASTCALL_OK);
    assert_int_equal(result.action, ACTION_MESSAGE);
    assert_int_equal(result.matched, 2);
    assert_int_equal(result.server_count, 1);
    result_deinit(&result);
    await_phase(PLAN_WARNING);
    await_counts(2, 0);
    shift_wall(251 * S);
    result = await_step("start");
    assert_int_equal(result.code, LASTCALL_OK);
    assert_int_equal(result.matched, 3);
    result_deinit(&result);
    await_phase(PLAN_DONE);
    await_counts(2, 3);
    assert_int_equal(latest_plan().failed, 0);
    assert_string_equal(latest_plan().issuer, "controller:alice");
    assert_int_equal(count_results(step_id("warn:60").text), 0);
    assert_int_equal(act_count(), 5);
    stop(INBOX_STOP);
}

/* holds 8.13 */
static void nothing_is_done_again_after_a_restart(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    publish(&plan);
    expect_step("warn:300", LASTCALL_OK, 1);
    restart();
    rest("rest-0123456789abcdef0");
    shift_wall(260 * S);
    expect_step("start", LASTCALL_OK, 1);
    restart();
    rest("rest-0123456789abcdef1");
    assert_int_equal(act_count(), 2);
    await_phase(PLAN_DONE);
    await_counts(1, 1);
    stop(INBOX_STOP);
}

/* holds 8.13 */
static void what_was_kept_needs_no_broker(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    publish(&plan);
    expect_step("warn:300", LASTCALL_OK, 1);
    stop(INBOX_STOP);
    stage.wall_shift_ms = 300 * S;
    start_wts(); /* and no plan is published again */
    expect_step("start", LASTCALL_OK, 1);
    stop(INBOX_STOP);
}

/* holds 8.14 */
static void a_plan_that_was_called_off_meanwhile_is_not_begun(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    publish(&plan);
    expect_step("warn:300", LASTCALL_OK, 1);
    stop(INBOX_STOP);
    stage.wall_shift_ms = 300 * S;
    start_wts();
    plan.body.cancelled = true;
    publish(&plan); /* as the broker sends it after the connect */
    await_phase(PLAN_CANCELLED);
    rest("rest-0123456789abcdef0");
    stage.run_shift_ms = MAINTENANCE_SETTLE_MS * 2;
    rest("rest-0123456789abcdef1");
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* holds 8.14, 8.15 */
static void the_highest_iat_wins(void **state)
{
    struct plan plan = plan_soon();
    struct plan bare = {.body = {.cancelled = true, .action = ACTION_END},
                        .iat_shift_s = -20};

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    publish(&plan);
    expect_step("warn:300", LASTCALL_OK, 1);
    publish(&bare); /* older: nothing */
    bare.iat_shift_s = 0;
    bare.topic = "host/media-01";
    bare.audience = "host:media-01";
    rest("rest-0123456789abcdef0");
    assert_int_equal(latest_plan().phase, PLAN_WARNING);
    bare.iat_shift_s = 5;
    publish(&bare);
    await_phase(PLAN_CANCELLED);
    assert_true(latest_plan().starts_ms > 0);
    /* The old one is still retained somewhere. */
    publish(&plan);
    restart();
    publish(&plan);
    rest("rest-0123456789abcdef1");
    await_phase(PLAN_CANCELLED);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

static bool is_two_acts(const void *context)
{
    (void)context;
    return fake_servers[0].acts == 2;
}

/* holds 8.9 */
static void who_comes_later_is_ended_too(void **state)
{
    struct plan plan = plan_now();

    (void)state;
    plan.body.enforce = true;
    plan.body.ends_ms = wall_ms() + 600 * S;
    fake_play(0, "2", "ann");
    start_wts();
    publish(&plan);
    expect_step("start", LASTCALL_OK, 1);
    await_phase(PLAN_ENFORCING);
    fake_play(0, "7", "bob");
    executor_hint(stage.executors[0]);
    expect_step("enforce:1", LASTCALL_OK, 1);
    assert_true(fake_await(is_two_acts, NULL));
    /* Who is disconnected stays so, and is nobody new. */
    executor_hint(stage.executors[0]);
    rest("rest-0123456789abcdef0");
    stage.run_shift_ms = 2 * MAINTENANCE_ENDED_MS;
    executor_hint(stage.executors[0]);
    rest("rest-0123456789abcdef1");
    assert_int_equal(count_results(step_id("enforce:2").text), 0);
    /* After the end nobody is. */
    shift_wall(700 * S);
    await_phase(PLAN_DONE);
    fake_play(0, "8", "cat");
    executor_hint(stage.executors[0]);
    rest("rest-0123456789abcdef2");
    assert_int_equal(act_count(), 2);
    stop(INBOX_STOP);
}

/* holds 8.9 */
static void a_server_that_was_away_at_the_start_is_owed_its_ending(void **state)
{
    struct plan plan = plan_now();

    (void)state;
    fake_play(0, "2", "ann");
    fake_play(1, "p", "bob");
    fake_servers[1].list_status = LASTCALL_UNREACHABLE;
    start_wts();
    publish(&plan);
    expect_step("start", LASTCALL_PARTIAL, 1);
    await_phase(PLAN_RUNNING);
    fake_lock();
    fake_servers[1].list_status = LASTCALL_OK;
    fake_unlock();
    executor_hint(stage.executors[1]);
    expect_step("start:2", LASTCALL_OK, 1);
    await_phase(PLAN_DONE);
    await_counts(0, 2);
    stop(INBOX_STOP);
}

/* holds 8.7, 8.8 */
static void what_is_wrong_with_a_plan_is_answered_once(void **state)
{
    struct plan rows[] = {plan_now(), plan_now(), plan_now(), plan_now(),
                          plan_now()};
    static const enum lastcall_status codes[] = {
        LASTCALL_INVALID_REQUEST, LASTCALL_INVALID_REQUEST,
        LASTCALL_INVALID_REQUEST, LASTCALL_NOT_YET_VALID,
        LASTCALL_INVALID_REQUEST};

    (void)state;
    rows[0].id = "other"; /* on the topic of patch */
    rows[0].topic_id = "patch";
    rows[1].audience = "group:lobby"; /* on the topic of all */
    rows[2].topic = "group/kitchen";  /* not ours */
    rows[2].audience = "group:kitchen";
    rows[3].iat_shift_s = 3600;
    rows[3].exp_shift_s = 3600;
    rows[4].exp_shift_s = -7000; /* before ends_at */
    fake_play(0, "2", "ann");
    start_wts();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* Each has an iat of its own, for the id of its answer. */
        rows[i].iat_shift_s += (int64_t)i;
        publish(&rows[i]);
        expect_step("start", codes[i], 0);
        await_phase(PLAN_REFUSED);
        publish(&rows[i]);
        rest(i % 2 == 0 ? "rest-0123456789abcdef0" : "rest-0123456789abcdef1");
        assert_int_equal(count_results(step_id("start").text), 1);
    }
    assert_int_equal(act_count(), 0);
    /* The right one is taken all the same. */
    rows[0] = plan_now();
    rows[0].iat_shift_s = 10;
    publish(&rows[0]);
    expect_step("start", LASTCALL_OK, 1);
    await_phase(PLAN_DONE);
    stop(INBOX_STOP);
}

/* holds 8.7 */
static void what_is_not_proved_is_dropped(void **state)
{
    struct plan plan = plan_now();
    struct key other;

    (void)state;
    assert_int_equal(key_generate(&other), LASTCALL_OK);
    fake_play(0, "2", "ann");
    start_wts();
    plan.signer = &other;
    publish(&plan);
    rest("rest-0123456789abcdef0");
    assert_int_equal(count_results(step_id("start").text), 0);
    assert_int_equal(counters_read(&stage.counters, COUNTER_DROPPED), 1);
    assert_int_equal(latest_plan().phase, PLAN_PHASE_COUNT);
    stop(INBOX_STOP);
    key_deinit(&other);
}

/* A controller with a permit of its own. */
struct other {
    struct key key;
    char *grant;
};

static void other_init(struct other *out, const char *name, const char *permit)
{
    assert_int_equal(key_generate(&out->key), LASTCALL_OK);
    out->grant = fake_grant(&stage.fleet.root, SUBJECT_CONTROLLER, name,
                            &out->key, permit, wall_ms() / S + 7200);
}

static void other_deinit(struct other *other)
{
    key_deinit(&other->key);
    free(other->grant);
}

/* holds 8.8 */
static void a_permit_must_allow_the_ending_and_the_warnings(void **state)
{
    static const struct {
        const char *permit;
        bool has_warning;
        enum lastcall_status code;
    } rows[] = {
        {"*:list@*", false, LASTCALL_FORBIDDEN},
        {"*:end@host:*", false, LASTCALL_FORBIDDEN},
        {"plex:end@*", false, LASTCALL_FORBIDDEN},
        {"*:end@*", true, LASTCALL_FORBIDDEN},
        {"*:end@*!where", false, LASTCALL_FORBIDDEN},
        {"*:end@*!limit", false, LASTCALL_FORBIDDEN},
        {"*:end@*!reason", false, LASTCALL_OK},
        {"*:end,message@*", true, LASTCALL_OK},
    };

    (void)state;
    start_wts();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plan plan = rows[i].has_warning ? plan_soon() : plan_now();
        struct other other;
        struct result result;

        other_init(&other, "alice", rows[i].permit);
        plan.signer = &other.key;
        plan.grant = other.grant;
        plan.iat_shift_s = (int64_t)i;
        publish(&plan);
        result = await_step(rows[i].has_warning ? "warn:300" : "start");
        if ((result.code == LASTCALL_FORBIDDEN) !=
            (rows[i].code == LASTCALL_FORBIDDEN))
            fail_msg("%s: %s", rows[i].permit, status_name(result.code));
        result_deinit(&result);
        other_deinit(&other);
    }
    stop(INBOX_STOP);
}

/* holds 8.15 */
static void who_may_not_end_may_not_call_off(void **state)
{
    struct plan plan = plan_soon();
    struct other bob;
    struct other carol;

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    other_init(&bob, "bob", "*:list@*");
    other_init(&carol, "carol", "*:end,message@*");
    publish(&plan);
    expect_step("warn:300", LASTCALL_OK, 1);
    plan.body.cancelled = true;
    plan.issuer = "controller:bob";
    plan.signer = &bob.key;
    plan.grant = bob.grant;
    plan.iat_shift_s = 1;
    publish(&plan);
    rest("rest-0123456789abcdef0");
    assert_int_equal(latest_plan().phase, PLAN_WARNING);
    assert_int_equal(count_topic("result/bob/"), 1);
    plan.issuer = "controller:carol";
    plan.signer = &carol.key;
    plan.grant = carol.grant;
    plan.iat_shift_s = 2;
    publish(&plan);
    await_phase(PLAN_CANCELLED);
    assert_string_equal(latest_plan().issuer, "controller:carol");
    stop(INBOX_STOP);
    other_deinit(&bob);
    other_deinit(&carol);
}

/* holds 8.8 */
static void a_key_that_was_revoked_meanwhile_ends_its_plans(void **state)
{
    struct plan plan = plan_soon();

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    publish(&plan);
    expect_step("warn:300", LASTCALL_OK, 1);
    stop(INBOX_STOP);
    free(stage.trust.revoked.entries);
    stage.trust.revoked.entries =
        calloc(1, sizeof(*stage.trust.revoked.entries));
    memcpy(stage.trust.revoked.entries[0].thumbprint,
           stage.fleet.controller_key.thumbprint,
           sizeof(stage.trust.revoked.entries[0].thumbprint));
    stage.trust.revoked.entries[0].before_s = wall_ms() / S + 60;
    stage.trust.revoked.count = 1;
    stage.wall_shift_ms = 300 * S;
    start_wts();
    stage.run_shift_ms = 60 * S;
    inbox_nudge(stage.inbox);
    stop(INBOX_STOP);
    assert_int_equal(act_count(), 1);
}

/* holds 8.9 */
static void two_plans_run_beside_each_other(void **state)
{
    struct plan plan = plan_now();
    struct plan other = plan_now();
    const struct name other_id = {"other"};
    struct request_id id;

    (void)state;
    plan.body.action = ACTION_DISCONNECT;
    other.body.action = ACTION_STOP;
    other.id = "other";
    fake_play(0, "2", "ann");
    fake_play(1, "p", "bob");
    start_wts();
    publish(&other);
    assert_int_equal(maintenance_step_id(&other_id, last_iat_s, "start", &id),
                     LASTCALL_OK);
    publish(&plan);
    expect_step("start", LASTCALL_OK, 1);
    expect(id.text, LASTCALL_OK);
    assert_int_equal(act_count(), 2);
    stop(INBOX_STOP);
}

/* holds 8.9 */
static void the_owners_limit_and_protection_hold(void **state)
{
    struct plan plan = plan_now();
    struct filter_error error;

    (void)state;
    fake_play(0, "2", "ann");
    fake_play(0, "3", "root");
    stage.policy.has_protect = true;
    assert_int_equal(
        filter_parse("username == 'root'", &stage.policy.protect, &error),
        LASTCALL_OK);
    start_wts();
    plan.body.enforce = true;
    publish(&plan);
    expect_step("start", LASTCALL_PARTIAL, 2);
    executor_hint(stage.executors[0]);
    rest("rest-0123456789abcdef0");
    assert_int_equal(act_count(), 1);
    fake_play(1, "p", "bob");
    stage.policy.max_sessions = 1;
    fake_play(1, "q", "cat");
    executor_hint(stage.executors[1]);
    expect_step("enforce:1", LASTCALL_LIMIT_EXCEEDED, 2);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* holds 4.18 */
static void a_step_that_cannot_be_recorded_is_not_done(void **state)
{
    struct plan plan = plan_now();

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    rest("rest-0123456789abcdef0");
    stage.lost_commits = 3;
    publish(&plan);
    await_phase(PLAN_DONE);
    assert_int_equal(stage.lost_commits, 0);
    assert_int_equal(act_count(), 1);
    stop(INBOX_STOP);
}

/* A crash between "recorded" and "done": what the journal then holds. */
#define CRASH_START                                                            \
    "UPDATE command SET state = 0, result = NULL, targets = NULL,"             \
    " delivered = 0;"                                                          \
    "UPDATE plan SET is_started = 0, ended = 0;"

/* holds 8.13 */
static void an_ending_that_a_crash_met_is_completed(void **state)
{
    struct plan plan = plan_now();

    (void)state;
    fake_play(0, "2", "ann");
    start_wts();
    publish(&plan);
    expect_step("start", LASTCALL_OK, 1);
    stop(INBOX_STOP);
    fake_reset();
    fake_play(0, "2", "ann");
    stage.journal_sql = CRASH_START;
    start_wts();
    expect_step("start:2", LASTCALL_OK, 1);
    await_phase(PLAN_DONE);
    assert_int_equal(act_count(), 1);
    await_counts(0, 1);
    stop(INBOX_STOP);
}

/* holds 8.13 */
static void a_warning_that_a_crash_met_is_given_if_nobody_saw_it(void **state)
{
    static const struct {
        const char *sql;
        unsigned acts;
    } rows[] = {
        {"UPDATE command SET state = 0, result = NULL, targets = NULL;", 2},
        {"UPDATE command SET state = 1, result = NULL;", 1},
    };
    struct plan plan = plan_soon();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        stage.journal_sql = NULL;
        plan.iat_shift_s = (int64_t)i * 10;
        plan.body.starts_ms += S;
        fake_reset();
        fake_play(0, "2", "ann");
        start_wts();
        publish(&plan);
        expect_step("warn:300", LASTCALL_OK, 1);
        stop(INBOX_STOP);
        stage.journal_sql = rows[i].sql;
        start_wts();
        if (rows[i].acts == 2)
            expect_step("warn:300:2", LASTCALL_OK, 1);
        stage.run_shift_ms += 2 * MAINTENANCE_SETTLE_MS;
        rest(i == 0 ? "rest-0123456789abcdef0" : "rest-0123456789abcdef1");
        assert_int_equal(act_count(), rows[i].acts);
        stop(INBOX_STOP);
    }
}

/* holds 8.15 */
static void so_many_plans_and_no_more(void **state)
{
    struct plan plan = plan_soon();
    struct status_plan plans[STATUS_PLAN_COUNT_MAX];
    char id[16];

    (void)state;
    (void)plans;
    plan.body.starts_ms += 3600 * S;
    plan.body.ends_ms += 3600 * S;
    plan.exp_shift_s = 3600;
    plan.id = id;
    start_wts();
    for (size_t i = 0; i < MAINTENANCE_PLAN_MAX; i++) {
        snprintf(id, sizeof(id), "p%zu", i);
        publish(&plan);
    }
    plan.id = "patch";
    publish(&plan);
    expect_step("warn:300", LASTCALL_BUSY, 0);
    stop(INBOX_STOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plan_warns_ends_and_reports),
        TEST(nothing_is_done_again_after_a_restart),
        TEST(what_was_kept_needs_no_broker),
        TEST(a_plan_that_was_called_off_meanwhile_is_not_begun),
        TEST(the_highest_iat_wins),
        TEST(who_comes_later_is_ended_too),
        TEST(a_server_that_was_away_at_the_start_is_owed_its_ending),
        TEST(what_is_wrong_with_a_plan_is_answered_once),
        TEST(what_is_not_proved_is_dropped),
        TEST(a_permit_must_allow_the_ending_and_the_warnings),
        TEST(who_may_not_end_may_not_call_off),
        TEST(a_key_that_was_revoked_meanwhile_ends_its_plans),
        TEST(two_plans_run_beside_each_other),
        TEST(the_owners_limit_and_protection_hold),
        TEST(a_step_that_cannot_be_recorded_is_not_done),
        TEST(an_ending_that_a_crash_met_is_completed),
        TEST(a_warning_that_a_crash_met_is_given_if_nobody_saw_it),
        TEST(so_many_plans_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
