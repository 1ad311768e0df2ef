#include "controller/plan_progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/body.h"

#define KEY_SIZE (2 * (NAME_LEN_MAX + 1))

/* What a row looked like: no more than its columns tell. */
struct plan_shown_row {
    char key[KEY_SIZE]; /* host and plan */
    const char *phase;  /* static */
    bool is_up;
    int64_t starts_ms;
    int64_t ends_ms;
    enum action action;
    int64_t warned;
    int64_t ended;
    int64_t failed;
    enum lastcall_status code;
};

static const char *const phase_names[PROGRESS_COUNT] = {
    [PROGRESS_OFFLINE] = PLAN_ROW_OFFLINE,
    [PROGRESS_WAITING] = PLAN_ROW_WAITING,
    [PROGRESS_UNLISTED] = PLAN_ROW_UNLISTED,
    [PROGRESS_REFUSED] = "refused",
    [PROGRESS_SCHEDULED] = "scheduled",
    [PROGRESS_WARNING] = "warning",
    [PROGRESS_RUNNING] = "running",
    [PROGRESS_ENFORCING] = "enforcing",
    [PROGRESS_DONE] = "done",
    [PROGRESS_MISSED] = "missed",
    [PROGRESS_CANCELLED] = "cancelled",
};

/* ---- what was shown ---- */

void plan_shown_deinit(struct plan_shown *shown)
{
    free(shown->rows);
    text_index_deinit(&shown->by_key);
    *shown = (struct plan_shown){0};
}

static const char *key_at(const void *rows, size_t position)
{
    return ((const struct plan_shown_row *)rows)[position].key;
}

static struct plan_shown_row look_of(const struct plan_row *row)
{
    const struct status_plan *told = row->status;
    struct plan_shown_row look = {
        .phase = row->phase,
        .is_up = registry_host_is_up(row->host),
    };

    snprintf(look.key, sizeof look.key, "%s %s", row->host->name.text,
             row->id.text);
    if (told != NULL) {
        look.starts_ms = told->starts_ms;
        look.ends_ms = told->ends_ms;
        look.action = told->action;
        look.warned = told->warned;
        look.ended = told->ended;
        look.failed = told->failed;
        look.code = told->last_code;
    }
    return look;
}

static bool is_same(const struct plan_shown_row *a,
                    const struct plan_shown_row *b)
{
    return strcmp(a->phase, b->phase) == 0 && a->is_up == b->is_up &&
           a->starts_ms == b->starts_ms && a->ends_ms == b->ends_ms &&
           a->action == b->action && a->warned == b->warned &&
           a->ended == b->ended && a->failed == b->failed && a->code == b->code;
}

static enum lastcall_status add_look(struct plan_shown *shown,
                                     const struct plan_shown_row *look)
{
    if (shown->count == shown->capacity) {
        const size_t wanted = shown->capacity == 0 ? 64 : shown->capacity * 2;
        struct plan_shown_row *grown =
            realloc(shown->rows, wanted * sizeof *grown);

        if (grown == NULL)
            return LASTCALL_E_NOMEM;
        shown->rows = grown;
        shown->capacity = wanted;
    }
    shown->rows[shown->count] = *look;
    shown->by_key.text_at = key_at;
    return text_index_add(&shown->by_key, shown->rows, shown->count++);
}

/* Whether a row looks otherwise than it was shown; it is remembered. */
static enum lastcall_status note(struct plan_shown *shown,
                                 const struct plan_row *row, bool *is_new)
{
    const struct plan_shown_row look = look_of(row);
    const size_t at = text_index_find(&shown->by_key, shown->rows, look.key);

    *is_new = true;
    if (at == TEXT_INDEX_NONE)
        return add_look(shown, &look);
    *is_new = !is_same(&shown->rows[at], &look);
    shown->rows[at] = look;
    return LASTCALL_OK;
}

/* ---- adding up ---- */

struct adding {
    struct plan_account *account;
    struct plan_shown *shown;
    struct output *output;
    int64_t now_ms;
    enum lastcall_status status;
};

static void count_phase(struct plan_account *account, const char *phase)
{
    for (size_t i = 0; i < PROGRESS_COUNT; i++)
        account->phases[i] += strcmp(phase_names[i], phase) == 0;
}

static void count(struct plan_account *account, const struct plan_row *row,
                  int64_t now_ms)
{
    const struct status_plan *told = row->is_told ? row->status : NULL;

    account->rows++;
    account->unfinished += !plan_row_is_over(row, now_ms);
    count_phase(account, row->phase);
    if (!registry_host_is_up(row->host))
        account->offline++;
    else if (told == NULL)
        account->untold++;
    if (told == NULL)
        return;
    if (told->phase == PLAN_REFUSED)
        account->refused++;
    else
        account->failed += plan_row_has_failed(row);
    account->sessions_warned =
        body_add_counts(account->sessions_warned, told->warned);
    account->sessions_ended =
        body_add_counts(account->sessions_ended, told->ended);
    account->sessions_failed =
        body_add_counts(account->sessions_failed, told->failed);
}

static void add(void *context, const struct plan_row *row)
{
    struct adding *adding = context;
    bool is_new = true;

    count(adding->account, row, adding->now_ms);
    if (adding->output == NULL || adding->status != LASTCALL_OK)
        return;
    if (adding->shown != NULL)
        adding->status = note(adding->shown, row, &is_new);
    if (is_new)
        output_record(adding->output, plan_row_record(row));
}

enum lastcall_status plan_progress_take(const struct plan_view *view,
                                        struct plan_shown *shown,
                                        struct output *output, int64_t now_ms,
                                        struct plan_account *out)
{
    struct adding adding = {out, shown, output, now_ms, LASTCALL_OK};

    *out = (struct plan_account){0};
    plan_rows_each(view->registry, view->plans, view->id, view->target, add,
                   &adding);
    return adding.status;
}

/* ---- telling ---- */

static void put_count(struct body_writer *writer, const char *name,
                      size_t value)
{
    body_put(writer, name, json_integer((json_int_t)value));
}

json_t *plan_progress_summary(const struct plan_account *account,
                              const struct name *id)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};
    struct body_writer phases = {json_object(), LASTCALL_OK};

    if (writer.object == NULL || phases.object == NULL) {
        json_decref(writer.object);
        json_decref(phases.object);
        return NULL;
    }
    for (size_t i = 0; i < PROGRESS_COUNT; i++)
        put_count(&phases, phase_names[i], account->phases[i]);
    body_put(&writer, "plan", id == NULL ? json_null() : json_string(id->text));
    put_count(&writer, "rows", account->rows);
    put_count(&writer, "offline", account->offline);
    put_count(&writer, "untold", account->untold);
    put_count(&writer, "refused", account->refused);
    put_count(&writer, "failed", account->failed);
    body_put(&writer, "phases", phases.object);
    body_put(&writer, "sessions_warned",
             json_integer(account->sessions_warned));
    body_put(&writer, "sessions_ended", json_integer(account->sessions_ended));
    body_put(&writer, "sessions_failed",
             json_integer(account->sessions_failed));
    if (writer.status == LASTCALL_OK && phases.status == LASTCALL_OK)
        return writer.object;
    json_decref(writer.object);
    return NULL;
}

static void append(char out[PLAN_PROGRESS_TEXT_SIZE], const char *format, ...)
    LASTCALL_PRINTF(2, 3);

static void append(char out[PLAN_PROGRESS_TEXT_SIZE], const char *format, ...)
{
    const size_t len = strlen(out);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(out + len, PLAN_PROGRESS_TEXT_SIZE - len, format,
                    arguments);
    va_end(arguments);
}

void plan_progress_format(const struct plan_account *account,
                          const struct name *id,
                          char out[PLAN_PROGRESS_TEXT_SIZE])
{
    const char *separator = ": ";

    out[0] = '\0';
    append(out, "%zu %s%s", account->rows, id != NULL ? "host" : "row",
           account->rows == 1 ? "" : "s");
    for (size_t i = 0; i < PROGRESS_COUNT; i++) {
        if (account->phases[i] == 0)
            continue;
        append(out, "%s%zu %s", separator, account->phases[i], phase_names[i]);
        separator = ", ";
    }
    append(out,
           "; %" PRId64 " sessions warned, %" PRId64 " ended, %" PRId64
           " failed",
           account->sessions_warned, account->sessions_ended,
           account->sessions_failed);
}
