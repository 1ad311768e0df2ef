#include "worker/wts_host.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/text.h"

/* No name of a computer holds one of these; a path, an address or a list
 * does. */
#define ODD_CHARACTERS "\\/:*?\"'<>|,;=+[]()&@ \t"

static bool is_computer_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len >= WTS_COMPUTER_SIZE || name[0] == '.' ||
        name[0] == '-' || strpbrk(name, ODD_CHARACTERS) != NULL)
        return false;
    return text_is_clean(name);
}

/* As Windows compares them: without regard to the case of letters. */
static bool is_same_name(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        int upper_a = *a >= 'a' && *a <= 'z' ? *a - 'a' + 'A' : *a;
        int upper_b = *b >= 'a' && *b <= 'z' ? *b - 'a' + 'A' : *b;

        if (upper_a != upper_b)
            return false;
    }
    return *a == *b;
}

static enum lastcall_status find_computer(struct wts_host *host,
                                          const char *wanted,
                                          struct platform_error *error)
{
    const struct wts_api_ops *api = host->api;

    api->computer_name(host->computer, sizeof(host->computer));
    if (wanted == NULL || is_same_name(wanted, host->computer))
        return LASTCALL_OK;
    if (!is_computer_name(wanted)) {
        snprintf(error->text, sizeof(error->text),
                 "computer = %.100s is not the name of a computer; write it "
                 "plain, such as computer = TS02, or leave the line out for "
                 "this machine",
                 wanted);
        return LASTCALL_E_CONFIG;
    }
    snprintf(host->computer, sizeof(host->computer), "%s", wanted);
    host->is_remote = true;
    return LASTCALL_OK;
}

/* May the machine be this one by another name?  Its own with a domain behind,
 * or one that leads every machine to itself. */
static bool may_be_here(const struct wts_host *host)
{
    const char *dot = strchr(host->computer, '.');
    char own[WTS_COMPUTER_SIZE];
    char first[WTS_COMPUTER_SIZE];

    if (!host->is_remote)
        return true;
    host->api->computer_name(own, sizeof(own));
    snprintf(first, sizeof(first), "%s", host->computer);
    if (dot != NULL)
        first[dot - host->computer] = '\0';
    return is_same_name(first, own) || is_same_name(first, "localhost") ||
           is_same_name(first, "127");
}

static uint32_t find_own_session(const struct wts_host *host)
{
    uint32_t session = WTS_SESSION_CURRENT;

    if (!may_be_here(host) ||
        host->api->own_session(&session) != WTS_ERROR_NONE)
        return WTS_SESSION_CURRENT;
    return session;
}

enum lastcall_status wts_host_open(const struct wts_api_ops *api,
                                   const struct server_settings *settings,
                                   struct wts_host **out,
                                   struct platform_error *error)
{
    struct wts_host *host = calloc(1, sizeof(*host));
    enum lastcall_status status = LASTCALL_E_NOMEM;
    uint32_t failure = WTS_ERROR_NONE;

    *out = NULL;
    if (host == NULL)
        return status;
    host->api = api;
    atomic_init(&host->holders, 1);
    snprintf(host->server, sizeof(host->server), "%s", settings->name.text);
    status = find_computer(host, settings->computer, error);
    if (status != LASTCALL_OK)
        goto out;

    host->is_lock_reversed = api->is_lock_reversed();
    host->own_session = find_own_session(host);
    failure = api->open(host->is_remote ? host->computer : NULL, &host->handle);
    if (failure != WTS_ERROR_NONE) {
        snprintf(error->text, sizeof(error->text),
                 "Windows gives no handle for the sessions of %.100s (error "
                 "%" PRIu32 "); this needs Windows 7 or Server 2008 R2 or "
                 "later",
                 host->computer, failure);
        status = LASTCALL_E_CONFIG;
        goto out;
    }
    *out = host;

out:
    if (status != LASTCALL_OK)
        free(host);
    return status;
}

struct wts_host *wts_host_hold(struct wts_host *host)
{
    atomic_fetch_add(&host->holders, 1u);
    return host;
}

void wts_host_release(struct wts_host *host)
{
    if (host == NULL || atomic_fetch_sub(&host->holders, 1u) != 1u)
        return;
    host->api->close(host->handle);
    free(host);
}
