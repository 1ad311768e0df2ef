/*
 * The where language: whatever is written, parsing ends, keeps its bounds
 * and its place, and what it made can be matched.
 */
#include "protocol/filter.h"
#include "tests/fuzz/claims.h"

static void fill(struct session *session)
{
    for (unsigned i = 0; i < SESSION_FIELD_COUNT; i += 2) {
        enum session_field field = (enum session_field)i;

        switch (session_field_info(field)->kind) {
        case VALUE_NULL:
            break;
        case VALUE_BOOL:
            session_set_bool(session, field, 1);
            break;
        case VALUE_INTEGER:
            session_set_integer(session, field, 60);
            break;
        case VALUE_REAL:
            session_set_real(session, field, 0.5);
            break;
        case VALUE_TEXT:
            (void)!session_set_text(session, field, "a*b");
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct filter filter;
    struct filter again;
    struct filter_error error;
    struct session session = {0};
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    fill(&session);
    if (filter_parse(text, &filter, &error) == LASTCALL_OK) {
        check(strcmp(filter.text, text) == 0);
        check(filter.node_count > 0 && filter.node_count <= FILTER_NODE_MAX);
        check(filter.root < filter.node_count);
        if (filter_parse(filter.text, &again, NULL) == LASTCALL_OK)
            check(filter_match(&filter, &session) ==
                  filter_match(&again, &session));
        filter_deinit(&again);
    } else {
        check(filter.nodes == NULL && filter.text == NULL);
        check(error.position <= strlen(text));
    }
    filter_deinit(&filter);
    session_deinit(&session);
    free(text);
    return 0;
}
