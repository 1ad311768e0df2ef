#include "worker/plex_parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/text.h"
#include "worker/plex_value.h"

/* The feature of the owner's Plex Pass that ends sessions. */
#define FEATURE_KICK "session_kick"

/* How many items there are in all, or -1 where nothing tells. */
static int64_t find_total(const struct plex_answer *answer,
                          const json_t *container)
{
    int64_t total = -1;
    char *end = NULL;

    if (plex_integer(container, "totalSize", &total))
        return total;
    if (answer->total[0] == '\0')
        return -1;
    errno = 0;
    total = strtoll(answer->total, &end, 10);
    return *end == '\0' && errno == 0 ? total : -1;
}

/*
 * size is not trusted where items came (it has been seen to disagree), but a
 * server that counts some and sends none is no server without sessions.
 */
static enum lastcall_status check_complete(const struct plex_answer *answer,
                                           const json_t *container,
                                           struct json_error *error)
{
    int64_t count = (int64_t)plex_child_count(container, "Metadata");
    int64_t total = find_total(answer, container);
    int64_t size = 0;

    if (total <= count && count == 0 &&
        json_object_get(container, "Metadata") == NULL &&
        plex_integer(container, "size", &size))
        total = size;
    if (total <= count)
        return LASTCALL_OK;
    snprintf(error->text, sizeof(error->text),
             "Plex's list is incomplete: %" PRId64 " of %" PRId64
             " sessions came",
             count, total);
    return LASTCALL_SERVER_ERROR;
}

static int compare_ids(const void *a, const void *b)
{
    const struct session *const *left = a;
    const struct session *const *right = b;

    return strcmp(session_text(*left, SESSION_ID),
                  session_text(*right, SESSION_ID));
}

/* An id that two sessions carry would end whichever Plex finds first. */
static enum lastcall_status mark_duplicates(struct session_list *list)
{
    struct session **sorted = NULL;

    if (list->count < 2)
        return LASTCALL_OK;
    sorted = calloc(list->count, sizeof(struct session *));
    if (sorted == NULL)
        return LASTCALL_E_NOMEM;
    for (size_t i = 0; i < list->count; i++)
        sorted[i] = &list->items[i];
    qsort(sorted, list->count, sizeof(struct session *), compare_ids);
    for (size_t i = 1; i < list->count; i++) {
        if (compare_ids(&sorted[i - 1], &sorted[i]) == 0) {
            session_set_bool(sorted[i - 1], SESSION_ENDABLE, false);
            session_set_bool(sorted[i], SESSION_ENDABLE, false);
        }
    }
    free(sorted);
    return LASTCALL_OK;
}

static enum lastcall_status read_items(const json_t *container,
                                       const struct plex_source *source,
                                       struct session_list *out)
{
    size_t count = plex_child_count(container, "Metadata");
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; status == LASTCALL_OK && i < count; i++) {
        const json_t *item = plex_child_at(container, "Metadata", i);
        struct session session = {0};

        if (item == NULL || plex_item_is_noise(item))
            continue;
        status = plex_item_read(item, source, i, &session);
        if (status == LASTCALL_OK)
            status = session_list_take(out, &session);
    }
    if (status == LASTCALL_OK)
        status = mark_duplicates(out);
    return status;
}

enum lastcall_status plex_parse_sessions(const struct plex_answer *answer,
                                         const struct plex_source *source,
                                         struct session_list *out,
                                         struct json_error *error)
{
    json_t *container = NULL;
    enum lastcall_status status = LASTCALL_SERVER_ERROR;

    *out = (struct session_list){0};
    status = plex_document_read(answer, &container, error);
    if (status == LASTCALL_OK)
        status = check_complete(answer, container, error);
    if (status == LASTCALL_OK)
        status = read_items(container, source, out);
    if (status != LASTCALL_OK)
        session_list_deinit(out);
    json_decref(container);
    return status;
}

/* Say whether a comma list without blanks holds a word. */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    }
    return false;
}

enum lastcall_status plex_parse_server(const struct plex_answer *answer,
                                       struct plex_server *out,
                                       struct json_error *error)
{
    json_t *container = NULL;
    struct plex_text scratch;
    const char *text = NULL;
    bool subscribed = true;
    enum lastcall_status status = plex_document_read(answer, &container, error);

    *out = (struct plex_server){0};
    if (status != LASTCALL_OK)
        return status;
    text = plex_text(container, "version", &scratch);
    if (text != NULL)
        text_clean(text, out->version, sizeof(out->version));
    (void)plex_boolean(container, "myPlexSubscription", &subscribed);
    text = json_string_value(json_object_get(container, "ownerFeatures"));
    out->lacks_pass =
        !subscribed || (text != NULL && !has_word(text, FEATURE_KICK));
    json_decref(container);
    return LASTCALL_OK;
}
