/*
 * What a host says of itself without being asked: inventories, events and
 * its status (PROTOCOL.md, section 7).
 */
#ifndef LASTCALL_PROTOCOL_PRESENCE_H
#define LASTCALL_PROTOCOL_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/action.h"
#include "protocol/name.h"
#include "protocol/result.h"
#include "protocol/session.h"
#include "protocol/token.h"

/* The sessions of one server at one time.  {0} is empty. */
struct inventory {
    struct name server;
    enum backend_kind backend;
    char boot_id[RESULT_BOOT_ID_SIZE];
    int64_t seq;
    int64_t taken_ms;
    bool reachable;
    enum lastcall_status error_code; /* LASTCALL_OK is null on the wire */
    char error_detail[RESULT_DETAIL_SIZE];
    struct session_list sessions; /* owned; total_count is "count" */
    bool truncated;
};

/* Free what it owns; it is then empty. */
void inventory_deinit(struct inventory *inventory);

/* Write the claims of an inventory token; a new reference or NULL. */
json_t *inventory_encode(const char *iss, int64_t iat_s, const char *jti,
                         const struct inventory *inventory);

/* Read one; LASTCALL_OK, LASTCALL_E_SHAPE, LASTCALL_E_NOMEM. */
LASTCALL_MUST_USE enum lastcall_status
inventory_decode(const struct verified *verified, struct inventory *out,
                 struct json_error *error);

enum event_kind { EVENT_STARTED, EVENT_CHANGED, EVENT_ENDED, EVENT_KIND_COUNT };

/* "started", "changed", "ended"; static. */
const char *event_kind_name(enum event_kind kind);

struct event {
    struct name server;
    enum backend_kind backend;
    char boot_id[RESULT_BOOT_ID_SIZE];
    int64_t seq;
    enum event_kind kind;
    struct session session;     /* owned */
    struct request_id ended_by; /* "" is null on the wire */
    /* Who sent that request, and of which maintenance plan it was a step; ""
     * is absent on the wire.  A host of an earlier version tells neither. */
    struct name ended_by_controller;
    struct name ended_by_plan;
};

/* Free what it owns; it is then empty. */
void event_deinit(struct event *event);

/* Write the claims of an event token; a new reference or NULL. */
json_t *event_encode(const char *iss, int64_t iat_s, const char *jti,
                     const struct event *event);

/* Read one; LASTCALL_OK, LASTCALL_E_SHAPE, LASTCALL_E_NOMEM. */
LASTCALL_MUST_USE enum lastcall_status
event_decode(const struct verified *verified, struct event *out,
             struct json_error *error);

enum host_state { HOST_ONLINE, HOST_DRAINING, HOST_OFFLINE, HOST_STATE_COUNT };

/* "online", "draining", "offline"; static. */
const char *host_state_name(enum host_state state);

#define STATUS_VERSION_SIZE 64
#define STATUS_COUNTER_COUNT_MAX 64
#define STATUS_COUNTER_NAME_SIZE 48

struct status_server {
    struct name name;
    enum backend_kind backend;
    bool reachable;
    char version[STATUS_VERSION_SIZE]; /* of the product; "" is null */
    int64_t session_count;             /* below 0 is null */
    uint32_t actions;
};

struct status_counter {
    char name[STATUS_COUNTER_NAME_SIZE];
    int64_t value;
};

/* Where a host stands with a maintenance plan (PROTOCOL.md, section 8). */
enum plan_phase {
    PLAN_SCHEDULED, /* nothing is due yet */
    PLAN_WARNING,   /* a warning was due, the start is to come */
    PLAN_RUNNING,   /* sessions are being ended */
    PLAN_ENFORCING, /* done at the start; new sessions are ended */
    PLAN_DONE,      /* nothing is left to do */
    PLAN_MISSED,    /* the window was over before anything was ended */
    PLAN_CANCELLED,
    PLAN_REFUSED,
    PLAN_PHASE_COUNT
};

/* "scheduled", "warning", ...; static. */
const char *plan_phase_name(enum plan_phase phase);

#define STATUS_PLAN_COUNT_MAX 64

/* One maintenance plan, as the host tells of it. */
struct status_plan {
    struct name id;
    char issuer[TOKEN_ISSUER_SIZE]; /* "controller:<name>" */
    int64_t starts_ms;              /* 0 is null on the wire, as below */
    int64_t ends_ms;
    int64_t warned; /* sessions that a warning was shown to, of all warnings */
    int64_t ended;  /* sessions that were ended */
    int64_t failed; /* sessions that could not be */
    enum action action;
    enum plan_phase phase;
    enum lastcall_status last_code; /* of the latest step that was done */
};

struct host_status {
    enum host_state state;
    char boot_id[RESULT_BOOT_ID_SIZE];
    char version[STATUS_VERSION_SIZE];
    int64_t protocol;
    char os[STATUS_VERSION_SIZE];
    int64_t clock_ms;              /* the host's clock when it wrote this */
    struct status_server *servers; /* owned */
    size_t server_count;
    struct status_counter *counters; /* owned */
    size_t counter_count;
    struct status_plan *plans; /* owned */
    size_t plan_count;
    size_t plan_total; /* as the host says; above plan_count it left some out */
};

/* Free what it owns; it is then empty. */
void host_status_deinit(struct host_status *status);

/*
 * Write the claims of a status token.  Plans that no token of
 * TOKEN_COMMAND_BYTES_MAX would hold are left out from the end, and counted;
 * everything else always fits.
 *
 * Returns a new reference or NULL.
 */
json_t *host_status_encode(const char *iss, int64_t iat_s, const char *jti,
                           const struct host_status *status);

/* Read one; LASTCALL_OK, LASTCALL_E_SHAPE, LASTCALL_E_NOMEM. */
LASTCALL_MUST_USE enum lastcall_status
host_status_decode(const struct verified *verified, struct host_status *out,
                   struct json_error *error);

#endif
