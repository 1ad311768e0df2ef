/*
 * The command line: one table of subcommands and one table of flags, from
 * which parsing, the usage text, the completions and the check of the manual
 * page are made.
 */
#ifndef LASTCALL_CONTROLLER_OPTIONS_H
#define LASTCALL_CONTROLLER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/status.h"

enum command_id {
    COMMAND_KEY,
    COMMAND_GRANT,
    COMMAND_ENROLL,
    COMMAND_REVOKE,
    COMMAND_HOSTS,
    COMMAND_SESSIONS,
    COMMAND_STOP,
    COMMAND_DISCONNECT,
    COMMAND_LOGOFF,
    COMMAND_MESSAGE,
    COMMAND_END,
    COMMAND_PING,
    COMMAND_JOBS,
    COMMAND_WATCH,
    COMMAND_MAINTENANCE,
    COMMAND_BRIDGE,
    COMMAND_VERIFY,
    COMMAND_COMPLETION,
    COMMAND_COUNT
};

/* Sets of flags that a subcommand takes. */
enum option_group {
    OPTIONS_HELP = 1 << 0,
    OPTIONS_FLEET = 1 << 1,    /* configuration, fleet and root */
    OPTIONS_BROKER = 1 << 2,   /* how to reach the broker */
    OPTIONS_IDENTITY = 1 << 3, /* our key and grant */
    OPTIONS_TARGET = 1 << 4,
    OPTIONS_FILTER = 1 << 5,
    OPTIONS_SELECT = 1 << 6,
    OPTIONS_ENDING = 1 << 7,
    OPTIONS_CONFIRM = 1 << 8,
    OPTIONS_TTL = 1 << 9,
    OPTIONS_OUTPUT = 1 << 10,
    OPTIONS_FRESH = 1 << 11,
    OPTIONS_ROOT_KEY = 1 << 12,
    OPTIONS_GRANT = 1 << 13,
    OPTIONS_GRANT_OR_ENROLL = 1 << 14,
    OPTIONS_ENROLL = 1 << 15,
    OPTIONS_REVOKE = 1 << 16,
    OPTIONS_TIMEOUT = 1 << 17,
    OPTIONS_MEDIA = 1 << 18, /* filters over what only Plex has */
    OPTIONS_MESSAGE = 1 << 19,
    OPTIONS_JOBS = 1 << 22,
    OPTIONS_PLAN = 1 << 23,
    OPTIONS_WATCH = 1 << 24,
    OPTIONS_BRIDGE = 1 << 26,
};

struct command_info {
    const char *name;
    const char *arguments; /* as the usage shows them */
    const char *summary;
    uint32_t groups; /* set of enum option_group */
    size_t argument_min;
    size_t argument_max;
};

enum option_id {
    OPTION_HELP,
    OPTION_CONFIG,
    OPTION_FLEET,
    OPTION_ROOT,
    OPTION_BROKER,
    OPTION_CA,
    OPTION_CERT,
    OPTION_CERT_KEY,
    OPTION_USERNAME,
    OPTION_PASSWORD_FILE,
    OPTION_KEY,
    OPTION_GRANT,
    OPTION_ALL,
    OPTION_GROUP,
    OPTION_HOST,
    OPTION_HOSTS_FILE,
    OPTION_SESSION,
    OPTION_EVERY,
    OPTION_WHERE,
    OPTION_USER,
    OPTION_PLAYER,
    OPTION_CLIENT,
    OPTION_REMOTE,
    OPTION_LOCAL,
    OPTION_STATE,
    OPTION_IDLE,
    OPTION_PAUSED,
    OPTION_TITLE,
    OPTION_SERVER,
    OPTION_BACKEND,
    OPTION_REASON,
    OPTION_DRY_RUN,
    OPTION_YES,
    OPTION_PASS_THRU,
    OPTION_LIMIT,
    OPTION_EXPECT,
    OPTION_BATCH,
    OPTION_BATCH_WAIT,
    OPTION_CANARY,
    OPTION_MAX_FAIL,
    OPTION_CONFIRM,
    OPTION_MESSAGE_TITLE, /* message's own --title: that of the box */
    OPTION_STYLE,
    OPTION_TIMEOUT_BOX,
    OPTION_WAIT,
    OPTION_TIMEOUT,
    OPTION_TTL,
    OPTION_SPLAY,
    OPTION_OUTPUT,
    OPTION_FRESH,
    OPTION_ONLY,
    OPTION_LAST,
    OPTION_ROOT_KEY,
    OPTION_SUBJECT,
    OPTION_SUBJECT_KEY, /* grant's own --key: the key that is granted */
    OPTION_PERMIT,
    OPTION_GROUPS,
    OPTION_EXPIRES,
    OPTION_OUT,
    OPTION_PLEX,
    OPTION_PLEX_TOKEN_FILE,
    OPTION_WTS,
    OPTION_BEFORE,
    OPTION_AT,
    OPTION_FOR,
    OPTION_WARN,
    OPTION_PLAN_MESSAGE, /* maintenance's own --message */
    OPTION_ACTION,
    OPTION_ENFORCE,
    OPTION_PLAN_ID,
    OPTION_FOLLOW,
    OPTION_WATCH_FOR, /* watch's own --for */
    OPTION_EVENTS,    /* --count */
    OPTION_SHARE,
    OPTION_CHECK,
    OPTION_LOG_LEVEL,
    OPTION_COUNT
};

/* What a flag's value is, for the completions. */
enum option_value {
    VALUE_IS_NONE, /* a switch */
    VALUE_IS_TEXT,
    VALUE_IS_FILE,
    VALUE_IS_HOST,
    VALUE_IS_GROUP,
    VALUE_IS_FORMAT,
    VALUE_IS_BACKEND,
    VALUE_IS_STYLE,
};

struct option_info {
    enum option_id id;
    enum option_value kind;
    const char *name;  /* without the dashes */
    const char *alias; /* another name, or NULL */
    const char *value; /* its name in the usage, NULL for a switch */
    char letter;       /* one dash and this; 0: none */
    bool repeatable;
    uint32_t groups; /* the sets that it is in */
    const char *help;
};

extern const struct command_info command_table[COMMAND_COUNT];
extern const struct option_info option_table[];
extern const size_t option_table_count;

struct option_given {
    enum option_id id;
    const char *value; /* borrowed from argv; "" for a switch */
};

#define OPTIONS_ERROR_SIZE 256

/* A command line taken apart.  {0} is empty. */
struct options {
    enum command_id command;
    struct option_given *given; /* owned, in the order of the line */
    size_t given_count;
    const char **arguments; /* owned array of borrowed texts */
    size_t argument_count;
    char error[OPTIONS_ERROR_SIZE]; /* what is wrong, "" when nothing is */
};

void options_deinit(struct options *options);

/* Find a subcommand; LASTCALL_OK or LASTCALL_E_SYNTAX. */
LASTCALL_MUST_USE enum lastcall_status command_parse(const char *name,
                                                     enum command_id *out);

/*
 * Take the words behind the subcommand apart: --name value, --name=value, -n,
 * -nvalue, -n value, switches joined (-ny), "--" before arguments that begin
 * with a dash.  A flag that the subcommand does not take, one given twice
 * that may not be, a missing value and too few or too many arguments are
 * errors, unless --help is among the flags.
 *
 *   argc, argv  borrowed for the life of *out
 *   out         filled on LASTCALL_OK; error filled on LASTCALL_E_SYNTAX
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX, LASTCALL_E_NOMEM.
 * Owner:  the caller calls options_deinit(out) in every case.
 */
LASTCALL_MUST_USE enum lastcall_status options_parse(enum command_id command,
                                                     int argc,
                                                     char *const *argv,
                                                     struct options *out);

/* Say whether a flag was given. */
bool options_has(const struct options *options, enum option_id id);

/* The last value given for a flag, or NULL. */
const char *options_value(const struct options *options, enum option_id id);

/*
 * Walk over the values of a repeatable flag: *cursor begins as 0.  NULL at
 * the end.
 */
const char *options_next(const struct options *options, enum option_id id,
                         size_t *cursor);

/*
 * Read a duration flag in milliseconds.
 *
 *   preset_ms  the value when the flag was not given
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX (said on standard error).
 */
LASTCALL_MUST_USE enum lastcall_status
options_duration_ms(const struct options *options, enum option_id id,
                    int64_t preset_ms, int64_t *out);

/*
 * Read a number flag from 0 to max; *out stays as it is when the flag was not
 * given.  LASTCALL_OK or LASTCALL_E_SYNTAX (said on standard error).
 */
LASTCALL_MUST_USE enum lastcall_status
options_count(const struct options *options, enum option_id id, int64_t max,
              int64_t *out);

/* Append the list of subcommands; LASTCALL_OK or LASTCALL_E_NOMEM. */
LASTCALL_MUST_USE enum lastcall_status options_usage(struct bytes *out);

/* Append a subcommand's usage with its flags. */
LASTCALL_MUST_USE enum lastcall_status
options_command_usage(enum command_id command, struct bytes *out);

#endif
