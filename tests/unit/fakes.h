/*
 * Doubles for the tests of the worker: servers that do what a test tells
 * them to, and a fleet with keys and grants.
 */
#ifndef LASTCALL_TESTS_UNIT_FAKES_H
#define LASTCALL_TESTS_UNIT_FAKES_H

#include "worker/identity.h"
#include "worker/session_backend.h"

#define FAKE_SERVER_COUNT 2
#define FAKE_SESSION_MAX 16
#define FAKE_ACT_MAX 256
#define FAKE_WAIT_MS 10000
#define FAKE_LINGER_MS 100

/* ---- servers ---- */

struct fake_session {
    char id[32]; /* "": nobody */
    char user[32];
    char machine[32];
    char state[16]; /* "": not told; so are the next */
    char logon[32];
    char name[16];
    bool is_unendable;
    bool is_nobodys; /* without any username */
    bool is_deaf;    /* an act does not end it */
};

/* What a test may set, under fake_lock(). */
struct fake_server {
    struct fake_session sessions[FAKE_SESSION_MAX];
    unsigned crowd_count; /* so many more are listed, with long names */
    enum lastcall_status list_status;
    unsigned good_lists; /* so many lists succeed before that holds */
    enum lastcall_status act_status;
    char act_fails_for[32]; /* an id; "": act_status holds for every one */
    bool hangs_list;        /* until released or interrupted */
    bool hangs_act;
    bool hangs_message; /* instead of the former, for a message */
    bool is_sluggish;   /* a call that is interrupted takes FAKE_LINGER_MS */
    int64_t settle_ms;  /* of an act that was accepted */
    /* what was seen */
    unsigned lists;
    unsigned acts;
    char acted[FAKE_ACT_MAX][32];
    bool is_interrupted;
    bool is_hanging;
    unsigned hang_count; /* calls that hang at the same time */
    bool is_closed;
};

/* The servers "one" and "two", in the order of the settings. */
extern struct fake_server fake_servers[FAKE_SERVER_COUNT];
/* An act ends the session, a disconnect makes its state so; a message is
 * answered with "yes". */
extern const struct session_backend_ops fake_backend_ops;
/* The same as terminal sessions. */
extern const struct session_backend_ops fake_wts_ops;

/* Forget everything. */
void fake_reset(void);
void fake_lock(void);
void fake_unlock(void);
/* Tell the threads that something was changed; with the lock held. */
void fake_changed(void);
/* Add a session. */
void fake_play(size_t server, const char *id, const char *user);
/* Wait, at most FAKE_WAIT_MS, until a condition over the servers holds. */
bool fake_await(bool (*holds)(const void *context), const void *context);

/* ---- a fleet ---- */

struct fake_fleet {
    struct key root;
    struct key host_key;
    struct key controller_key;
    char *host_grant;
    char *controller_grant;
};

/*
 * Make keys and grants: host media-01 in the group lobby, and a controller
 * with one permit rule.
 */
void fake_fleet_init(struct fake_fleet *fleet, const char *controller,
                     const char *permit);
void fake_fleet_deinit(struct fake_fleet *fleet);

/* What identity_load() would give. */
void fake_identity(const struct fake_fleet *fleet, struct identity *identity,
                   struct trust *trust);

/* Sign a grant for a key. */
char *fake_grant(const struct key *root, enum subject_kind kind,
                 const char *name, const struct key *key, const char *permit,
                 int64_t exp_s);

#endif
