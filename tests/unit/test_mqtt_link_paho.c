#include "tests/unit/mqtt_link_suite.h"

const struct mqtt_link_ops *const mqtt_link_under_test = &mqtt_paho_ops;
