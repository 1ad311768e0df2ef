#include "protocol/io/broker_uri.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HOST_SIZE 256
#define PORT_DIGITS_MAX 5

/* Find the host in host[:port]; false when the form is another. */
static bool find_host(const char *rest, char host[HOST_SIZE])
{
    const char *begin = rest[0] == '[' ? rest + 1 : rest;
    size_t len = strcspn(begin, rest[0] == '[' ? "]" : ":");
    const char *port = begin + len;

    if (len == 0 || len >= HOST_SIZE || strpbrk(rest, "/@?# \t") != NULL)
        return false;
    memcpy(host, begin, len);
    host[len] = '\0';
    if (rest[0] == '[') {
        if (*port != ']')
            return false;
        port++;
    }
    if (*port == '\0')
        return true;
    if (*port != ':' || port[1] == '\0' || strlen(port + 1) > PORT_DIGITS_MAX)
        return false;
    return strspn(port + 1, "0123456789") == strlen(port + 1);
}

/* Only spelt-out addresses of IPv4 count: "127.evil.example" is a name. */
static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (strncmp(host, "127.", 4) == 0 &&
            strspn(host, "0123456789.") == strlen(host));
}

enum lastcall_status broker_uri_check(const char *uri,
                                      char detail[BROKER_URI_DETAIL_SIZE])
{
    bool is_plain = strncmp(uri, "mqtt://", 7) == 0;
    char host[HOST_SIZE];

    detail[0] = '\0';
    if ((!is_plain && strncmp(uri, "mqtts://", 8) != 0) ||
        !find_host(uri + (is_plain ? 7 : 8), host)) {
        snprintf(detail, BROKER_URI_DETAIL_SIZE, "%s",
                 "uri must read mqtts://host[:port]; a user name goes into "
                 "username, a password into password_file");
        return LASTCALL_E_CONFIG;
    }
    if (is_plain && !is_loopback(host)) {
        snprintf(detail, BROKER_URI_DETAIL_SIZE,
                 "mqtt:// sends everything in the clear and is only for this "
                 "machine; write mqtts://%s",
                 host);
        return LASTCALL_E_CONFIG;
    }
    return LASTCALL_OK;
}
