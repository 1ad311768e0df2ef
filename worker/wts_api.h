/*
 * The Windows session calls that the worker needs, as one table.  Above it
 * everything is portable: texts are UTF-8, structures are ours, and nothing
 * of it decides anything.
 *
 * Every function that can fail returns the number that GetLastError() gave,
 * or WTS_ERROR_NONE.  A call that failed without setting a number returns
 * WTS_ERROR_UNKNOWN.  Calls to another machine may hang for minutes; none can
 * be cancelled.
 *
 * Fillings: wts_api_win32.c; tests/standin/wts/ for machines without Windows.
 * Source: learn.microsoft.com, "Remote Desktop Services API Functions".
 */
#ifndef LASTCALL_WORKER_WTS_API_H
#define LASTCALL_WORKER_WTS_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WTS_ERROR_NONE 0u
/* A call said no and gave no reason; no Windows error has this number. */
#define WTS_ERROR_UNKNOWN UINT32_MAX
/* WTS_CURRENT_SESSION: "my own", never a session of somebody else's choice. */
#define WTS_SESSION_CURRENT UINT32_MAX
/* Listeners have ids from here on. */
#define WTS_SESSION_LISTENER_FIRST 65536u

/* Source: WTS_CONNECTSTATE_CLASS. */
enum wts_state {
    WTS_STATE_ACTIVE = 0,
    WTS_STATE_CONNECTED = 1,
    WTS_STATE_CONNECT_QUERY = 2,
    WTS_STATE_SHADOW = 3,
    WTS_STATE_DISCONNECTED = 4,
    WTS_STATE_IDLE = 5,
    WTS_STATE_LISTEN = 6,
    WTS_STATE_RESET = 7,
    WTS_STATE_DOWN = 8,
    WTS_STATE_INIT = 9,
};

/* One line of WTSEnumerateSessionsEx, level 1.  Texts are owned; NULL where
 * Windows gave none. */
struct wts_entry {
    uint32_t id;
    int32_t state; /* enum wts_state, or a number of a later Windows */
    char *session_name;
    char *username;
    char *domain;
};

struct wts_entries {
    struct wts_entry *items; /* owned */
    size_t count;
};

/* Free a list; it is then empty. */
void wts_entries_deinit(struct wts_entries *entries);

/* As they come; 0 of WTS_LOCK_LOCKED means locked but on Windows 7 and Server
 * 2008 R2, where the two are swapped (is_lock_reversed). */
enum wts_lock_flag {
    WTS_LOCK_UNKNOWN = -1,
    WTS_LOCK_LOCKED = 0,
    WTS_LOCK_UNLOCKED = 1,
};

/* WTSSessionInfoEx (25), or WTSSessionInfo (24) where that is not known: then
 * lock_flags is WTS_LOCK_UNKNOWN.  Times are FILETIMEs: 100 ns since 1601 UTC
 * by the server's clock, 0 when not set. */
struct wts_info {
    int32_t state;
    int32_t lock_flags;
    int64_t logon_ft;
    int64_t connect_ft;
    int64_t disconnect_ft;
    int64_t last_input_ft;
    int64_t current_ft;
};

/* WTSClientInfo (23).  Texts are owned; NULL where empty. */
struct wts_client {
    char *name;
    char *address; /* as text; what the client says its address is */
    char *directory;
    uint32_t build;
    uint32_t width, height;
    uint32_t color_depth; /* as Windows gives it */
};

/* Free the texts; it is then empty. */
void wts_client_deinit(struct wts_client *client);

enum wts_text {
    WTS_TEXT_USERNAME, /* WTSUserName (5): whole, where wts_info's are cut */
    WTS_TEXT_DOMAIN,   /* WTSDomainName (7) */
};

enum wts_protocol {
    WTS_PROTOCOL_CONSOLE = 0,
    WTS_PROTOCOL_ICA = 1,
    WTS_PROTOCOL_RDP = 2,
};

/* A message box.  Texts are borrowed. */
struct wts_message {
    const char *title;
    const char *text;
    uint32_t style;     /* MB_* flags of MessageBox() */
    uint32_t timeout_s; /* 0: until it is answered */
    bool wait;          /* for the answer */
};

/* What answered a message, as MessageBox() and WTSSendMessage() number it. */
enum wts_answer {
    WTS_ANSWER_OK = 1,
    WTS_ANSWER_CANCEL = 2,
    WTS_ANSWER_ABORT = 3,
    WTS_ANSWER_RETRY = 4,
    WTS_ANSWER_IGNORE = 5,
    WTS_ANSWER_YES = 6,
    WTS_ANSWER_NO = 7,
    WTS_ANSWER_TRY_AGAIN = 10,
    WTS_ANSWER_CONTINUE = 11,
    WTS_ANSWER_TIMEOUT = 32000,
    WTS_ANSWER_ASYNC = 32001, /* shown, not waited for */
};

/* One table, const and static.  Every member is set.  Thread: any, also
 * several calls with one server at a time. */
struct wts_api_ops {
    /*
     * Get ready for a machine.  Nothing is asked of it: a name that nobody
     * bears shows with the first call.
     *
     *   computer  NULL: this machine
     *   server    for the other calls; close() ends it
     */
    uint32_t (*open)(const char *computer, void **server);
    void (*close)(void *server);

    /* Owner: the caller calls wts_entries_deinit(out). */
    uint32_t (*enumerate)(void *server, struct wts_entries *out);
    uint32_t (*read_info)(void *server, uint32_t session, struct wts_info *out);
    /* Owner: the caller calls wts_client_deinit(out). */
    uint32_t (*read_client)(void *server, uint32_t session,
                            struct wts_client *out);
    /* Owner: the caller frees *out, NULL where the text is empty. */
    uint32_t (*read_text)(void *server, uint32_t session, enum wts_text which,
                          char **out);
    /* out: an enum wts_protocol, or a number of a later Windows. */
    uint32_t (*read_protocol)(void *server, uint32_t session, uint32_t *out);

    /* Returns when it is done. */
    uint32_t (*disconnect)(void *server, uint32_t session);
    /* Returns when Windows has taken it on; the session goes later, or stays
     * while a program asks its user about unsaved work. */
    uint32_t (*logoff)(void *server, uint32_t session);
    /* answer: an enum wts_answer. */
    uint32_t (*send_message)(void *server, uint32_t session,
                             const struct wts_message *message,
                             uint32_t *answer);

    /* Wait until some session changes, or flush_events(): then too it
     * returns WTS_ERROR_NONE. */
    uint32_t (*wait_event)(void *server);
    /* End the waits that are under way. */
    void (*flush_events)(void *server);

    /* The session that this process is in. */
    uint32_t (*own_session)(uint32_t *out);
    /* The product's version, such as "Windows 10.0.20348"; never "". */
    void (*version_text)(char *text, size_t size);
    /* Of this machine: lower case not forced, never "". */
    void (*computer_name)(char *text, size_t size);
    bool (*is_lock_reversed)(void);
    /* What Windows says of an error number, in English where it can. */
    void (*error_text)(uint32_t error, char *text, size_t size);
};

#endif
