#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/io/mqtt.h"

#define PORT_MAX 65535

LASTCALL_PRINTF(2, 3)
static enum lastcall_status refuse(char *detail, const char *format, ...)
{
    va_list arguments;

    if (detail != NULL) {
        va_start(arguments, format);
        vsnprintf(detail, MQTT_DETAIL_SIZE, format, arguments);
        va_end(arguments);
    }
    return LASTCALL_E_CONFIG;
}

static bool parse_port(const char *text, uint16_t *out)
{
    unsigned value = 0;
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 5 || text[len] != '\0')
        return false;
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    *out = (uint16_t)value;
    return value > 0 && value <= PORT_MAX;
}

/*
 * Find the host in what follows the scheme.
 *
 *   host, len  set to it, without brackets
 *
 * Returns what follows it, or NULL.
 */
static const char *find_host(const char *at, const char **host, size_t *len)
{
    static const char address[] = "0123456789abcdefABCDEF:.%";
    static const char name[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

    if (*at != '[') {
        *host = at;
        *len = strspn(at, name);
        return *len > 0 ? at + *len : NULL;
    }
    *host = at + 1;
    *len = strspn(at + 1, address);
    return *len > 0 && at[1 + *len] == ']' ? at + *len + 2 : NULL;
}

enum lastcall_status mqtt_uri_parse(const char *text, struct mqtt_uri *out,
                                    char detail[MQTT_DETAIL_SIZE])
{
    static const char plain[] = "mqtt://";
    static const char tls[] = "mqtts://";
    struct mqtt_uri uri = {0};
    const char *at;
    const char *host = NULL;
    size_t len = 0;

    *out = uri;
    if (strncmp(text, tls, sizeof(tls) - 1) == 0) {
        uri.is_tls = true;
        uri.port = MQTT_PORT_TLS;
        at = text + sizeof(tls) - 1;
    } else if (strncmp(text, plain, sizeof(plain) - 1) == 0) {
        uri.port = MQTT_PORT_PLAIN;
        at = text + sizeof(plain) - 1;
    } else {
        return refuse(detail, "the broker's address begins with mqtts:// or "
                              "mqtt://");
    }
    /* Not quoted in the sentence: it may hold a password. */
    if (strchr(at, '@') != NULL)
        return refuse(detail, "no user name or password in the broker's "
                              "address; set username and password_file");
    at = find_host(at, &host, &len);
    if (at == NULL || len >= sizeof(uri.host))
        return refuse(detail, "%.100s: no host in the broker's address", text);
    memcpy(uri.host, host, len);
    if (*at == ':' && !parse_port(at + 1, &uri.port))
        return refuse(detail, "%.100s: the port is 1 to %d", text, PORT_MAX);
    if (*at != ':' && *at != '\0')
        return refuse(detail, "%.100s: nothing may follow host and port", text);
    *out = uri;
    return LASTCALL_OK;
}
