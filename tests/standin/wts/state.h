/*
 * The file that says what the stand-in's machine looks like: sessions, other
 * machines, and what is to fail.  README.md has the format.  A record is one
 * struct here, and its keys are one table in state.c; what the table does not
 * know is refused, so that a slip of the pen in a test cannot pass.
 */
#ifndef LASTCALL_TESTS_STANDIN_WTS_STATE_H
#define LASTCALL_TESTS_STANDIN_WTS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_BYTES_MAX ((size_t)1024 * 1024)
#define STATE_TEXT_BYTES_MAX 1024
#define STATE_RECORD_COUNT_MAX 2048
#define STATE_ERROR_SIZE 256
#define STATE_FT_PER_S INT64_C(10000000)
#define STATE_FT_PER_MS INT64_C(10000)
/* In a failure: for every session, every class. */
#define STATE_ANY (-1)

/* Texts are owned; NULL where the file does not have the key. */
struct state_session {
    char *server; /* NULL: the machine itself */
    char *name;
    char *user;
    char *domain;
    char *client;
    char *addr;
    char *dir;
    int64_t id;
    int64_t state; /* enum wts_state */
    int64_t proto;
    int64_t locked; /* 1, 0, or -1: unknown */
    int64_t build;
    int64_t width, height, depth;
    int64_t reply;    /* to a message box; 0: nobody is there */
    int64_t reply_ms; /* so long they think about it */
    int64_t logoff_ms;
    int64_t input_ft, logon_ft, connect_ft, disc_ft; /* 0: not set */
    int64_t ends_ft; /* logged off, and gone from then on */
};

struct state_server {
    char *name;
};

struct state_failure {
    char *fn;
    int64_t session;
    int64_t class;
    int64_t error;
    int64_t count; /* so many times more; -1: for ever */
    int64_t delay_ms;
    int64_t after;    /* act, and then say error */
    int64_t nochange; /* say yes, and do not act */
    int64_t level;    /* 0: as asked */
    int64_t nullptr_; /* yes, with a NULL pointer */
    int64_t bytes;    /* so many are said to be there; -1: as many as are */
};

/* What holds for the machine. */
struct state_host {
    char *name;       /* of the computer; NULL: the real one */
    int64_t notfound; /* the error for a session that is not there */
    int64_t own;      /* the session that the caller is in */
    int64_t reversed; /* 1: as on Windows 7, lock flags the other way round */
};

struct state_records {
    void *items; /* owned */
    size_t count;
};

struct state {
    struct state_host host;
    struct state_records sessions; /* struct state_session */
    struct state_records servers;  /* struct state_server */
    struct state_records failures; /* struct state_failure */
    /* A time was given as an age: to be saved, lest it move. */
    bool is_relative;
};

/*
 * Read the text of a state file.
 *
 *   now_ft  what ages count from
 *   out     filled on true; state_deinit()
 *   error   "line 3: ..." on false
 */
bool state_parse(const char *text, size_t len, int64_t now_ft,
                 struct state *out, char error[STATE_ERROR_SIZE]);

/* Write it as text, times absolute; the caller frees.  NULL: no memory. */
char *state_format(const struct state *state, size_t *len);

void state_deinit(struct state *state);

struct state_session *state_session_at(const struct state *state, size_t index);

/* NULL where that machine has no such session.  server NULL: the machine. */
struct state_session *state_find_session(const struct state *state,
                                         const char *server, uint32_t id);
bool state_has_server(const struct state *state, const char *name);
void state_remove_session(struct state *state, struct state_session *session);
/* Sessions that were logged off and whose time has come; says if any was. */
bool state_remove_ended(struct state *state, int64_t now_ft);

/* The first failure for a call, or NULL. */
struct state_failure *state_find_failure(const struct state *state,
                                         const char *fn, int64_t session,
                                         int64_t class);

#endif
