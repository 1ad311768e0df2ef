/*
 * The records that the forms of output share: hosts, sessions, results.
 */
#ifndef LASTCALL_CONTROLLER_RECORDS_H
#define LASTCALL_CONTROLLER_RECORDS_H

#include "controller/campaign.h"
#include "controller/output.h"
#include "controller/registry.h"

/* What a host answered, or that it did not; a new reference or NULL. */
json_t *record_of_answer(const struct campaign_host *host);

/* A host as its status tells it; a new reference or NULL. */
json_t *record_of_host(const struct registry_host *host);

/* Where a listed session comes from. */
struct record_source {
    const struct name *host;
    int64_t taken_ms;      /* since 1970 */
    const char *freshness; /* "current", "unreachable", "offline", "fresh" */
    int64_t now_ms;        /* since 1970 */
};

/* A session with its host and the age of the news; a new reference or NULL. */
json_t *record_of_session(const struct session *session,
                          const struct record_source *source);

/*
 * The figures of a campaign, and the bad messages in our inbox and among the
 * retained ones: a new reference or NULL.
 *
 *   elapsed_ms  how long it took
 */
json_t *record_of_campaign(const struct campaign *campaign,
                           const struct registry *registry, int64_t elapsed_ms);

/* campaign_exit_code(), with the bad retained messages counted. */
enum exit_code record_exit_code(const struct campaign *campaign,
                                const struct registry *registry);

/* The messages that the registry refused, as an array; or NULL. */
json_t *record_of_refusals(const struct registry *registry);

/* Say on standard error which messages of our inbox were bad. */
void record_say_bad(const struct campaign *campaign);
/* The same of the retained ones, and what strikes off a host that is gone. */
void record_say_refusals(const struct registry *registry);

extern const struct output_layout record_results; /* what came of an ending */
extern const struct output_layout record_results_shown; /* and the sessions */
extern const struct output_layout record_replies; /* and who pressed what */
extern const struct output_layout record_plans;   /* what would come of it */
extern const struct output_layout record_pings;
extern const struct output_layout record_jobs;      /* lastcall jobs */
extern const struct output_layout record_job_hosts; /* lastcall jobs show */
extern const struct output_layout record_hosts;
extern const struct output_layout record_sessions;

#endif
