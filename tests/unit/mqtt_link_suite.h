/*
 * What every filling of mqtt.h must do, against a real mosquitto and against a
 * broker that does what mosquitto never does.  test_mqtt_link_X.c names the
 * filling; mqtt_link_suite.c has main().
 */
#ifndef LASTCALL_TESTS_UNIT_MQTT_LINK_SUITE_H
#define LASTCALL_TESTS_UNIT_MQTT_LINK_SUITE_H

#include "protocol/io/mqtt.h"

extern const struct mqtt_link_ops *const mqtt_link_under_test;

/* What the filling's library holds of the heap; 0 where it does not say. */
size_t mqtt_link_held_bytes(void);

/* The tests with a broker byte by byte; returns how many failed. */
int mqtt_link_wire_tests(void);

/* Those of how connections end; returns how many failed. */
int mqtt_link_end_tests(void);

/* The tests with the other end of TLS; returns how many failed. */
int mqtt_link_tls_tests(void);

#endif
