#include <stdio.h>
#include <string.h>

#include "protocol/io/mqtt_wait.h"
#include "tests/unit/mqtt_link_suite.h"

const struct mqtt_link_ops *const mqtt_link_under_test = &mqtt_mosquitto_ops;

size_t mqtt_link_held_bytes(void)
{
    return 0;
}

/* As on a machine whose localhost is ::1 before it is 127.0.0.1: nobody listens
 * at the first address. */
size_t __real_mqtt_wait_resolve(const char *host, struct mqtt_address *list,
                                size_t max, char text[MQTT_WAIT_TEXT_SIZE]);
size_t __wrap_mqtt_wait_resolve(const char *host, struct mqtt_address *list,
                                size_t max, char text[MQTT_WAIT_TEXT_SIZE]);

size_t __wrap_mqtt_wait_resolve(const char *host, struct mqtt_address *list,
                                size_t max, char text[MQTT_WAIT_TEXT_SIZE])
{
    if (strcmp(host, "localhost") != 0 || max < 2)
        return __real_mqtt_wait_resolve(host, list, max, text);
    snprintf(list[0].text, sizeof(list[0].text), "127.0.0.2");
    snprintf(list[1].text, sizeof(list[1].text), "127.0.0.1");
    return 2;
}
