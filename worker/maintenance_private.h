/*
 * The inside of maintenance_run.h, shared by its parts: maintenance_run.c takes
 * plans in and tells of them, maintenance_step.c carries them out,
 * maintenance_look.c finds whom enforce is for, and maintenance_owed.c which
 * servers a warning did not reach.
 */
#ifndef LASTCALL_WORKER_MAINTENANCE_PRIVATE_H
#define LASTCALL_WORKER_MAINTENANCE_PRIVATE_H

#include "worker/maintenance_run.h"

/* A session that was just ended. */
struct plan_ended {
    uint64_t session; /* a hash of server and id; 0: a free place */
    int64_t until_ms; /* monotonic: passed over so long */
    int64_t wait_ms;  /* twice the last one, of what had to be ended again */
};

/* A plan of this host.  Times are monotonic unless they say otherwise. */
struct plan_entry {
    struct maintenance plan; /* owned */
    char *token;             /* owned; as received */
    size_t token_len;
    struct address address;
    char issuer[TOKEN_ISSUER_SIZE];
    struct name controller;
    char hash[BYTES_SHA256_TEXT_SIZE];
    int64_t iat_s;
    int64_t exp_s;
    struct plan_state state;
    struct plan_state undo; /* as it was before this batch; see has_undo */
    bool has_undo;          /* a step was begun in the batch that is open */
    bool needs_put;         /* not on disk yet */
    bool needs_update;      /* the state on disk is an older one */
    bool is_written;        /* both are, in the batch that is open */
    bool is_refused;        /* a step was; nothing more is done */
    bool is_warning;        /* a warning is under way */
    bool is_acting;         /* an ending is */
    uint64_t asked;         /* servers of the ending that is under way */
    uint64_t owed;          /* servers that starts_at did not reach yet */
    uint64_t back;          /* those that have listed since they failed */
    uint64_t warn_back;     /* and of those that are owed a warning */
    int64_t warn_retry_ms;  /* none of them is asked again before */
    uint64_t fresh;         /* servers with sessions for enforce */
    int64_t acted_ms;       /* when an ending came back ... */
    int64_t acted_wall_ms;  /* ... and by the wall clock */
    int64_t retry_ms;       /* nothing is begun before */
    int64_t backoff_ms;
    struct plan_ended ended[MAINTENANCE_ENDED_COUNT_MAX];
    size_t ended_next;
};

/* A plan that was answered with a refusal, to be told of, and not again. */
struct plan_refused {
    char hash[BYTES_SHA256_TEXT_SIZE];
    struct status_plan told;
};

struct maintenance_run {
    struct maintenance_options options;
    struct maintenance_store store;
    struct plan_entry *entries; /* owned; MAINTENANCE_PLAN_MAX of them */
    size_t count;
    struct plan_refused refused[MAINTENANCE_PLAN_MAX];
    size_t refused_count;
    size_t refused_next;
    int64_t hold_until_ms; /* monotonic */
    bool was_ready;
    size_t unread_count; /* kept plans whose grants the clock does not allow */
    int64_t reread_ms;   /* monotonic: when to look at them again */
};

/* Read the plans that were kept and could not be read for the clock's sake. */
enum lastcall_status maintenance_reread(struct maintenance_run *maintenance);

int64_t maintenance_now_ms(const struct maintenance_run *maintenance);
int64_t maintenance_wall_ms(const struct maintenance_run *maintenance);

/* What admission looks at, now. */
struct admission_rules
maintenance_rules(const struct maintenance_run *maintenance);

/* The plan with an id, or NULL. */
struct plan_entry *maintenance_find(struct maintenance_run *maintenance,
                                    const char *id);

/* Forget a plan that is over; its id stays on disk. */
void maintenance_drop_entry(struct maintenance_run *maintenance,
                            struct plan_entry *entry);

/* Say whether nothing will ever be done for a plan again. */
bool maintenance_is_over(const struct plan_entry *entry, int64_t wall_ms);

/* Record a plan, or its state, within the batch. */
enum lastcall_status maintenance_write(struct maintenance_run *maintenance,
                                       const struct plan_entry *entry);

/* Remember whom a step ended, where lists may still show them for a moment. */
void maintenance_remember_ended(const struct maintenance_run *maintenance,
                                struct plan_entry *entry,
                                const struct result *result);

/* The servers that failed in a result, as bits; and of those the ones that it
 * has no session of. */
uint64_t maintenance_failed(const struct settings *settings,
                            const struct result *result);
uint64_t maintenance_unreached(const struct settings *settings,
                               const struct result *result);

/* Names of servers with a space between them, and their bits in the order of
 * the settings; a name that is not there any more is passed over. */
void maintenance_servers_format(const struct settings *settings,
                                uint64_t servers,
                                char out[PLAN_SERVERS_TEXT_SIZE]);
uint64_t maintenance_servers_parse(const struct settings *settings,
                                   const char *text);

/* What a step's answer is about. */
struct plan_answer {
    const struct name *id;
    int64_t iat_s;
    const char *issuer;
    const struct name *controller;
    const char *hash;
    const struct address *address;
    enum action action;
    const char *step;
};

/* Answer a step with a refusal. */
void maintenance_refuse(struct maintenance_run *maintenance,
                        struct batch *batch, const struct plan_answer *answer,
                        enum lastcall_status code, const char *detail);

#endif
