/*
 * The home-automation bridge: an ordinary controller that shows what the
 * fleet tells to Home Assistant, and turns presses of its own buttons into
 * signed commands.
 *
 *     bridge.c         the loop over the fleet's and the home's events
 *     bridge_devices.c the devices at home, and what may be new of them
 *     bridge_show.c    what is new is published
 *     bridge_sweep.c   what an earlier life left retained
 *     bridge_press.c   presses: campaigns, and their results as events
 *     bridge_reload.c  one life takes over from another
 *
 * One thread; nothing here waits for an answer.
 */
#ifndef LASTCALL_CONTROLLER_BRIDGE_H
#define LASTCALL_CONTROLLER_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/fleet.h"
#include "controller/home_config.h"
#include "controller/home_discovery.h"
#include "controller/home_link.h"
#include "controller/home_press.h"
#include "controller/home_topic.h"
#include "controller/jobs.h"
#include "protocol/io/log.h"

/* After Home Assistant's birth everything is published once more: not at
 * once, since it is not ready then, and not by every client at the same time.
 * Source: zigbee2mqtt and ring-mqtt wait as well. */
#define BRIDGE_BIRTH_WAIT_MS 3000
#define BRIDGE_BIRTH_JITTER_MS 7001 /* below this */
/* What is retained is published at most so fast: a burst overflows the queues
 * of who reads it (mosquitto: 1000 messages). */
#define BRIDGE_PACE_COUNT 50
#define BRIDGE_PACE_MS 100
/* Another word on our own state is contradicted at most so often: a second
 * bridge, by mistake, may do the same to ours. */
#define BRIDGE_CONTRADICT_MS 1000
/* What the broker kept of our own state has come that long after a connect. */
#define BRIDGE_STATE_WAIT_MS 2000
/* When the fleet's broker has made a new session, a host whose status has not
 * come so long after is offline; while much comes, a while later. */
#define BRIDGE_HEARD_MS 15000
#define BRIDGE_HEARD_AGAIN_MS 1000
#define BRIDGE_HEARD_LATE_MS 60000
/* Presses whose answers are awaited; more are refused, busy. */
#define BRIDGE_PRESS_MAX 32
/* Former discovery payloads that are kept until the next is published; a
 * device without one keeps, at home, what it has no more. */
#define BRIDGE_FORMER_BYTES_MAX ((size_t)32 * 1024 * 1024)
/* So long nothing is kept as a job after something could not be: somebody who
 * holds the database must not hold up every press. */
#define BRIDGE_JOBS_REST_MS 60000
/* How long a life that another takes over from waits for its presses. */
#define BRIDGE_LEAVE_MS 10000
/* How long what has come while nobody looked is taken before the clock is
 * looked at. */
#define BRIDGE_CATCH_UP_MS 5000
/* How long the last words may take. */
#define BRIDGE_FAREWELL_MS 3000
/* Messages from home that are looked at between two of the fleet's. */
#define BRIDGE_ROUND_MAX 64

/* What was published at a topic, so that only what is new goes out. */
struct bridge_published {
    bool is_dirty; /* it may have changed */
    bool is_known; /* digest is that of what the broker has */
    unsigned char digest[BYTES_SHA256_LEN];
};

struct bridge_server {
    struct name name;
    enum backend_kind backend;
    bool is_gone; /* its topic is to be cleared, then it is forgotten */
    struct bridge_published state;
    /* The last event that was passed on. */
    char boot_id[RESULT_BOOT_ID_SIZE];
    int64_t event_seq;
};

/* A device at home: a host's, or with the name "" the bridge's own. */
struct bridge_device {
    struct name name;
    bool is_gone; /* everything of it is to be cleared, then it is forgotten */
    bool is_queued;
    struct bridge_device *next; /* in the queue of those with something dirty */
    struct bridge_published discovery;
    struct bridge_published state;
    struct bridge_server *servers; /* owned; sorted by name */
    size_t server_count;
    /* Owned: a discovery payload that may have components which the next has
     * not; bridge_keep_former() sets it. */
    struct bytes former;
    struct home_press *presses; /* owned; one for each button */
};

struct press_run;

struct bridge {
    const struct bridge_config *config; /* borrowed, as the next two */
    struct fleet *fleet;
    struct log *log;
    struct home_link *home;         /* owned */
    struct bridge_device **devices; /* owned, and each one; sorted by name */
    size_t device_count;
    size_t device_capacity;
    size_t former_bytes;         /* of all devices */
    struct bridge_device *first; /* with something to publish */
    struct bridge_device **last;
    bool is_home_up;
    bool is_fleet_up;
    int64_t ready_ms;          /* since when the home is there */
    int64_t birth_due_ms;      /* INT64_MAX: no birth is to be answered */
    int64_t contradict_due_ms; /* INT64_MAX: nothing is to be contradicted */
    int64_t contradicted_ms;   /* the last time */
    uint64_t session;          /* of the fleet's broker, the present one */
    uint64_t judged_session;   /* who did not come in this one is offline */
    int64_t judge_due_ms;      /* INT64_MAX: nobody is to be judged */
    int64_t judge_end_ms;      /* then at the latest */
    int64_t pace_begin_ms;     /* of the present span */
    unsigned pace_count;       /* published in it */
    struct jobs jobs;          /* owned */
    bool has_opened_jobs;
    bool keeps_jobs;
    int64_t jobs_due_ms;    /* not before; see BRIDGE_JOBS_REST_MS */
    struct press_run *runs; /* owned; BRIDGE_PRESS_MAX */
    uint64_t run_serial;
};

/*
 * Make a bridge, with the fleet open.
 *
 *   config   borrowed for the life, as fleet and log
 *   former   the bridge that this one is to take over from, or NULL; where the
 *            home stays the same, so does the session with its broker
 *   detail   says why not
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG (the home's broker cannot be
 *         configured so), LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL, or what
 *         keyfile_read_line() returns.
 * Owner:  bridge_close().
 */
LASTCALL_MUST_USE enum lastcall_status
bridge_open(const struct bridge_config *config, struct fleet *fleet,
            struct log *log, const struct bridge *former, struct bridge **out,
            char detail[PLATFORM_DETAIL_SIZE]);

enum bridge_pause {
    BRIDGE_INTERRUPTED,
    BRIDGE_RELOAD, /* SIGHUP has come; it may go on */
};

/* Run until interrupted, or until SIGHUP comes (wake_open_reload()). */
enum bridge_pause bridge_serve(struct bridge *bridge);

/* Tell the home that we are gone, and free; NULL is fine. */
void bridge_close(struct bridge *bridge);

/* --- bridge_reload.c ------------------------------------------------------ */

/* Take what the fleet has sent while nobody looked: an answer that came in time
 * counts, also when it is looked at after that. */
void bridge_catch_up(struct bridge *bridge);

/*
 * Take what has come, and wait for the answers to presses, not for ever.
 *
 * Returns false when it was interrupted.
 */
LASTCALL_MUST_USE bool bridge_leave(struct bridge *bridge);

/*
 * Take over from a bridge that has left, and close it.  Home hears nothing of
 * it where it is the same; where it is another, the old one hears a farewell.
 */
void bridge_succeed(struct bridge *bridge, struct bridge *former);

/* --- bridge.c, for it ----------------------------------------------------- */

/* Wait for one event of the fleet until a time at most, and take it. */
enum fleet_event_kind bridge_take_next(struct bridge *bridge, int64_t until_ms);

/* Do what is due, wait for one event until a time at most, and take it. */
enum fleet_event_kind bridge_turn(struct bridge *bridge, int64_t until_ms,
                                  bool is_quiet);

/* --- bridge_devices.c ----------------------------------------------------- */

/* Find a device that is not gone, or NULL. */
struct bridge_device *bridge_find(const struct bridge *bridge,
                                  const struct name *name);

/* Find a device, gone or not, or make one; NULL: no room or memory, said. */
struct bridge_device *bridge_find_or_add(struct bridge *bridge,
                                         const struct name *name);

/* Forget a device, which is not in the queue. */
void bridge_remove_device(struct bridge *bridge, struct bridge_device *device);
/* Forget all of them. */
void bridge_forget_devices(struct bridge *bridge);

/* There is something to publish of a device; it may be in the queue. */
void bridge_queue(struct bridge *bridge, struct bridge_device *device);
/* Take the first out of the queue, which is not empty. */
void bridge_unqueue_first(struct bridge *bridge);

/*
 * Keep a discovery payload that the home may have of a device, unless there is
 * one, or too much is kept.
 *
 *   former  taken over; empty afterwards
 */
void bridge_keep_former(struct bridge *bridge, struct bridge_device *device,
                        struct bytes *former);
/* Forget what was kept, if anything. */
void bridge_drop_former(struct bridge *bridge, struct bridge_device *device);

/* Find a server, gone or not, or NULL. */
struct bridge_server *bridge_find_server(const struct bridge_device *device,
                                         const struct name *name);
/* Forget the server in a place; those behind it move up. */
void bridge_remove_server(struct bridge_device *device, size_t at);

/* Have the topic of a server that the device has not cleared. */
void bridge_add_stale_server(struct bridge_device *device,
                             const struct name *name);

/*
 * A host's news were taken: note what may be new, and take away what is not
 * there any more.
 *
 *   server  of an inventory; NULL: of a status
 */
void bridge_note_host(struct bridge *bridge, const struct name *name,
                      const struct name *server);

/* Have everything of a device published again: it may have been lost. */
void bridge_show_again(struct bridge *bridge, struct bridge_device *device);
void bridge_show_all(struct bridge *bridge);

/* Whether the bridge itself is there may have changed. */
void bridge_show_own_state(struct bridge *bridge);

/* --- bridge_show.c -------------------------------------------------------- */

/* Write the discovery payload of a device that is not gone; out is
 * initialised here.  LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM. */
LASTCALL_MUST_USE enum lastcall_status
bridge_write_discovery(const struct bridge *bridge,
                       const struct bridge_device *device, struct bytes *out);

/* Publish as much as may be; hands back when to call again at the latest. */
int64_t bridge_publish(struct bridge *bridge, int64_t now_ms);

/* Publish an event; it is lost when the home is not there. */
void bridge_publish_event(struct bridge *bridge, const struct home_topic *at,
                          const struct bytes *payload);

/* --- bridge_sweep.c ------------------------------------------------------- */

/* A discovery payload of this fleet that the broker had kept; it may be taken
 * over. */
void bridge_take_retained(struct bridge *bridge, struct home_message *message);

/* --- bridge_press.c ------------------------------------------------------- */

/* Make room for BRIDGE_PRESS_MAX of them; LASTCALL_OK, LASTCALL_E_NOMEM. */
LASTCALL_MUST_USE enum lastcall_status bridge_presses_open(struct bridge *b);
/* Say whether answers to presses are awaited. */
bool bridge_presses_wait(const struct bridge *bridge);
/* Give up on what is under way, and keep record of it. */
void bridge_presses_close(struct bridge *bridge);

/* A message at a press topic. */
void bridge_take_press(struct bridge *bridge,
                       const struct home_message *message);

/* Give an event that fleet_handle() has had to the campaigns. */
void bridge_presses_take(struct bridge *bridge,
                         const struct fleet_event *event);

/* Send what is due, end what has ended; hands back when to call again at the
 * latest. */
int64_t bridge_presses_tend(struct bridge *bridge, int64_t now_ms);

#endif
