#include "controller/select.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/config.h"

/* A little more than the language allows, so that the parser says why. */
#define WHERE_BYTES_MAX ((size_t)2 * FILTER_TEXT_MAX)

struct shorthand {
    enum option_id id;
    const char *field;  /* compared with the flag's value */
    const char *second; /* or this one, or NULL */
    const char *op;
    const char *flag; /* of a length of time, for what is said of it */
};

static const struct shorthand shorthands[] = {
    {OPTION_PLAYER, "client_name", NULL, "~", NULL},
    {OPTION_CLIENT, "client_name", "client_address", "~", NULL},
    {OPTION_STATE, "state", NULL, "~", NULL},
    {OPTION_TITLE, "media_title", "show_title", "~", NULL},
};

static const struct shorthand durations[] = {
    {OPTION_IDLE, "idle_s", NULL, ">=", "idle"},
    {OPTION_PAUSED, "paused_s", NULL, ">=", "paused"},
};

LASTCALL_PRINTF(2, 3)
static enum lastcall_status refuse(char error[SELECT_ERROR_SIZE],
                                   const char *format, ...)
{
    va_list rest;

    va_start(rest, format);
    vsnprintf(error, SELECT_ERROR_SIZE, format, rest);
    va_end(rest);
    return LASTCALL_E_SYNTAX;
}

enum lastcall_status select_quote(struct bytes *out, const char *text)
{
    enum lastcall_status status = bytes_append_text(out, "'");

    for (; *text != '\0' && status == LASTCALL_OK; text++) {
        if (*text == '\'' || *text == '\\')
            status = bytes_append_text(out, "\\");
        if (status == LASTCALL_OK)
            status = bytes_append(out, text, 1);
    }
    return status == LASTCALL_OK ? bytes_append_text(out, "'") : status;
}

/* Put "and" between two parts. */
static enum lastcall_status join(struct bytes *where)
{
    return where->len == 0 ? LASTCALL_OK : bytes_append_text(where, " and ");
}

static enum lastcall_status append_comparison(struct bytes *where,
                                              const char *field, const char *op,
                                              const char *value)
{
    enum lastcall_status status =
        bytes_append_format(where, "%s %s ", field, op);

    return status == LASTCALL_OK ? select_quote(where, value) : status;
}

static enum lastcall_status append_shorthand(struct bytes *where,
                                             const struct shorthand *row,
                                             const char *value)
{
    enum lastcall_status status = join(where);

    if (status == LASTCALL_OK && row->second != NULL)
        status = bytes_append_text(where, "(");
    if (status == LASTCALL_OK)
        status = append_comparison(where, row->field, row->op, value);
    if (status != LASTCALL_OK || row->second == NULL)
        return status;
    status = bytes_append_text(where, " or ");
    if (status == LASTCALL_OK)
        status = append_comparison(where, row->second, row->op, value);
    return status == LASTCALL_OK ? bytes_append_text(where, ")") : status;
}

/* DOMAIN\\user means both fields; a name that has the backslash itself is
 * found as well. */
static enum lastcall_status append_user(struct bytes *where, const char *value)
{
    static const struct shorthand user_row = {OPTION_USER, "username", NULL,
                                              "~", NULL};
    const char *slash = strchr(value, '\\');
    char domain[SESSION_TEXT_MAX];
    enum lastcall_status status = LASTCALL_OK;

    if (slash == NULL || slash == value || slash[1] == '\0' ||
        (size_t)(slash - value) >= sizeof domain)
        return append_shorthand(where, &user_row, value);
    memcpy(domain, value, (size_t)(slash - value));
    domain[slash - value] = '\0';
    status = join(where);
    if (status == LASTCALL_OK)
        status = bytes_append_text(where, "(");
    if (status == LASTCALL_OK)
        status = append_comparison(where, "username", "~", value);
    if (status == LASTCALL_OK)
        status = bytes_append_text(where, " or ");
    if (status == LASTCALL_OK)
        status = append_comparison(where, "domain", "~", domain);
    if (status == LASTCALL_OK)
        status = bytes_append_text(where, " and ");
    if (status == LASTCALL_OK)
        status = append_comparison(where, "username", "~", slash + 1);
    return status == LASTCALL_OK ? bytes_append_text(where, ")") : status;
}

static enum lastcall_status append_duration(const struct options *options,
                                            const struct shorthand *row,
                                            struct bytes *where,
                                            char error[SELECT_ERROR_SIZE])
{
    const char *value = options_value(options, row->id);
    int64_t ms = 0;
    enum lastcall_status status = LASTCALL_OK;

    if (value == NULL)
        return LASTCALL_OK;
    if (config_parse_duration(value, &ms) != LASTCALL_OK)
        return refuse(error,
                      "--%s: \"%.80s\" is no length of time; write 90, 30m "
                      "or 2h",
                      row->flag, value);
    status = join(where);
    if (status == LASTCALL_OK)
        status = bytes_append_format(where, "%s %s %" PRId64, row->field,
                                     row->op, ms / 1000);
    return status;
}

static enum lastcall_status append_local(const struct options *options,
                                         struct bytes *where,
                                         char error[SELECT_ERROR_SIZE])
{
    bool local = options_has(options, OPTION_LOCAL);
    bool remote = options_has(options, OPTION_REMOTE);
    enum lastcall_status status = LASTCALL_OK;

    if (local && remote)
        return refuse(error, "--local and --remote exclude each other");
    if (!local && !remote)
        return LASTCALL_OK;
    status = join(where);
    if (status == LASTCALL_OK)
        status = bytes_append_format(where, "is_local == %s",
                                     local ? "true" : "false");
    return status;
}

/* --where may be repeated; each stands in parentheses of its own, and is
 * parsed alone first so that a position means something to its author. */
static enum lastcall_status append_where(const struct options *options,
                                         struct bytes *where,
                                         char error[SELECT_ERROR_SIZE])
{
    const char *text = NULL;
    size_t cursor = 0;
    enum lastcall_status status = LASTCALL_OK;

    while (status == LASTCALL_OK &&
           (text = options_next(options, OPTION_WHERE, &cursor)) != NULL) {
        struct filter filter = {0};
        struct filter_error why = {0};

        status = filter_parse(text, &filter, &why);
        filter_deinit(&filter);
        if (status == LASTCALL_E_NOMEM)
            return status;
        if (status != LASTCALL_OK)
            return refuse(error, "--where, at character %zu: %s",
                          why.position + 1,
                          why.text[0] != '\0' ? why.text : status_text(status));
        status = join(where);
        if (status == LASTCALL_OK)
            status = bytes_append_format(where, "(%s)", text);
    }
    return status;
}

static enum lastcall_status append_filters(const struct options *options,
                                           struct bytes *where,
                                           char error[SELECT_ERROR_SIZE])
{
    const char *user = options_value(options, OPTION_USER);
    enum lastcall_status status = append_where(options, where, error);

    if (status == LASTCALL_OK && user != NULL)
        status = append_user(where, user);
    for (size_t i = 0; i < sizeof shorthands / sizeof shorthands[0]; i++) {
        const char *value = options_value(options, shorthands[i].id);

        if (status == LASTCALL_OK && value != NULL)
            status = append_shorthand(where, &shorthands[i], value);
    }
    if (status == LASTCALL_OK)
        status = append_local(options, where, error);
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        if (status == LASTCALL_OK)
            status = append_duration(options, &durations[i], where, error);
    }
    return status;
}

/* --server and --backend; see select.h for where they go. */
static enum lastcall_status take_narrowing(const struct options *options,
                                           bool narrows, struct bytes *where,
                                           struct selection *out,
                                           char error[SELECT_ERROR_SIZE])
{
    static const struct shorthand server_row = {OPTION_SERVER, "server", NULL,
                                                "==", NULL};
    static const struct shorthand backend_row = {OPTION_BACKEND, "backend",
                                                 NULL, "==", NULL};
    const char *server = options_value(options, OPTION_SERVER);
    const char *backend = options_value(options, OPTION_BACKEND);
    enum backend_kind kind = BACKEND_PLEX;
    enum lastcall_status status = LASTCALL_OK;

    if (server != NULL &&
        name_parse(server, strlen(server), &out->server) != LASTCALL_OK)
        return refuse(error, "--server: \"%.80s\" is no name", server);
    if (backend != NULL && backend_kind_parse(backend, &kind) != LASTCALL_OK)
        return refuse(error, "--backend is plex or wts, not \"%.80s\"",
                      backend);
    if (backend != NULL)
        out->backends = BACKEND_BIT(kind);
    if (narrows)
        return LASTCALL_OK;
    out->server = (struct name){0};
    out->backends = 0;
    if (server != NULL)
        status = append_shorthand(where, &server_row, server);
    if (status == LASTCALL_OK && backend != NULL)
        status = append_shorthand(where, &backend_row, backend);
    return status;
}

static bool has_filter(const struct options *options)
{
    for (unsigned id = OPTION_WHERE; id <= OPTION_BACKEND; id++) {
        if (options_has(options, (enum option_id)id))
            return true;
    }
    return false;
}

/* The filters other than the two that may stand beside --session. */
static bool has_content_filter(const struct options *options)
{
    for (unsigned id = OPTION_WHERE; id < OPTION_SERVER; id++) {
        if (options_has(options, (enum option_id)id))
            return true;
    }
    return false;
}

static enum lastcall_status check_kinds(const struct options *options,
                                        char error[SELECT_ERROR_SIZE])
{
    const char *session = options_value(options, OPTION_SESSION);
    bool every = options_has(options, OPTION_EVERY);
    bool filter = has_filter(options);

    if (session == NULL && !every && !filter)
        return refuse(error, "which sessions? give --session ID, a filter such "
                             "as --user NAME, or --every");
    if (session != NULL && (every || has_content_filter(options)))
        return refuse(error, "--session, filters and --every exclude each "
                             "other");
    if (every && has_content_filter(options))
        return refuse(error, "--every and filters exclude each other");
    if (session != NULL && session[0] == '\0')
        return refuse(error, "--session: an id is not empty");
    return LASTCALL_OK;
}

/* Parse the whole as the hosts will. */
static enum lastcall_status finish(struct bytes *where, struct selection *out,
                                   char error[SELECT_ERROR_SIZE])
{
    struct filter_error why = {0};
    enum lastcall_status status = LASTCALL_OK;

    if (where->len == 0)
        return LASTCALL_OK;
    out->where = bytes_take(where);
    if (out->where == NULL)
        return LASTCALL_E_NOMEM;
    status = filter_parse(out->where, &out->filter, &why);
    if (status == LASTCALL_OK || status == LASTCALL_E_NOMEM)
        return status;
    return refuse(error, "the filter \"%.120s\" is not good: %s", out->where,
                  why.text[0] != '\0' ? why.text : status_text(status));
}

static bool reaches_windows(const struct options *options)
{
    return options->command == COMMAND_DISCONNECT ||
           options->command == COMMAND_LOGOFF ||
           options->command == COMMAND_MESSAGE ||
           options->command == COMMAND_END ||
           options->command == COMMAND_MAINTENANCE;
}

static enum lastcall_status append_everybody(const struct options *options,
                                             struct bytes *where)
{
    enum lastcall_status status = LASTCALL_OK;

    if (!reaches_windows(options))
        return where->len > 0 ? LASTCALL_OK
                              : bytes_append_text(where, SELECT_WHERE_EVERY);
    status = join(where);
    return status == LASTCALL_OK
               ? bytes_append_text(where, SELECT_WHERE_SOMEBODY)
               : status;
}

enum lastcall_status selection_parse(const struct options *options,
                                     enum select_need need,
                                     enum target_kind target,
                                     struct selection *out,
                                     char error[SELECT_ERROR_SIZE])
{
    struct bytes where;
    const char *session = options_value(options, OPTION_SESSION);
    bool narrows =
        need == SELECT_ONE && (session != NULL || target == TARGET_HOSTS);
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct selection){0};
    bytes_init(&where, WHERE_BYTES_MAX);
    if (need == SELECT_ONE)
        status = check_kinds(options, error);
    if (status == LASTCALL_OK)
        status = append_filters(options, &where, error);
    if (status == LASTCALL_OK)
        status = take_narrowing(options, narrows, &where, out, error);
    if (status == LASTCALL_OK && session != NULL) {
        out->session_id = bytes_copy_text(session);
        status = out->session_id == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
    } else if (status == LASTCALL_OK &&
               (need == SELECT_ONE ||
                (options->command == COMMAND_MAINTENANCE && where.len > 0))) {
        /* A plan without a filter is for every person by itself. */
        status = append_everybody(options, &where);
    }
    if (status == LASTCALL_OK)
        status = finish(&where, out, error);
    if (status == LASTCALL_E_TOO_LARGE)
        status = refuse(error, "the filters are too long");
    bytes_deinit(&where);
    return status;
}

void selection_deinit(struct selection *selection)
{
    free(selection->session_id);
    free(selection->where);
    filter_deinit(&selection->filter);
    *selection = (struct selection){0};
}
