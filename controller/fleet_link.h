/*
 * The session with the broker: connection.h on one side, on the other a queue
 * that the main thread takes events from one at a time.
 */
#ifndef LASTCALL_CONTROLLER_FLEET_LINK_H
#define LASTCALL_CONTROLLER_FLEET_LINK_H

#include <stdint.h>

#include "controller/settings.h"
#include "protocol/bytes.h"
#include "protocol/io/connection.h"
#include "protocol/topic.h"

/* Messages that wait to be read; more are dropped and counted. */
#define FLEET_QUEUE_COUNT_MAX 100000
#define FLEET_QUEUE_BYTES_MAX ((size_t)256 * 1024 * 1024)

enum fleet_event_kind {
    FLEET_TIMEOUT,
    FLEET_MESSAGE,
    FLEET_READY,     /* connected (again), subscriptions granted */
    FLEET_DOWN,      /* the connection was lost or not made */
    FLEET_PUBLISHED, /* a publish with this tag has its end */
    FLEET_INTERRUPTED,
};

/* {0} is empty. */
struct fleet_event {
    enum fleet_event_kind kind;
    char topic[TOPIC_LEN_MAX + 1];
    bool retained;
    struct bytes payload; /* owned */
    uint64_t tag;
    enum lastcall_status status;
    char detail[MQTT_DETAIL_SIZE];
};

void fleet_event_deinit(struct fleet_event *event);

struct fleet_link;

/*
 * Connect and subscribe.  What is wrong is said on standard error.
 *
 *   settings       checked by controller_settings_check_broker(); borrowed
 *   subscriptions  borrowed for the life
 *   timeout_ms     how long to try
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_LINK (not reached,
 *         refused), LASTCALL_E_CLOSED (interrupted), LASTCALL_E_NOMEM,
 *         LASTCALL_E_IO.
 * Owner:  fleet_link_close().
 */
LASTCALL_MUST_USE enum lastcall_status
fleet_link_open(const struct controller_settings *settings,
                const struct mqtt_subscription *subscriptions, size_t count,
                int64_t timeout_ms, struct fleet_link **out);
/* Disconnect and free; NULL is fine.  Says on standard error how many messages
 * were dropped, if any: what was read may be incomplete. */
void fleet_link_close(struct fleet_link *link);

/*
 * Subscribe to one more filter and wait for the broker's answer.
 *
 * Returns what connection_subscribe() returns.
 */
LASTCALL_MUST_USE enum lastcall_status
fleet_link_subscribe(struct fleet_link *link, const char *filter,
                     int64_t timeout_ms);

/*
 * Take the next event.
 *
 *   until_ms  on the steady clock; past it the event is FLEET_TIMEOUT
 *   out       the caller calls fleet_event_deinit()
 */
void fleet_link_next(struct fleet_link *link, int64_t until_ms,
                     struct fleet_event *out);

/* As connection_publish(). */
LASTCALL_MUST_USE enum lastcall_status
fleet_link_publish(struct fleet_link *link, const struct mqtt_message *message,
                   uint64_t tag);

/* Say whether the broker is there now. */
bool fleet_link_is_up(struct fleet_link *link);

/* The steady clock in milliseconds, and the wall clock. */
int64_t fleet_now_ms(void);
int64_t fleet_wall_ms(void);

#endif
