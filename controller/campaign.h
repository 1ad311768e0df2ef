/*
 * A campaign: one request to many hosts.  Whom to expect, what to send when,
 * what came, what it means.  A pure state machine over events: it has no
 * clock, no link and no keys; times are milliseconds of the caller's steady
 * clock.
 */
#ifndef LASTCALL_CONTROLLER_CAMPAIGN_H
#define LASTCALL_CONTROLLER_CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/answer.h"
#include "controller/exit_code.h"
#include "protocol/bytes.h"
#include "protocol/topic.h"

#define CAMPAIGN_HOST_MAX 20000
/* Bad messages kept with their reason; the rest is counted. */
#define CAMPAIGN_BAD_MAX 100
/* First sending, at a quarter and at half of the lifetime. */
#define CAMPAIGN_SEND_COUNT 3
/* A host that was sent nothing because it is known to be offline. */
#define CAMPAIGN_NO_MESSAGE ((size_t)-1)

enum campaign_outcome {
    OUTCOME_WAITING, /* no answer yet */
    OUTCOME_TRUE,
    OUTCOME_FALSE,
    OUTCOME_REFUSED, /* answered without acting: authority, time, limits */
    OUTCOME_OFFLINE, /* known beforehand; not waited for */
    OUTCOME_SILENT,  /* the time is over */
    OUTCOME_COUNT
};

/* "waiting", "true", "false", "refused", "offline", "silent"; static. */
const char *campaign_outcome_name(enum campaign_outcome outcome);

/* What is known of a host before anything is sent. */
enum campaign_presence {
    PRESENCE_ONLINE,
    PRESENCE_OFFLINE,
    PRESENCE_UNKNOWN, /* named, but it never published a status */
};

struct campaign_host {
    struct name name;
    enum campaign_presence presence;
    enum campaign_outcome outcome;
    size_t message;      /* index, or CAMPAIGN_NO_MESSAGE */
    int64_t answered_ms; /* since the message was first sent */
    uint32_t duplicates; /* valid answers after the first */
    bool has_answer;
    struct answer answer; /* owned */
};

/* One signed command; several hosts may share it. */
struct campaign_message {
    struct address address;
    struct request_id id;
    char hash[BYTES_SHA256_TEXT_SIZE];
    struct bytes token; /* owned */
    uint32_t sent_count;
    int64_t first_sent_ms;
    int64_t life_ms; /* of one that was signed before; 0: the campaign's ttl */
    /* Only those who are expected count: others have answered it before. */
    bool is_repeat;
    bool lost; /* the connection broke under it */
};

/* A message in our inbox that is not what it claims to be. */
struct campaign_bad {
    struct name host; /* of the topic */
    enum lastcall_status status;
    char detail[JSON_ERROR_SIZE];
};

enum campaign_end {
    CAMPAIGN_RUNNING,
    CAMPAIGN_COMPLETE, /* everyone expected has answered */
    CAMPAIGN_TIMED_OUT,
    CAMPAIGN_CUT_OFF, /* timed out while the broker was away */
    CAMPAIGN_INTERRUPTED,
};

/* {0} is empty; set the two times before the first event. */
struct campaign {
    int64_t timeout_ms;
    int64_t ttl_ms;
    int64_t start_ms;
    struct campaign_message *messages; /* owned */
    size_t message_count;
    size_t message_capacity;
    struct campaign_host *hosts; /* owned, sorted by name once started */
    size_t host_count;
    size_t host_capacity;
    size_t waiting_count;
    struct campaign_bad *bad; /* owned */
    size_t bad_count;
    size_t late_count; /* valid answers after the end */
    enum campaign_end end;
};

void campaign_deinit(struct campaign *campaign);

/*
 * Add a message to send.
 *
 *   token  taken over, also on failure
 *   index  its number, for campaign_expect()
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL (hash).
 */
LASTCALL_MUST_USE enum lastcall_status
campaign_add_message(struct campaign *campaign, const struct address *address,
                     const struct request_id *id, struct bytes *token,
                     size_t *index);

/*
 * Expect a host to answer a message.  One that is offline is not waited for.
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
campaign_expect(struct campaign *campaign, const struct name *host,
                enum campaign_presence presence, size_t message);

/* Everything is added; the time runs from now. */
void campaign_start(struct campaign *campaign, int64_t now_ms);

/*
 * Ask for the next message that is due: each one at first, again at a quarter
 * and at half of the lifetime while a host it is for has not answered, and
 * after campaign_lost().  Call until NULL.
 *
 * Returns a message to publish now (borrowed; counted as sent), or NULL.
 */
struct campaign_message *campaign_next_send(struct campaign *campaign,
                                            int64_t now_ms);

/* Seconds that a message may still wait at the broker, at least 1. */
uint32_t campaign_expiry_s(const struct campaign *campaign,
                           const struct campaign_message *message,
                           int64_t now_ms);

/* The connection broke under a message: it is due again. */
void campaign_lost(struct campaign *campaign, size_t message);

/* When something will be due, at the latest the end of the waiting. */
int64_t campaign_next_ms(const struct campaign *campaign, int64_t now_ms);

/* Find the message of a request id; its index, or CAMPAIGN_NO_MESSAGE. */
size_t campaign_find_message(const struct campaign *campaign,
                             const struct request_id *id);

enum campaign_verdict {
    VERDICT_ANSWER,    /* the host's answer */
    VERDICT_DUPLICATE, /* it had answered already; passed over */
    VERDICT_LATE,      /* after the end; passed over */
    VERDICT_STRANGER,  /* a request that is not of this campaign */
    VERDICT_BAD,       /* other bytes than ours, or a host we did not ask */
    VERDICT_FAILED,    /* out of memory */
};

/*
 * Take an answer that answer_open() proved.  A host that was not expected may
 * answer a broadcast: its status was lost, its word counts.
 *
 *   answer  moved from; {0} afterwards
 */
enum campaign_verdict campaign_take(struct campaign *campaign,
                                    struct answer *answer, int64_t now_ms);

/* Note a message that answer_open() refused. */
void campaign_note_bad(struct campaign *campaign, const struct name *host,
                       enum lastcall_status status, const char *detail);

/*
 * End the campaign when everyone has answered or the time is over.
 *
 * Returns whether it has ended.
 */
bool campaign_check_end(struct campaign *campaign, int64_t now_ms);

/* End it now: those who have not answered are silent. */
void campaign_finish(struct campaign *campaign, enum campaign_end end);

/* The figures of a campaign. */
struct campaign_tally {
    size_t hosts;
    size_t outcomes[OUTCOME_COUNT];
    size_t bad;
    size_t late;
    size_t duplicates;
    int64_t matched;
    int64_t succeeded;
    int64_t failed;
};

void campaign_tally(const struct campaign *campaign,
                    struct campaign_tally *out);

/* Say whether a code means that the host refused before acting. */
bool campaign_is_refusal(enum lastcall_status code);

/* The exit status, by the precedence of exit_code.h (without 5 and 7). */
enum exit_code campaign_exit_code(const struct campaign *campaign);

/* Find a host; borrowed, or NULL. */
struct campaign_host *campaign_find_host(const struct campaign *campaign,
                                         const struct name *name);

#endif
