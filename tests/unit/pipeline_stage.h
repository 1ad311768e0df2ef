/*
 * A whole pipeline for tests: two servers that do as they are told, a journal
 * in a directory of its own, and every publish kept.
 */
#ifndef LASTCALL_TESTS_UNIT_PIPELINE_STAGE_H
#define LASTCALL_TESTS_UNIT_PIPELINE_STAGE_H

#include "tests/unit/bodies.h"

#include <stdatomic.h>

#include "protocol/io/gate.h"
#include "tests/unit/fakes.h"
#include "worker/pipeline.h"

#define PUBLISHED_MAX 512
#define ALL "lastcall/v1/all/command"
#define HOST "lastcall/v1/host/media-01/command"
#define RESULTS "lastcall/v1/host/media-01/result/alice/"

#define PING "{\"action\":\"ping\"}"
#define LIST "{\"action\":\"list\"}"
#define STOP_ALL "{\"action\":\"stop\",\"where\":\"username != 'x'\"}"
#define STOP_A "{\"action\":\"stop\",\"session_id\":\"a\"}"

struct published {
    char topic[TOPIC_LEN_MAX + 1];
    char *token; /* owned */
};

struct stage {
    char directory[64];
    struct fake_fleet fleet;
    struct server_settings servers[FAKE_SERVER_COUNT];
    struct settings settings;
    struct policy policy;
    struct identity identity;
    struct trust trust;
    struct journal journal;
    struct counters counters;
    struct inbox *inbox;
    struct executor *executors[FAKE_SERVER_COUNT];
    struct pipeline *pipeline;
    const char *journal_sql; /* run before the pipeline starts; may be NULL */
    struct gate gate;        /* guards what follows */
    struct published published[PUBLISHED_MAX];
    size_t published_count;
    bool is_down;
    bool is_full;               /* the link takes no more */
    size_t refused_count;       /* publishes that found it so */
    atomic_uint lost_commits;   /* so many commits of the journal fail */
    atomic_llong wall_shift_ms; /* the stage's wall clock is wrong by this */
    atomic_llong run_shift_ms;  /* and its monotonic one, which is looked at
                                   with the next thing that comes in */
    atomic_llong still_ms;      /* where that one stands still; 0: it runs */
};
extern struct stage stage;

/* The root says that the controller's key is no longer good. */
void revoke_controller(void);

int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Begin, over whatever the journal in the directory holds; and end. */
void start(void);
void stop(enum inbox_stop how);

/* What may be wrong with a command.  {0} is a right one for this host. */
struct wrong {
    const char *topic;
    const char *audience;
    const struct key *signer;
    const char *grant;
    const char *issuer;
    int64_t iat_shift_s;
    int64_t life_s;
    enum token_type type; /* TOKEN_GRANT, the first, stands for a command */
    enum mqtt_retain retain;
    bool is_altered;
};

/* Sign a command; the caller frees. */
char *sign_command(const char *jti, const char *request,
                   const struct wrong *wrong);
void offer(const char *token, const struct wrong *wrong);
void deliver(const char *jti, const char *request, const struct wrong *wrong);

/* How many answers to a command, or messages on a topic, went out so far;
 * only when the pipeline rests. */
size_t count_results(const char *jti);
size_t count_topic(const char *part);
/* The same at any time: news may follow an answer. */
size_t count_results_now(const char *jti);
size_t count_topic_now(const char *part);

/* Wait for the n-th answer (from 1) to a command; proves and reads it. */
struct result await(const char *jti, size_t number);
/* Wait for the first answer and look at its code. */
void expect(const char *jti, enum lastcall_status code);

/* Acts on all servers so far. */
unsigned act_count(void);
/* Let the calls of a server hang, or go on. */
void set_hang(size_t server, bool list, bool act);
/* For fake_await(): the first server hangs. */
bool is_one_hanging(const void *context);

#endif
