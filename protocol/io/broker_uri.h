/*
 * The broker's address: one rule for both programs about what may be written,
 * and where plain MQTT may go.
 */
#ifndef LASTCALL_IO_BROKER_URI_H
#define LASTCALL_IO_BROKER_URI_H

#include "protocol/io/mqtt.h"
#include "protocol/status.h"

/*
 * Check mqtts://host[:port], or mqtt:// to this machine (localhost, 127.x.x.x,
 * ::1 in brackets), where nothing can listen on the way.
 *
 *   uri     NUL-terminated
 *   detail  filled on refusal: a sentence that says what to write instead
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG.
 */
LASTCALL_MUST_USE enum lastcall_status
broker_uri_check(const char *uri, char detail[MQTT_DETAIL_SIZE]);

#endif
