/*
 * JSON from strangers: bounded, duplicate keys refused, typed getters that
 * say which member was wrong.  The only file that includes jansson.h; whoever
 * needs a json_t includes this header.
 *
 * jansson's references stay in this module and in the codecs (request.c,
 * result.c, ...): no json_t is kept in a decoded structure.
 */
#ifndef LASTCALL_PROTOCOL_JSON_STRICT_H
#define LASTCALL_PROTOCOL_JSON_STRICT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/status.h"

/* Deeper nesting is refused before jansson recurses into it. */
#define JSON_DEPTH_MAX 32

/* Room for the sentence that says what is wrong with a document. */
#define JSON_ERROR_SIZE 160

struct json_error {
    char text[JSON_ERROR_SIZE]; /* "" when nothing was wrong */
};

/* Make *error empty; NULL is fine. */
void json_error_clear(struct json_error *error);

/*
 * Write the sentence.  What is quoted in it may come from strangers and may
 * be cut within a character, and it may travel in a result: everything but
 * printable ASCII becomes '?'.
 *
 *   error  may be NULL
 */
void json_error_say(struct json_error *error, const char *format, ...)
    LASTCALL_PRINTF(2, 3);

enum json_presence {
    JSON_REQUIRED,
    JSON_OPTIONAL, /* absent or null leaves *out as it was */
};

/*
 * Parse an object: UTF-8, at most JSON_DEPTH_MAX deep, no duplicate keys, no
 * NUL characters, nothing behind it.
 *
 *   out    a new reference on LASTCALL_OK, else NULL
 *   error  may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_ENCODING (not JSON, too deep, duplicate
 *         key), LASTCALL_E_SHAPE (not an object), LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
json_parse_object(const void *data, size_t len, json_t **out,
                  struct json_error *error);

/*
 * As json_parse_object(), for documents of others that must be read as they
 * come (Plex): duplicate keys are allowed (the last wins), any root, and the
 * escape \u0000, so that who reads a text must look at its length.
 */
LASTCALL_MUST_USE enum lastcall_status
json_parse_lenient(const void *data, size_t len, json_t **out,
                   struct json_error *error);

/*
 * Get a text member.
 *
 *   object    any json_t; not an object counts as "absent"
 *   name      the member
 *   presence  whether its absence is an error
 *   len_max   longer text is LASTCALL_E_TOO_LARGE, never cut
 *   out       borrowed from object, valid as long as it is
 *   error     names the member on failure; may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_SHAPE (absent or not a text),
 *         LASTCALL_E_TOO_LARGE.
 */
LASTCALL_MUST_USE enum lastcall_status
json_get_text(const json_t *object, const char *name,
              enum json_presence presence, size_t len_max, const char **out,
              struct json_error *error);

/*
 * Get an integer member within [min, max].  1.0 is not an integer.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SHAPE (absent, other type or out of range).
 */
LASTCALL_MUST_USE enum lastcall_status
json_get_integer(const json_t *object, const char *name,
                 enum json_presence presence, int64_t min, int64_t max,
                 int64_t *out, struct json_error *error);

/* Get a boolean member; LASTCALL_OK or LASTCALL_E_SHAPE. */
LASTCALL_MUST_USE enum lastcall_status
json_get_bool(const json_t *object, const char *name,
              enum json_presence presence, bool *out, struct json_error *error);

/* Get an object member, borrowed; LASTCALL_OK or LASTCALL_E_SHAPE. */
LASTCALL_MUST_USE enum lastcall_status
json_get_object(const json_t *object, const char *name,
                enum json_presence presence, json_t **out,
                struct json_error *error);

/*
 * Get an array member with at most count_max elements, borrowed.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SHAPE, LASTCALL_E_TOO_LARGE.
 */
LASTCALL_MUST_USE enum lastcall_status
json_get_array(const json_t *object, const char *name,
               enum json_presence presence, size_t count_max, json_t **out,
               struct json_error *error);

/*
 * Refuse members that are not in a list: a misspelt "dryrun" must not turn
 * into a real stop.
 *
 *   names  NULL-terminated list of the members that may be there
 *
 * Returns LASTCALL_OK, LASTCALL_E_SHAPE (error names the first unknown one).
 */
LASTCALL_MUST_USE enum lastcall_status
json_check_members(const json_t *object, const char *const *names,
                   struct json_error *error);

/*
 * Put a value into an object, taking the reference over.  A NULL value (the
 * constructor ran out of memory) is an error, so that constructors can be
 * nested without a check of their own.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
json_put(json_t *object, const char *name, json_t *value);

/* Make a text value, or JSON null for NULL; NULL when out of memory. */
json_t *json_text_or_null(const char *text);

/*
 * Write a value compactly, members in the order they were put.
 *
 *   out  appended to; its max bounds the document
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status json_write(const json_t *value,
                                                  struct bytes *out);

#endif
