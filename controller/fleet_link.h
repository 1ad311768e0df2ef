/*
 * The session with the broker: connection.h on one side, on the other a queue
 * that the main thread takes events from one at a time.  In between stands the
 * verifier: what hosts send comes out of the queue proved or refused.
 *
 * A broker drops what it has to send to a reader that is too slow, also what
 * it must have acknowledged (mosquitto: above max_queued_messages packets, by
 * default 1000).  So the link's thread never waits here.  And what was dropped
 * shows: brokers count the packets of a session up, so there is a gap.  It is
 * mended by fleet_link_resume(), which fleet_link_next() does by itself when
 * nothing comes; and once after a burst of answers, the last of which leave no
 * gap when they are what was dropped.
 */
#ifndef LASTCALL_CONTROLLER_FLEET_LINK_H
#define LASTCALL_CONTROLLER_FLEET_LINK_H

#include <stdint.h>

#include "controller/arrivals.h"
#include "controller/settings.h"
#include "controller/verifier.h"
#include "protocol/bytes.h"
#include "protocol/io/connection.h"
#include "protocol/topic.h"

/* Messages that wait to be read, and the bytes of those that wait to be
 * proved; more are dropped and counted. */
#define FLEET_QUEUE_COUNT_MAX 100000
#define FLEET_QUEUE_BYTES_MAX ((size_t)256 * 1024 * 1024)
/* What proved messages take that wait to be read, about; while it is more,
 * none is proved. */
#define FLEET_PROVED_BYTES_MAX ((size_t)64 * 1024 * 1024)
/* Topic and properties of a message at most; a longer one is not sent to us. */
#define FLEET_PACKET_ROOM_BYTES ((size_t)4096)

enum fleet_event_kind {
    FLEET_TIMEOUT,
    FLEET_MESSAGE,
    FLEET_READY,     /* connected (again), subscriptions granted */
    FLEET_DOWN,      /* the connection was lost or not made */
    FLEET_PUBLISHED, /* a publish with this tag has its end */
    FLEET_POSTED,    /* fleet_link_post() was called, or SIGHUP has come */
    FLEET_INTERRUPTED,
};

/* {0} is empty. */
struct fleet_event {
    enum fleet_event_kind kind;
    struct proof
        *proof;   /* owned; a message that the verifier opened, or NULL */
    char *topic;  /* owned; any other message's, or NULL */
    char *detail; /* owned; why it is down, or NULL */
    struct bytes payload; /* owned; of any other message */
    bool is_retained;
    uint64_t tag;
    uint64_t session; /* of FLEET_READY; see fleet_link_session() */
    enum lastcall_status status;
};

void fleet_event_deinit(struct fleet_event *event);

struct fleet_link;

struct fleet_link_options {
    /* checked by controller_settings_check_broker() */
    const struct controller_settings *settings;
    const struct mqtt_subscription *subscriptions; /* borrowed for the life */
    size_t subscription_count;
    const struct trust *trust;     /* copied; NULL: nothing is verified */
    const struct name *controller; /* our name; used with trust */
    int64_t timeout_ms;            /* how long to try to connect */
};

/*
 * Connect and subscribe.  What is wrong is said on standard error.
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG, LASTCALL_E_LINK (not reached,
 *         refused), LASTCALL_E_CLOSED (interrupted), LASTCALL_E_NOMEM,
 *         LASTCALL_E_IO.
 * Owner:  fleet_link_close().
 */
LASTCALL_MUST_USE enum lastcall_status
fleet_link_open(const struct fleet_link_options *options,
                struct fleet_link **out);
/* Disconnect and free; NULL is fine.  Says on standard error how many messages
 * were dropped, if any: what was read may be incomplete. */
void fleet_link_close(struct fleet_link *link);

/*
 * Subscribe to one more filter and wait for the broker's answer.
 *
 *   timeout_ms  below 0: no longer
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

/*
 * Have fleet_link_next() hand out FLEET_POSTED soon: there is something
 * elsewhere for the main thread to see to.  Calls that come before it does are
 * one; while messages wait, they take turns with it.
 *
 * Thread: any.
 */
void fleet_link_post(struct fleet_link *link);

/* Pass over a kind of message from here on; see verifier_pass_over(). */
void fleet_link_pass_over(struct fleet_link *link, enum topic_kind kind);

/* Say whether every message that came so far was taken, or is in the queue;
 * none is being verified. */
bool fleet_link_is_idle(struct fleet_link *link);

/* How long nothing comes before fleet_link_next() mends a gap between packets,
 * and before it looks for what may be missing behind a burst. */
#define FLEET_GAP_MS 100
#define FLEET_MEND_MS ARRIVALS_PAUSE_MS

/* How many sessions the broker has made for us.  When it is one more, what is
 * retained comes again, and what was cleared meanwhile is not told. */
uint64_t fleet_link_session(struct fleet_link *link);

/* What came since the broker last let us in. */
struct arrivals fleet_link_arrivals(struct fleet_link *link);

/*
 * Ask for a retained message that came already: it comes behind all that the
 * broker has for us, and its packet shows whether something is missing before
 * it.  Once after each time that the broker let us in; arrivals.is_probed says
 * whether it has come.
 *
 * Returns LASTCALL_OK (asked), LASTCALL_TIMEOUT (also: nothing retained has
 *         come), or what fleet_link_subscribe() returns.
 */
LASTCALL_MUST_USE enum lastcall_status fleet_link_probe(struct fleet_link *link,
                                                        int64_t timeout_ms);
/*
 * Have the broker send again what it did not get through to us, and wait until
 * we are back; see connection_resume().
 *
 *   timeout_ms  below 0: no longer
 *
 * Returns LASTCALL_OK, LASTCALL_E_LINK, LASTCALL_TIMEOUT.
 */
LASTCALL_MUST_USE enum lastcall_status
fleet_link_resume(struct fleet_link *link, int64_t timeout_ms);

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
