#include "worker/maintenance_private.h"

#include <string.h>

static uint64_t server_bit(const struct settings *settings, const char *name,
                           size_t len)
{
    for (size_t i = 0; i < settings->server_count; i++) {
        const char *text = settings->servers[i].name.text;

        if (strncmp(text, name, len) == 0 && text[len] == '\0')
            return UINT64_C(1) << i;
    }
    return 0;
}

uint64_t maintenance_failed(const struct settings *settings,
                            const struct result *result)
{
    uint64_t failed = 0;

    for (size_t i = 0; i < result->server_count; i++) {
        const char *name = result->servers[i].server.text;

        if (!status_is_success(result->servers[i].code))
            failed |= server_bit(settings, name, strlen(name));
    }
    return failed;
}

uint64_t maintenance_unreached(const struct settings *settings,
                               const struct result *result)
{
    uint64_t unreached = maintenance_failed(settings, result);

    for (size_t i = 0; i < result->session_count; i++) {
        const char *name = result->sessions[i].server.text;

        unreached &= ~server_bit(settings, name, strlen(name));
    }
    /* It lists more than its owner lets be touched: it was asked. */
    return result->code == LASTCALL_LIMIT_EXCEEDED ? 0 : unreached;
}

void maintenance_servers_format(const struct settings *settings,
                                uint64_t servers,
                                char out[PLAN_SERVERS_TEXT_SIZE])
{
    size_t len = 0;

    for (size_t i = 0; i < settings->server_count; i++) {
        const char *name = settings->servers[i].name.text;
        const size_t name_len = strlen(name);

        if ((servers & UINT64_C(1) << i) == 0)
            continue;
        if (len > 0)
            out[len++] = ' ';
        memcpy(out + len, name, name_len);
        len += name_len;
    }
    out[len] = '\0';
}

uint64_t maintenance_servers_parse(const struct settings *settings,
                                   const char *text)
{
    uint64_t servers = 0;

    while (*text != '\0') {
        const size_t len = strcspn(text, " ");

        if (len > 0)
            servers |= server_bit(settings, text, len);
        text += len + (text[len] == ' ');
    }
    return servers;
}
