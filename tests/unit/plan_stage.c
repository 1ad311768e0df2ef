#include "tests/unit/plan_stage.h"

int64_t last_iat_s;
static char reason[] = "Patches";
static char warning[] = "Save your work.";

int64_t wall_ms(void)
{
    return platform_clock.wall_ms(platform_clock.state) + stage.wall_shift_ms;
}

/* Due now, for an hour. */
struct plan plan_now(void)
{
    return (struct plan){
        .body = {.starts_ms = wall_ms() - S,
                 .ends_ms = wall_ms() + 3600 * S,
                 .action = ACTION_END,
                 .reason = reason},
    };
}

/* To come, with a warning that is due. */
struct plan plan_soon(void)
{
    struct plan plan = plan_now();

    plan.body.starts_ms = wall_ms() + 250 * S;
    plan.body.warn_s[0] = 300;
    plan.body.warn_s[1] = 60;
    plan.body.warn_count = 2;
    plan.body.message = warning;
    return plan;
}

void publish(const struct plan *plan)
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
    last_iat_s = claims.iat_s;
    inbox_offer(stage.inbox, &message);
    bytes_deinit(&token);
}

struct request_id step_id(const char *step)
{
    const struct name id = {"patch"};
    struct request_id out;

    assert_int_equal(maintenance_step_id(&id, last_iat_s, step, &out),
                     LASTCALL_OK);
    return out;
}

/* Wait for a step's result. */
struct result await_step(const char *step)
{
    const struct request_id id = step_id(step);
    struct result result = await(id.text, 1);

    assert_string_equal(result.plan.text, "patch");
    assert_string_equal(result.step, step);
    return result;
}

void expect_step(const char *step, enum lastcall_status code, int64_t matched)
{
    struct result result = await_step(step);

    if (result.code != code || result.matched != matched)
        fail_msg("%s: %s, %lld matched (%s)", step, status_name(result.code),
                 (long long)result.matched, result.detail);
    result_deinit(&result);
}

void start_wts(void)
{
    stage.servers[0].backend = BACKEND_WTS;
    start();
}

void begin_plan(const struct plan *plan, const char *step)
{
    fake_play(0, "2", "ann");
    start_wts();
    publish(plan);
    expect_step(step, LASTCALL_OK, 1);
}

/* Come back as after a restart.  The clock is what it was. */
void restart(void)
{
    stop(INBOX_STOP);
    start_wts();
}

/* Let the worker look at its clock, which says so much more than the true
 * one. */
void shift_wall(int64_t by_ms)
{
    stage.wall_shift_ms = by_ms;
    inbox_nudge(stage.inbox);
}

/* Commands go after plans that are under way: an answer says it has rested;
 * the next one, that its news has been told. */
void rest(const char *jti)
{
    const struct wrong right = {.iat_shift_s = stage.wall_shift_ms / S};
    char next[sizeof(struct request_id)];

    deliver(jti, LIST, &right);
    expect(jti, LASTCALL_OK);
    snprintf(next, sizeof(next), "then-%s", jti);
    deliver(next, PING, &right);
    expect(next, LASTCALL_OK);
}

/* The latest status; the caller calls host_status_deinit(). */
static struct host_status latest_status(void)
{
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
        break;
    }
    gate_unlock(&stage.gate);
    verified_deinit(&verified);
    token_deinit(&token);
    return status;
}

struct status_plan latest_plan(void)
{
    struct status_plan plan = {.phase = PLAN_PHASE_COUNT};
    struct host_status status = latest_status();

    if (status.plan_count > 0)
        plan = status.plans[0];
    host_status_deinit(&status);
    return plan;
}

/* Write the ids of the latest status one after another. */
static void list_ids(char *out, size_t size)
{
    struct host_status status = latest_status();
    int len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < status.plan_count; i++) {
        len += snprintf(out + len, size - (size_t)len, "%s%s",
                        i == 0 ? "" : " ", status.plans[i].id.text);
        assert_true((size_t)len < size);
    }
    host_status_deinit(&status);
}

void await_order(const char *ids)
{
    const int64_t until =
        platform_clock.monotonic_ms(platform_clock.state) + FAKE_WAIT_MS;
    char seen[256];

    list_ids(seen, sizeof(seen));
    while (strcmp(seen, ids) != 0) {
        if (platform_clock.monotonic_ms(platform_clock.state) > until)
            fail_msg("the status lists %s", seen);
        gate_lock(&stage.gate);
        gate_wait(&stage.gate, 50);
        gate_unlock(&stage.gate);
        list_ids(seen, sizeof(seen));
    }
}

/* Wait for a status in which so many sessions were warned and ended. */
void await_counts(int64_t warned, int64_t ended)
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

void await_phase(enum plan_phase phase)
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

void await_topic(const char *part, size_t count)
{
    const int64_t until =
        platform_clock.monotonic_ms(platform_clock.state) + FAKE_WAIT_MS;

    gate_lock(&stage.gate);
    while (count_topic(part) < count) {
        if (platform_clock.monotonic_ms(platform_clock.state) > until)
            fail_msg("no message %zu on %s", count, part);
        gate_wait(&stage.gate, 50);
    }
    gate_unlock(&stage.gate);
}
