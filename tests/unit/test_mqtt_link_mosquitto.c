#include "tests/unit/mqtt_link_suite.h"

const struct mqtt_link_ops *const mqtt_link_under_test = &mqtt_mosquitto_ops;

size_t mqtt_link_held_bytes(void)
{
    return 0;
}
