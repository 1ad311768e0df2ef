/*
 * The outside of Plex's answers: bytes in, the tree of a MediaContainer out,
 * whatever form they came in; and a sentence on what came where it was none.
 */
#ifndef LASTCALL_WORKER_PLEX_DOCUMENT_H
#define LASTCALL_WORKER_PLEX_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/json_strict.h"
#include "protocol/status.h"

/* More containers than this in one answer are refused before parsing. */
#define PLEX_CONTAINER_COUNT_MAX 300000

/* An answer as it came.  Borrowed. */
struct plex_answer {
    const void *data;
    size_t len;
    const char *content_type; /* lower case, "" where unknown */
    const char *total;        /* X-Plex-Container-Total-Size, "" where absent */
};

/*
 * Read an answer.  JSON or XML is told by its first character, since proxies
 * and Plex itself mislabel it.  Bytes that are not UTF-8 and control
 * characters, which one viewer's client can put into its own name, are
 * replaced and do not spoil the answer for the others.
 *
 *   out    the MediaContainer, a new reference on LASTCALL_OK, else NULL
 *   error  a sentence that says what came instead
 *
 * Returns LASTCALL_OK, LASTCALL_SERVER_ERROR, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
plex_document_read(const struct plex_answer *answer, json_t **out,
                   struct json_error *error);

/*
 * Write what Plex says of itself while it cannot answer (503): the title and
 * status of its Response element; "" where there is none.
 */
void plex_document_excuse(const struct plex_answer *answer, char *text,
                          size_t size);

#endif
