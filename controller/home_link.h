/*
 * The bridge's session with the home's broker: connection.h on one side, on
 * the other a bounded queue that the main thread takes from.  It wakes the
 * main thread through the fleet's link (fleet_link_post()).
 *
 * It subscribes, with read access to be granted, to
 *     F/ha/bridge/press, F/ha/host/+/press     presses
 *     F/ha/bridge/state                        our own: an old will of ours
 *     <birth topic>                            Home Assistant is there
 *     <prefix>/device/+/config                 our own discovery, retained
 *
 * Whatever arrives is somebody else's word: it is measured before it is
 * copied, and what is not of these topics is dropped.
 */
#ifndef LASTCALL_CONTROLLER_HOME_LINK_H
#define LASTCALL_CONTROLLER_HOME_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/fleet_link.h"
#include "controller/home_config.h"
#include "protocol/bytes.h"
#include "protocol/io/log.h"

/* Messages that wait to be looked at, and their bytes; more are dropped and
 * counted.  After a connect it is the discovery of every host. */
#define HOME_QUEUE_COUNT_MAX ((size_t)2 * HOME_HOST_MAX)
#define HOME_QUEUE_BYTES_MAX ((size_t)64 * 1024 * 1024)
/* Publishes under way; more wait in the bridge, where newer ones replace
 * them. */
#define HOME_WINDOW 64
/* Topic and properties of a message at most; a longer one is not sent to us. */
#define HOME_PACKET_ROOM_BYTES ((size_t)4096)
/* As much of a press or a birth as is looked at; no button's id is longer. */
#define HOME_WORD_BYTES_MAX (NAME_LEN_MAX + 1)

enum home_message_kind {
    HOME_MESSAGE_PRESS,     /* host: "" for the bridge's own device */
    HOME_MESSAGE_STATE,     /* at our own state's topic */
    HOME_MESSAGE_BIRTH,     /* at the birth topic */
    HOME_MESSAGE_DISCOVERY, /* of this fleet; host as above */
    HOME_MESSAGE_READY,     /* connected (again), subscriptions granted */
    HOME_MESSAGE_DOWN,
};

/* {0} is empty. */
struct home_message {
    enum home_message_kind kind;
    struct name host;
    struct bytes payload; /* owned; of a word the beginning */
    /* Of a press or a state: with the flag; else: the broker had kept it. */
    bool is_retained;
    int64_t came_ms;               /* when it was received; fleet_now_ms() */
    char detail[MQTT_DETAIL_SIZE]; /* why it is down */
};

void home_message_deinit(struct home_message *message);

struct home_link;

/*
 * Begin to connect.
 *
 *   config  borrowed for the life, as log
 *   fleet   is told by fleet_link_post(); outlives the link
 *   detail  says why not
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_NOMEM,
 *         LASTCALL_E_INTERNAL.
 * Owner:  home_link_close().
 */
LASTCALL_MUST_USE enum lastcall_status
home_link_open(const struct bridge_config *config, struct fleet_link *fleet,
               struct log *log, struct home_link **out,
               char detail[PLATFORM_DETAIL_SIZE]);
/* Disconnect without the will and free; NULL is fine. */
void home_link_close(struct home_link *link);

/* Say whether a link that would be opened now would be the same: its broker,
 * its topics, and what the broker knows us by. */
bool home_link_is_as(const struct home_link *link,
                     const struct bridge_config *config);

/*
 * Have it serve another life of the bridge, for whose configuration
 * home_link_is_as() said so.  What waits to be taken goes on waiting.
 */
void home_link_pass_on(struct home_link *link,
                       const struct bridge_config *config,
                       struct fleet_link *fleet);

/* Take the next message; false: there is none. */
bool home_link_next(struct home_link *link, struct home_message *out);

/* Hand back, and forget, how many messages were dropped. */
uint64_t home_link_take_dropped(struct home_link *link);

/* Hand back, and forget, how many publishes the broker's rules refused. */
uint64_t home_link_take_refused(struct home_link *link);

/* Say whether one more publish may be under way; when not, the main thread is
 * told when it may again. */
bool home_link_has_room(struct home_link *link);

/*
 * Publish.
 *
 *   retain  MQTT_RETAINED with len 0 clears
 *
 * Returns what connection_publish() returns.
 */
LASTCALL_MUST_USE enum lastcall_status
home_link_publish(struct home_link *link, const char *topic,
                  const void *payload, size_t len, enum mqtt_retain retain);

/* Wait until what was published has arrived; see connection_flush(). */
LASTCALL_MUST_USE enum lastcall_status home_link_flush(struct home_link *link,
                                                       uint32_t timeout_ms);

#endif
