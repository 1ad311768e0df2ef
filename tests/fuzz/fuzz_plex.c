/*
 * Answers of a Plex server, or of what stands in its place: the first byte
 * says which reader gets the rest.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/plex_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What any list must satisfy, whatever it was read from. */
static void check_list(const struct session_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct session *session = &list->items[i];
        const char *id = session_text(session, SESSION_ID);
        const struct session_value *progress =
            &session->fields[SESSION_PROGRESS_PERCENT];

        if (id == NULL || id[0] == '\0' || strlen(id) > SESSION_TEXT_MAX)
            abort();
        if (session_is(session, SESSION_ENDABLE) &&
            session_list_find(list, id) != session)
            abort();
        if (progress->kind == VALUE_REAL &&
            !(progress->as.real >= 0 && progress->as.real <= 100))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct plex_source source = {.server = "home", .uri = "http://x"};
    struct plex_answer answer = {
        .data = size > 0 ? data + 1 : data,
        .len = size > 0 ? size - 1 : 0,
        .content_type = "",
        .total = "",
    };
    struct session_list list;
    struct plex_server server;
    struct json_error error;
    char excuse[64];

    if (size == 0)
        return 0;
    switch (data[0]) {
    case 'r':
        if (plex_parse_server(&answer, &server, &error) == LASTCALL_OK &&
            memchr(server.version, '\0', sizeof(server.version)) == NULL)
            abort();
        break;
    case 'e':
        plex_document_excuse(&answer, excuse, sizeof(excuse));
        break;
    default:
        if (plex_parse_sessions(&answer, &source, &list, &error) == LASTCALL_OK)
            check_list(&list);
        session_list_deinit(&list);
        break;
    }
    return 0;
}
