/*
 * What the service behind the Windows session calls does: in which order it
 * refuses, what a call changes, when a wait ends.  The Linux double and the
 * stand-in DLL are two skins of it, so that a test means the same with both.
 *
 * All answers are numbers as GetLastError() gives them; 13 (ERROR_INVALID_DATA)
 * with a line "fault" in the log says that the state file is no good.
 */
#ifndef LASTCALL_TESTS_STANDIN_WTS_RDS_H
#define LASTCALL_TESTS_STANDIN_WTS_RDS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/standin/wts/buffer.h"
#include "tests/standin/wts/state.h"

#define RDS_OK 0u
#define RDS_INVALID_DATA 13u
#define RDS_NOT_SUPPORTED 50u
#define RDS_INVALID_PARAMETER 87u
#define RDS_DENIED 5u
#define RDS_SERVER_DOWN 1722u

#define RDS_CURRENT_SESSION UINT32_MAX
#define RDS_LISTENER_FIRST 65536u

/* What classes of WTSQuerySessionInformation() there are, by number. */
enum rds_class {
    RDS_SESSION_ID = 4,
    RDS_USER_NAME = 5,
    RDS_STATION_NAME = 6,
    RDS_DOMAIN_NAME = 7,
    RDS_CONNECT_STATE = 8,
    RDS_CLIENT_NAME = 10,
    RDS_CLIENT_ADDRESS = 14,
    RDS_CLIENT_PROTOCOL = 16,
    RDS_IDLE_TIME = 17,
    RDS_LAST_UNSUPPORTED = 22,
    RDS_CLIENT_INFO = 23,
    RDS_SESSION_INFO = 24,
    RDS_SESSION_INFO_EX = 25,
    RDS_IS_REMOTE = 29,
};

enum rds_event {
    RDS_EVENT_CREATE = 0x1,
    RDS_EVENT_DELETE = 0x2,
    RDS_EVENT_CONNECT = 0x8,
    RDS_EVENT_DISCONNECT = 0x10,
    RDS_EVENT_LOGON = 0x20,
    RDS_EVENT_LOGOFF = 0x40,
    RDS_EVENT_STATE = 0x80,
    RDS_EVENT_ALL = 0x7fffffff,
};

enum rds_reach {
    RDS_MACHINE, /* the call is about no session */
    RDS_ANY,     /* about one, also a special one */
    RDS_USERS,   /* about one; session 0 and the listeners are refused */
};

struct rds_call {
    const char *fn;     /* as Windows calls it */
    const char *server; /* borrowed; NULL: this machine */
    enum rds_reach reach;
    uint32_t session;
    int64_t class;  /* STATE_ANY where there is none */
    bool is_bad;    /* has a parameter that Windows refuses */
    bool is_waited; /* bWait */
};

struct rds_box {
    const char *title, *text; /* borrowed */
    uint32_t style;
    uint32_t timeout_s;
    uint32_t answer; /* out */
};

/* What an act sees, with the lock held. */
struct rds_scene {
    struct state *state;
    struct state_session *session; /* NULL with RDS_MACHINE */
    int64_t now_ft;
    /* How it is to answer; all as usual when no failure says otherwise. */
    struct state_failure quirk;
    bool is_changed; /* out: save the state */
};

/* Returns an error number. */
typedef uint32_t rds_act(struct rds_scene *scene, void *context);

/* Make a call and log it. */
uint32_t rds_call(const struct rds_call *call, rds_act *act, void *context);

uint32_t rds_disconnect(const struct rds_call *call);
/* With is_waited it returns when the session is gone. */
uint32_t rds_logoff(const struct rds_call *call);
uint32_t rds_send_message(const struct rds_call *call, struct rds_box *box);
/* Wait until something in mask happens; rds_flush(): events is 0. */
uint32_t rds_wait_event(const struct rds_call *call, uint32_t mask,
                        uint32_t *events);
void rds_flush(void);

/* The flag for WTSINFOEX: the other way round on some versions. */
int32_t rds_lock_flag(const struct state *state,
                      const struct state_session *session);

/* Add a line to the log; format makes members of a JSON object. */
void rds_log(const char *format, ...) BUFFER_PRINTF(1);

#endif
