#include "protocol/io/mqtt.h"

const struct mqtt_link_ops *const mqtt_default_ops = &mqtt_mosquitto_ops;
