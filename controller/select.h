/*
 * TARGET and SELECT of the command line: which hosts, which sessions.
 */
#ifndef LASTCALL_CONTROLLER_SELECT_H
#define LASTCALL_CONTROLLER_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/options.h"
#include "controller/text_index.h"
#include "protocol/filter.h"
#include "protocol/name.h"
#include "protocol/request.h"

#define SELECT_ERROR_SIZE 400
/* Hosts and patterns that one command may name. */
#define TARGET_ENTRY_MAX 20000
#define TARGET_FILE_BYTES_MAX ((size_t)2 * 1024 * 1024)

/* What --every sends: true of every session. */
#define SELECT_WHERE_EVERY "session_id != null"

/* Every Windows machine lists its services and its listeners, which are
 * nobody's session and can never be ended: what reaches Windows passes over
 * them, or a selection by state would fail on each machine. */
#define SELECT_WHERE_SOMEBODY "(endable or username != null)"

enum target_kind {
    TARGET_NONE, /* nothing given */
    TARGET_ALL,
    TARGET_GROUP,
    TARGET_HOSTS,
};

/* {0} is empty and of kind TARGET_NONE. */
struct target {
    enum target_kind kind;
    struct name group;
    char **entries; /* owned; names, or patterns with '*'; each once, in the
                       order of the naming */
    size_t entry_count;
    struct text_index by_text; /* entries by text */
    size_t pattern_count;      /* entries that are patterns */
};

/*
 * Read --all, --group, --host and --hosts-file; more than one kind of target
 * is an error.  A line of the file holds names as --host does; what follows a
 * '#' is passed over.  What is named twice counts once.
 *
 *   error  filled on LASTCALL_E_SYNTAX
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX, LASTCALL_E_NOMEM.
 * Owner:  the caller calls target_deinit(out) in every case.
 */
LASTCALL_MUST_USE enum lastcall_status
target_parse(const struct options *options, struct target *out,
             char error[SELECT_ERROR_SIZE]);
void target_deinit(struct target *target);

/* Say why a text is no host's name, and which one may be meant. */
void target_refuse_host(const char *text, size_t len,
                        char error[SELECT_ERROR_SIZE]);

/* Say whether an entry is a pattern over known hosts rather than a name. */
bool target_is_pattern(const char *entry);

/*
 * Say whether a host belongs to a target.
 *
 *   groups  those of the host's grant
 *
 * Time: linear in the patterns, not in the names.
 */
bool target_includes(const struct target *target, const struct name *host,
                     const struct name *groups, size_t group_count);

enum select_need {
    SELECT_FILTER, /* a filter, or nothing: listings */
    SELECT_ONE,    /* exactly one of --session, a filter, --every */
};

/* Which sessions.  {0} is empty: all of them. */
struct selection {
    char *session_id;     /* owned; or NULL */
    char *where;          /* owned; the expression, or NULL */
    struct name server;   /* "" for all: narrows the request itself */
    uint32_t backends;    /* 0 for all: narrows the request itself */
    struct filter filter; /* owned; of where */
};

/*
 * Read the flags of SELECT and FILTER; shorthands become expressions joined
 * with "and".  --server and --backend become a part of the expression where a
 * broadcast may reach hosts that have no such server; beside --session and
 * for hosts named one by one they narrow the request, so that no other server
 * is asked.  Verbs that reach Windows pass over what is nobody's session there.
 *
 *   error  filled on LASTCALL_E_SYNTAX; gives the position in --where
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX, LASTCALL_E_NOMEM.
 * Owner:  the caller calls selection_deinit(out) in every case.
 */
LASTCALL_MUST_USE enum lastcall_status
selection_parse(const struct options *options, enum select_need need,
                enum target_kind target, struct selection *out,
                char error[SELECT_ERROR_SIZE]);
void selection_deinit(struct selection *selection);

/*
 * Append a text as a literal of the where language, in single quotes.
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status select_quote(struct bytes *out,
                                                    const char *text);

#endif
