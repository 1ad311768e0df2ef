/*
 * Windows' session calls over a table in memory, for the tests that need to
 * hold a call, or to change something between two of them.
 */
#ifndef LASTCALL_TESTS_UNIT_FAKE_WTS_H
#define LASTCALL_TESTS_UNIT_FAKE_WTS_H

#include <stdbool.h>

#include "tests/unit/watch.h"
#include "worker/backend_wts.h"

#define FAKE_WTS_SESSION_MAX 600
#define FAKE_WTS_WAIT_MS 10000

enum fake_wts_call {
    FAKE_WTS_ENUMERATE,
    FAKE_WTS_INFO,
    FAKE_WTS_CLIENT,
    FAKE_WTS_TEXT,
    FAKE_WTS_PROTOCOL,
    FAKE_WTS_DISCONNECT,
    FAKE_WTS_LOGOFF,
    FAKE_WTS_MESSAGE,
    FAKE_WTS_EVENT,
    FAKE_WTS_CALL_COUNT
};

struct fake_wts_session {
    uint32_t id;
    int32_t state;
    const char *name; /* "" gives NULL, as in all texts here */
    const char *user;
    const char *domain;
    const char *cut_user; /* in the list; NULL: as it is */
    struct wts_info info; /* its state is not used */
    const char *client_name;
    const char *client_address;
    uint32_t protocol;
    uint32_t query_error; /* of everything that is asked of it */
};

/* Orders are changed, and counts read, with the watch locked. */
struct fake_wts {
    struct watch watch;
    /* orders */
    struct fake_wts_session sessions[FAKE_WTS_SESSION_MAX];
    unsigned session_count;
    uint32_t errors[FAKE_WTS_CALL_COUNT];
    bool happens[FAKE_WTS_CALL_COUNT];   /* in spite of the error */
    bool is_slow_to_disconnect;          /* says yes, and does not do it */
    unsigned holds[FAKE_WTS_CALL_COUNT]; /* so many calls stand until
                                          * fake_wts_release() */
    uint32_t answer;
    const char *computer; /* of this machine */
    bool is_lock_reversed;
    uint32_t own_session;
    /* Called with the watch locked, before a call is served. */
    void (*before)(enum fake_wts_call call, uint32_t session);
    unsigned events; /* to be told of */
    /* what was seen */
    unsigned calls[FAKE_WTS_CALL_COUNT];
    unsigned ended[FAKE_WTS_CALL_COUNT];
    unsigned held; /* that stand now */
    unsigned opens, closes, flushes;
    char opened_computer[64];
    uint32_t last_session;
    uint32_t last_style;
    uint32_t last_timeout_s;
    bool last_wait;
    char last_title[64];
    char last_text[128];
    /* the fake's */
    unsigned generation; /* of releases */
    unsigned flushed;    /* of waits for events */
};
extern struct fake_wts fake_wts;

extern const struct wts_api_ops fake_wts_api_ops;
extern const struct session_backend_ops fake_wts_backend_ops;

/* No sessions, no orders, nothing seen; this machine is TS01. */
void fake_wts_reset(void);
/* Add a session with ordinary times; change it before anybody asks. */
struct fake_wts_session *fake_wts_add(uint32_t id, enum wts_state state,
                                      const char *user);
/* The session of an id, or NULL; with the watch locked. */
struct fake_wts_session *fake_wts_find(uint32_t id);
/* Take a session away; with the watch locked. */
void fake_wts_remove(uint32_t id);
/* Let so many calls stand until fake_wts_release(). */
void fake_wts_hold(enum fake_wts_call call, unsigned count);
/* Let all calls that stand go on. */
void fake_wts_release(void);
/* Tell of a change. */
void fake_wts_tell(void);
/* Wait until a count in fake_wts is high enough; fails the test if not. */
void fake_wts_await(const unsigned *value, unsigned wanted);

#endif
