/*
 * Rules that make chosen requests go wrong.
 *
 * A rule says which requests it means, which of those it hits, and what goes
 * wrong; README.md lists the faults.  The caller holds the stand-in's lock.
 */
#ifndef STANDIN_FAULT_H
#define STANDIN_FAULT_H

#include "tests/standin/answer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* When a fault takes the place of what the server does. */
enum fault_stage {
    FAULT_NONE,       /* no rule hit */
    FAULT_CONNECTION, /* before the server's state is looked at */
    FAULT_STATUS,     /* before the token is looked at */
    FAULT_BODY        /* the request is carried out, its answer is changed */
};

struct fault_rule {
    json_int_t id;
    json_t *given;    /* owned: as it was posted */
    uint64_t matched; /* requests it means, so far */
    uint64_t hits;    /* of those, made to fail */
    uint64_t nth;     /* the first one to hit, from 1 */
    uint64_t left;    /* how often it still hits; UINT64_MAX is forever */
    double chance;    /* of each; 1 always */
    uint64_t random;  /* state of the generator */
};

struct faults {
    struct fault_rule *rules; /* owned */
    size_t count;
    json_int_t next_id;
};

/* What hit a request. */
struct fault {
    enum fault_stage stage;
    bool effect;   /* carry the request out before the fault shows */
    json_t *given; /* owned; NULL with FAULT_NONE */
};

/*
 * Add a rule.
 *
 *   id   its number
 *
 * Returns NULL, or a complaint (static).
 */
const char *faults_add(struct faults *faults, const json_t *given,
                       json_int_t *id);

/* Forget one rule, or all with -1; whether there was one. */
bool faults_remove(struct faults *faults, json_int_t id);

/* The rules with their counts; the caller owns the array. */
json_t *faults_describe(const struct faults *faults);

/* The first rule that hits a request; the caller calls fault_deinit(). */
struct fault faults_pick(struct faults *faults, const char *method,
                         const char *path);

/*
 * Change an answer into the faulty one.
 *
 *   answer  what the server would have said, or empty before it has spoken
 *   scale   multiplies durations
 */
void fault_apply(const struct fault *fault, struct answer *answer,
                 double scale);

/* Free what it holds. */
void fault_deinit(struct fault *fault);

/* Free what it holds; afterwards it is empty. */
void faults_deinit(struct faults *faults);

#endif
