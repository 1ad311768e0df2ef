/*
 * What the bodies of results, inventories, events and statuses have in
 * common: members that every one of them writes and reads in the same way,
 * and the account of how much still fits into a token.
 */
#ifndef LASTCALL_PROTOCOL_BODY_H
#define LASTCALL_PROTOCOL_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/action.h"
#include "protocol/json_strict.h"
#include "protocol/name.h"
#include "protocol/status.h"
#include "protocol/token.h"

/* Where a sequence is put into an object, the first failure decides. */
struct body_writer {
    json_t *object; /* borrowed */
    enum lastcall_status status;
};

/* Put a member, taking the value over; NULL is LASTCALL_E_NOMEM. */
void body_put(struct body_writer *writer, const char *name, json_t *value);
/* "" becomes null; what is not clean UTF-8 is cleaned. */
void body_put_text(struct body_writer *writer, const char *name,
                   const char *text);
void body_put_time(struct body_writer *writer, const char *name,
                   int64_t unix_ms);
/* "server" and "backend". */
void body_put_server(struct body_writer *writer, const struct name *server,
                     enum backend_kind backend);
/* "success", "code" and "detail". */
void body_put_verdict(struct body_writer *writer, enum lastcall_status code,
                      const char *detail);

/* The same for reading: once one member was wrong, the rest is skipped. */
struct body_reader {
    const json_t *object;     /* borrowed */
    struct json_error *error; /* borrowed; may be NULL */
    enum lastcall_status status;
};

/* Say what is wrong and stop reading. */
void body_fail(struct body_reader *reader, const char *name,
               const char *problem);
/* A text that may be absent or null (*out is then ""); size with the NUL.
 * It identifies something, so control characters in it are refused. */
void body_get_text(struct body_reader *reader, const char *name, char *out,
                   size_t size);
/* The same for a sentence or a product's version, which identifies nothing:
 * control characters become spaces, and what is too long is cut with "…". */
void body_get_prose(struct body_reader *reader, const char *name, char *out,
                    size_t size);
void body_get_name(struct body_reader *reader, const char *name,
                   struct name *out);
/* A number from 0 to INT64_MAX; as it was, where it is absent and may be. */
void body_get_count(struct body_reader *reader, const char *name,
                    enum json_presence presence, int64_t *out);
/* Add two counts, each of which may be anything that a host wrote: a sum that
 * is too large is INT64_MAX. */
int64_t body_add_counts(int64_t a, int64_t b);
/* true or false; as it was, where it is absent and may be. */
void body_get_bool(struct body_reader *reader, const char *name,
                   enum json_presence presence, bool *out);
/* A time that may be absent or null (0). */
void body_get_time(struct body_reader *reader, const char *name,
                   int64_t *unix_ms);
/* "server" and "backend". */
void body_get_server(struct body_reader *reader, struct name *server,
                     enum backend_kind *backend);
/* "code" and "detail". */
void body_get_verdict(struct body_reader *reader, enum lastcall_status *code,
                      char *detail, size_t detail_size);
/* An array of at most count_max, borrowed; NULL where it is absent and may
 * be. */
void body_get_array(struct body_reader *reader, const char *name,
                    enum json_presence presence, size_t count_max,
                    json_t **out);
/* An object, or NULL where it is absent or null and may be; its members are
 * read with a reader of its own. */
void body_get_object(struct body_reader *reader, const char *name,
                     enum json_presence presence, json_t **out);

/* How many bytes of claims fit into a token of a host, whatever its grant. */
size_t body_claims_max(enum token_type type);

/* What has been written so far, against what may be. */
struct body_budget {
    size_t used;
    size_t max;
};

/*
 * Count a value and the comma before it.
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE (it does not fit; nothing was
 *         counted), LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
body_budget_take(struct body_budget *budget, const json_t *value);

#endif
