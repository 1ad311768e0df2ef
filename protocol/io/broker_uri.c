#include "protocol/io/broker_uri.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "protocol/io/mqtt.h"

/* Only spelt-out addresses of IPv4 count: "127.evil.example" is a name. */
static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (strncmp(host, "127.", 4) == 0 &&
            strspn(host, "0123456789.") == strlen(host));
}

enum lastcall_status broker_uri_check(const char *uri,
                                      char detail[MQTT_DETAIL_SIZE])
{
    struct mqtt_uri parsed;
    enum lastcall_status status = mqtt_uri_parse(uri, &parsed, detail);

    if (status != LASTCALL_OK)
        return status;
    if (parsed.is_tls || is_loopback(parsed.host))
        return LASTCALL_OK;
    snprintf(detail, MQTT_DETAIL_SIZE,
             "mqtt:// sends everything in the clear and is only for this "
             "machine; write mqtts://%.100s",
             parsed.host);
    return LASTCALL_E_CONFIG;
}
