#include "worker/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/json_strict.h"

/* 10,000 targets with long ids and user names. */
#define TARGETS_BYTES_MAX ((size_t)8 * 1024 * 1024)

struct run *run_new(struct order *order)
{
    struct run *run = calloc(1, sizeof(*run));
    size_t count = 0;

    if (run == NULL)
        return NULL;
    for (uint64_t rest = order->servers; rest != 0; rest &= rest - 1)
        count++;
    run->jobs = calloc(count > 0 ? count : 1, sizeof(*run->jobs));
    if (run->jobs == NULL) {
        free(run);
        return NULL;
    }
    bytes_init(&run->token, 0);
    run->order = *order;
    *order = (struct order){0};
    for (size_t i = 0; i < SETTINGS_SERVER_COUNT_MAX; i++) {
        if ((run->order.servers & UINT64_C(1) << i) == 0)
            continue;
        run->jobs[run->job_count++] = (struct job){
            .kind = JOB_SELECT,
            .server = i,
            .order = &run->order,
            .owner = run,
        };
    }
    run->result.has_action = true;
    run->result.action = run->order.request.action;
    run->result.dry_run = run->order.request.dry_run;
    return run;
}

void run_free(struct run *run)
{
    if (run == NULL)
        return;
    for (size_t i = 0; i < run->job_count; i++)
        job_deinit(&run->jobs[i]);
    free(run->jobs);
    order_deinit(&run->order);
    result_deinit(&run->result);
    bytes_deinit(&run->token);
    free(run);
}

void run_set_result(struct run *run, enum lastcall_status code,
                    const char *detail)
{
    run->result.code = code;
    snprintf(run->result.detail, sizeof(run->result.detail), "%s", detail);
}

/* ---- deciding ---- */

static int64_t match_count(const struct run *run)
{
    int64_t count = 0;

    for (size_t i = 0; i < run->job_count; i++)
        count += (int64_t)run->jobs[i].target_count;
    return count;
}

static bool is_every_server_listed(const struct run *run)
{
    for (size_t i = 0; i < run->job_count; i++) {
        if (run->jobs[i].outcome.code != LASTCALL_OK)
            return false;
    }
    return true;
}

/* Refuse the whole order, before anything is touched; false goes on. */
static bool refuse_whole(struct run *run, const struct run_rules *rules)
{
    const struct order *order = &run->order;
    const int64_t matched = match_count(run);
    char detail[RESULT_DETAIL_SIZE];

    if (order->limit != REQUEST_LIMIT_NONE && matched > order->limit) {
        snprintf(detail, sizeof(detail),
                 "%lld sessions match and at most %lld may; none was touched",
                 (long long)matched, (long long)order->limit);
        run_set_result(run, LASTCALL_LIMIT_EXCEEDED, detail);
        run->result.matched = matched;
        return true;
    }
    if (order->request.session_id != NULL && matched == 0 &&
        is_every_server_listed(run)) {
        run_set_result(run, LASTCALL_NOT_FOUND,
                       "no server of this host that was asked knows this "
                       "session");
        return true;
    }
    /* The server may have let us wait for longer than the command lives. */
    if (action_is_change(order->request.action) &&
        rules->now_s >= run->entry.exp_s + rules->skew_s) {
        run_set_result(run, LASTCALL_EXPIRED,
                       "the command's time ran out before its turn came; "
                       "nothing was run");
        return true;
    }
    return false;
}

static bool is_endable(const struct session *session)
{
    const struct session_value *value = &session->fields[SESSION_ENDABLE];

    return value->kind != VALUE_BOOL || value->as.boolean;
}

/* What the request's action stands for on a job's server. */
static enum action action_on(const struct run *run, const struct job *job,
                             const struct settings *settings)
{
    return action_resolve(
        run->order.request.action,
        (enum backend_kind)settings->servers[job->server].backend);
}

bool run_removes(const struct run *run, const struct job *job,
                 const struct settings *settings)
{
    const enum action action = action_on(run, job, settings);

    return action == ACTION_STOP || action == ACTION_LOGOFF;
}

struct inventory_cause run_cause(const struct run *run)
{
    return (struct inventory_cause){
        .request_id = run->entry.request_id,
        .controller = run->controller,
        .plan = run->result.plan,
    };
}

static bool is_disconnected(const struct session *session)
{
    const char *state = session_text(session, SESSION_STATE);

    return state != NULL && strcmp(state, SESSION_STATE_DISCONNECTED) == 0;
}

/* Tell as much as can be told without acting. */
static void target_foretell(enum action action, struct job_target *target)
{
    if (action == ACTION_DISCONNECT && is_disconnected(&target->session))
        outcome_set(&target->outcome, LASTCALL_ALREADY_GONE,
                    "disconnected already");
    else
        outcome_set(&target->outcome, LASTCALL_OK, "would be done");
}

/*
 * Decide about one target.
 *
 *   action  resolved for the target's kind of server
 */
static void target_decide(const struct request *request, enum action action,
                          const struct policy *policy,
                          struct job_target *target)
{
    const bool is_ending = action != ACTION_MESSAGE;
    struct json_error why = {0};

    if (is_ending && policy_protects(policy, &target->session)) {
        outcome_set(&target->outcome, LASTCALL_PROTECTED,
                    "this host's policy protects the session");
        return;
    }
    if (is_ending && !is_endable(&target->session)) {
        outcome_set(&target->outcome, LASTCALL_NOT_ENDABLE,
                    "the server gives no way to end this session");
        return;
    }
    target->outcome.code =
        request_check_precondition(request, &target->session, &why);
    if (target->outcome.code != LASTCALL_OK) {
        outcome_set(&target->outcome, target->outcome.code, why.text);
        return;
    }
    if (request->dry_run)
        target_foretell(action, target);
    else
        target->is_wanted = true;
}

bool run_may_act(struct run *run, const struct job *job)
{
    const struct request *request = &run->order.request;

    run->has_matched = run->has_matched || job->target_count > 0;
    return run->has_matched && action_is_change(request->action) &&
           !request->dry_run;
}

bool run_job_has_work(const struct job *job)
{
    for (size_t i = 0; i < job->target_count; i++) {
        if (job->targets[i].is_wanted)
            return true;
    }
    return false;
}

enum run_next run_decide(struct run *run, const struct run_rules *rules)
{
    const struct request *request = &run->order.request;
    enum run_next next = RUN_CONCLUDE;

    if (refuse_whole(run, rules)) {
        for (size_t i = 0; i < run->job_count; i++)
            job_deinit(&run->jobs[i]);
        run->job_count = 0;
        return RUN_CONCLUDE;
    }
    if (!action_is_change(request->action))
        return RUN_CONCLUDE; /* every target's outcome is OK as it is */
    for (size_t i = 0; i < run->job_count; i++) {
        struct job *job = &run->jobs[i];

        for (size_t k = 0; k < job->target_count; k++)
            target_decide(request, action_on(run, job, rules->settings),
                          rules->policy, &job->targets[k]);
        job->kind = JOB_ACT;
        if (run_job_has_work(job))
            next = RUN_ACT;
    }
    return next;
}

void run_job_refuse(struct job *job, enum lastcall_status code,
                    const char *detail)
{
    switch (job->kind) {
    case JOB_SELECT:
        outcome_set(&job->outcome, code, detail);
        break;
    case JOB_ACT:
        for (size_t i = 0; i < job->target_count; i++) {
            if (job->targets[i].is_wanted)
                outcome_set(&job->targets[i].outcome, code, detail);
        }
        break;
    }
}

/* ---- recording ---- */

static enum lastcall_status target_put(json_t *array,
                                       const struct settings *settings,
                                       const struct job *job,
                                       const struct session *session)
{
    const char *logon_time = session_text(session, SESSION_LOGON_TIME);
    json_t *object = json_object();

    if (object == NULL || json_array_append_new(array, object) != 0)
        return LASTCALL_E_NOMEM;
    if (json_put(object, "server",
                 json_string(settings->servers[job->server].name.text)) !=
            LASTCALL_OK ||
        json_put(object, "session_id",
                 json_text_or_null(session_text(session, SESSION_ID))) !=
            LASTCALL_OK)
        return LASTCALL_E_NOMEM;
    if (json_put(object, "username",
                 json_text_or_null(session_text(session, SESSION_USERNAME))) !=
        LASTCALL_OK)
        return LASTCALL_E_NOMEM;
    if (logon_time == NULL)
        return LASTCALL_OK;
    return json_put(object, "logon_time", json_string(logon_time));
}

enum lastcall_status run_write_targets(const struct run *run,
                                       const struct settings *settings,
                                       struct bytes *out)
{
    enum lastcall_status status = LASTCALL_OK;
    json_t *whole = json_object();
    json_t *array = json_array();

    bytes_init(out, TARGETS_BYTES_MAX);
    if (whole == NULL || json_put(whole, "targets", array) != LASTCALL_OK) {
        json_decref(whole);
        return LASTCALL_E_NOMEM;
    }
    for (size_t i = 0; i < run->job_count && status == LASTCALL_OK; i++) {
        const struct job *job = &run->jobs[i];

        for (size_t k = 0; k < job->target_count; k++) {
            if (job->targets[k].is_wanted && status == LASTCALL_OK)
                status =
                    target_put(array, settings, job, &job->targets[k].session);
        }
    }
    if (status == LASTCALL_OK)
        status = json_write(whole, out);
    json_decref(whole);
    return status;
}

/* ---- concluding ---- */

static bool wants_sessions(const struct request *request)
{
    return request->pass_thru || request->dry_run ||
           request->action == ACTION_LIST;
}

static enum lastcall_status
conclude_target(struct run *run, const struct server_settings *server,
                struct job_target *target)
{
    struct session_result *out = result_add_session(&run->result);
    const char *id = session_text(&target->session, SESSION_ID);

    if (out == NULL)
        return LASTCALL_E_NOMEM;
    out->server = server->name;
    out->backend = (enum backend_kind)server->backend;
    out->code = target->outcome.code;
    memcpy(out->detail, target->outcome.detail, sizeof(out->detail));
    memcpy(out->response, target->outcome.response, sizeof(out->response));
    if (id != NULL) {
        out->session_id = bytes_copy_text(id);
        if (out->session_id == NULL)
            return LASTCALL_E_NOMEM;
    }
    if (wants_sessions(&run->order.request)) {
        out->session = malloc(sizeof *out->session);
        if (out->session == NULL)
            return LASTCALL_E_NOMEM;
        out->has_session = true;
        *out->session = target->session;
        target->session = (struct session){0};
    }
    return LASTCALL_OK;
}

static enum lastcall_status conclude_job(struct run *run, struct job *job,
                                         const struct server_settings *server)
{
    enum lastcall_status status = LASTCALL_OK;
    struct server_result *out = result_add_server(&run->result);

    if (out == NULL)
        return LASTCALL_E_NOMEM;
    out->server = server->name;
    out->backend = (enum backend_kind)server->backend;
    out->code = job->outcome.code;
    memcpy(out->detail, job->outcome.detail, sizeof(out->detail));
    for (size_t i = 0; i < job->target_count && status == LASTCALL_OK; i++)
        status = conclude_target(run, server, &job->targets[i]);
    return status;
}

enum lastcall_status run_conclude(struct run *run,
                                  const struct settings *settings)
{
    enum lastcall_status status = LASTCALL_OK;

    /* A ping, or an order that was refused as a whole, has its code. */
    if (run->job_count == 0)
        return LASTCALL_OK;
    for (size_t i = 0; i < run->job_count && status == LASTCALL_OK; i++)
        status = conclude_job(run, &run->jobs[i],
                              &settings->servers[run->jobs[i].server]);
    if (status == LASTCALL_OK)
        result_tally(&run->result);
    return status;
}
