/*
 * The syntax of names: fleets, hosts, groups, controllers, servers and
 * request ids.  A name is at most 63 characters of [a-z0-9][a-z0-9.-]*:
 * nothing that a topic, an ACL pattern or a file name could misread.
 */
#ifndef LASTCALL_PROTOCOL_NAME_H
#define LASTCALL_PROTOCOL_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/status.h"

#define NAME_LEN_MAX 63
#define REQUEST_ID_LEN_MIN 16
#define REQUEST_ID_LEN_MAX 64

/* A name by value; text is "" or a name that name_is_valid() accepts. */
struct name {
    char text[NAME_LEN_MAX + 1];
};

struct request_id {
    char text[REQUEST_ID_LEN_MAX + 1];
};

/* Say whether len characters are a name.  text need not end with a NUL. */
bool name_is_valid(const char *text, size_t len);

/*
 * Copy a name, refusing what is none; *out is then "".
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX.
 */
LASTCALL_MUST_USE enum lastcall_status name_parse(const char *text, size_t len,
                                                  struct name *out);

/*
 * Copy what is a name but for its capital letters, in lower case: machines
 * are called OFFICE-02, and hosts of a fleet office-02.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX (*out is then "").
 */
LASTCALL_MUST_USE enum lastcall_status
name_parse_lowered(const char *text, size_t len, struct name *out);

/* Say whether len characters are a request id: 16 to 64 of [A-Za-z0-9_-]. */
bool request_id_is_valid(const char *text, size_t len);

/* Copy a request id; LASTCALL_OK or LASTCALL_E_SYNTAX (*out is then ""). */
LASTCALL_MUST_USE enum lastcall_status
request_id_parse(const char *text, size_t len, struct request_id *out);

enum glob_case {
    GLOB_CASE_EXACT,
    GLOB_CASE_IGNORE, /* ASCII letters only; other characters match exactly */
};

/*
 * Match a text against a pattern in which '*' stands for any run of
 * characters, the empty one too.  Nothing else is special.
 * Time: O(len(pattern) * len(text)) at worst, no recursion.
 */
bool name_glob(const char *pattern, const char *text, enum glob_case fold);

#endif
