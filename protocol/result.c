#include "protocol/result.h"

#include <stdlib.h>
#include <string.h>

void session_result_deinit(struct session_result *result)
{
    free(result->session_id);
    if (result->session != NULL)
        session_deinit(result->session);
    free(result->session);
    *result = (struct session_result){0};
}

void result_deinit(struct result *result)
{
    for (size_t i = 0; i < result->session_count; i++)
        session_result_deinit(&result->sessions[i]);
    free(result->sessions);
    free(result->servers);
    free(result->packed);
    *result = (struct result){0};
}

bool result_is_success(const struct result *result)
{
    for (size_t i = 0; i < result->server_count; i++) {
        if (!status_is_success(result->servers[i].code))
            return false;
    }
    return status_is_success(result->code);
}

/* Make room for one more behind `count`; it doubles when count is a power of
 * two, so that no capacity need be kept. */
static void *grow(void *items, size_t count, size_t count_max, size_t size)
{
    if (count >= count_max)
        return NULL;
    if ((count & (count - 1)) != 0)
        return items;
    return realloc(items, (count == 0 ? 1 : count * 2) * size);
}

struct server_result *result_add_server(struct result *result)
{
    struct server_result *servers =
        grow(result->servers, result->server_count, RESULT_SERVER_COUNT_MAX,
             sizeof(*servers));

    if (servers == NULL)
        return NULL;
    result->servers = servers;
    servers += result->server_count++;
    *servers = (struct server_result){0};
    return servers;
}

struct session_result *result_add_session(struct result *result)
{
    struct session_result *sessions =
        grow(result->sessions, result->session_count, RESULT_SESSION_COUNT_MAX,
             sizeof(*sessions));

    if (sessions == NULL)
        return NULL;
    result->sessions = sessions;
    sessions += result->session_count++;
    *sessions = (struct session_result){0};
    return sessions;
}
