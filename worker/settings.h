/*
 * worker.conf: the table of its keys and the structure they fill.
 */
#ifndef LASTCALL_WORKER_SETTINGS_H
#define LASTCALL_WORKER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/action.h"
#include "protocol/io/config.h"
#include "protocol/name.h"

#define SETTINGS_SERVER_COUNT_MAX 64

/* [server "name"] */
struct server_settings {
    struct name name;
    int64_t backend; /* enum backend_kind */
    char *url;
    char *token;      /* "auto" or NULL; a token itself never stands here */
    char *token_file; /* NULL with token = auto */
    char *ca;         /* PEM file; NULL: the system's */
    char *resolve;    /* libcurl's HOST:PORT:ADDRESS; NULL: DNS */
    int64_t terminate_method; /* 0 GET, 1 POST */
    int64_t events;           /* 1: follow the event stream; 0 for wts */
    int64_t sessions_interval_ms;
    int64_t sessions_max_age_s;
    int64_t timeout_ms;
    char *computer; /* wts */
};

/* A whole worker.conf.  Texts are owned. */
struct settings {
    char *path; /* of the file */
    struct {
        struct name host;
        struct name fleet;
        char *state_dir;
        char *key;
        char *grant;
        char *root;
        int64_t max_lifetime_s;
        int64_t clock_skew_s;
        int64_t history_max; /* audit lines kept */
    } worker;
    struct {
        char *uri;
        char *ca;
        char *cert;
        char *cert_key;
        char *username;
        char *password_file;
        int64_t session_expiry_s;
        int64_t keep_alive_s;
    } broker;
    struct {
        char *allow;          /* NULL: whatever the grants allow */
        char *protect;        /* NULL: nothing is protected */
        int64_t max_sessions; /* a command that matches more is refused */
    } policy;
    struct server_settings *servers; /* owned */
    size_t server_count;
};

/* The table, for the example's test and the manual. */
extern const struct config_key settings_keys[];
extern const size_t settings_key_count;

/*
 * Read and check a worker.conf: keys, bounds, and what belongs together (a
 * Plex server needs url and one of token_file and token = auto, plain mqtt
 * only to loopback, session_expiry not below the will delay of 15 s).
 *
 *   out    filled on LASTCALL_OK
 *   error  file, line and mend
 *
 * Returns what config_read_file() returns.
 * Owner:  the caller calls settings_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status
settings_load(const char *path, struct settings *out,
              struct config_error *error);
void settings_deinit(struct settings *settings);

#endif
