/*
 * A campaign: one request to many hosts.  Whom to expect, whom to ask next,
 * what to send when, what came, what it means.  A pure state machine over
 * events: it has no clock, no link and no keys; times are milliseconds of the
 * caller's steady clock and never go back.
 *
 * A host is in one of two ways of a campaign: it is one of many that share a
 * message, a broadcast; or it is asked by itself when its turn comes, with a
 * message that is signed then.  Every event costs the same, however many hosts
 * there are.
 */
#ifndef LASTCALL_CONTROLLER_CAMPAIGN_H
#define LASTCALL_CONTROLLER_CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/answer.h"
#include "controller/exit_code.h"
#include "controller/pace.h"
#include "controller/text_index.h"
#include "protocol/bytes.h"
#include "protocol/topic.h"

#define CAMPAIGN_HOST_MAX 20000
/* Bad messages kept with their reason; the rest is counted. */
#define CAMPAIGN_BAD_MAX 100
/* First sending, at a quarter and at half of the lifetime. */
#define CAMPAIGN_SEND_COUNT 3
/* A host that was sent nothing: its turn has not come, or it is known to be
 * offline. */
#define CAMPAIGN_NO_MESSAGE ((size_t)-1)
#define CAMPAIGN_NO_HOST ((size_t)-1)

enum campaign_outcome {
    OUTCOME_WAITING, /* no answer yet */
    OUTCOME_TRUE,
    OUTCOME_FALSE,
    OUTCOME_REFUSED, /* answered without acting: authority, time, limits */
    OUTCOME_OFFLINE, /* known when its turn came; not waited for */
    OUTCOME_SILENT,  /* the time is over */
    OUTCOME_UNSENT,  /* its turn has not come, or never came */
    OUTCOME_COUNT
};

/* "waiting", "true", "false", "refused", "offline", "silent", "unsent";
 * static. */
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
    bool is_late;        /* it answered when it had been given up */
    bool has_answer;
    struct answer answer; /* owned */
};

/* One signed command; several hosts may share it. */
struct campaign_message {
    struct address address;
    struct request_id id;
    char hash[BYTES_SHA256_TEXT_SIZE];
    struct bytes token; /* owned; empty once the only host has answered */
    uint32_t sent_count;
    int64_t first_sent_ms;
    int64_t life_ms; /* of one that was signed before; 0: the campaign's ttl */
    /* Only those who are expected count: others have answered it before. */
    bool is_repeat;
    int64_t due_ms;          /* when to send it again */
    size_t host;             /* whose turn it is for, while the campaign runs;
                                CAMPAIGN_NO_HOST: a broadcast */
    size_t waiting_count;    /* hosts in OUTCOME_WAITING */
    size_t unanswered_count; /* these and those given up */
    bool lost;               /* the connection broke under it */
    size_t next_lost;        /* the one that was lost before */
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
    CAMPAIGN_STOPPED, /* by the canary or by too many failures */
    CAMPAIGN_INTERRUPTED,
};

/* {0} is empty; set times and pace before the first event. */
struct campaign {
    int64_t timeout_ms; /* of each host, from the first sending to it */
    int64_t ttl_ms;
    struct campaign_pace pace;
    int64_t start_ms;
    struct campaign_message *messages; /* owned, in the order of sending */
    size_t message_count;
    size_t message_capacity;
    struct text_index by_id;     /* messages by request id */
    struct campaign_host *hosts; /* owned, in the order of their turns; sorted
                                    by name once the campaign has ended */
    size_t host_count;
    size_t host_capacity;
    struct text_index by_name;           /* hosts by name */
    size_t outcome_count[OUTCOME_COUNT]; /* hosts of each */
    struct campaign_bad *bad;            /* owned */
    size_t bad_count;
    size_t late_count; /* valid answers after the end */
    enum campaign_end end;

    /* Where campaign_send.c stands. */
    struct pacer pacer;    /* owned; of the hosts that are asked one by one */
    size_t turn;           /* the next host to look at */
    size_t first_sendings; /* messages that went out once */
    size_t *resends;       /* owned; messages to send again, a heap by due_ms */
    size_t resend_count;
    size_t resend_capacity;
    size_t timeouts;     /* messages given up */
    size_t lost;         /* message + 1; the last that was lost; 0: none */
    int64_t progress_ms; /* when something was sent or came to its end */
};

void campaign_deinit(struct campaign *campaign);

/*
 * Add a message that several hosts share.
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
 * Expect a host to answer a message, or to be asked by itself when its turn
 * comes, with CAMPAIGN_NO_MESSAGE.  One that is offline is not waited for.  A
 * host that is expected already is passed over.
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
campaign_expect(struct campaign *campaign, const struct name *host,
                enum campaign_presence presence, size_t message);

/*
 * Everyone is expected; the time runs from now.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status campaign_start(struct campaign *campaign,
                                                      int64_t now_ms);

/*
 * Ask for the next message that is due: each one at first, again at a quarter
 * and at half of the lifetime while a host it is for has not answered, and
 * after campaign_lost().  Call until NULL, then campaign_next_host().
 *
 * Returns a message to publish now (borrowed; counted as sent), or NULL.
 */
struct campaign_message *campaign_next_send(struct campaign *campaign,
                                            int64_t now_ms);

/*
 * Ask for the host whose turn it is.  It stays the next until campaign_ask().
 *
 * Returns a host (borrowed until the next call), or NULL: nobody for now.
 */
const struct campaign_host *campaign_next_host(struct campaign *campaign,
                                               int64_t now_ms);

/*
 * Take the message for the host of campaign_next_host(): the next of
 * campaign_next_send().
 *
 *   token  taken over, also on failure
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_INTERNAL (hash).
 */
LASTCALL_MUST_USE enum lastcall_status campaign_ask(struct campaign *campaign,
                                                    const struct request_id *id,
                                                    struct bytes *token);

/*
 * A host that was offline is there again: it is asked after all when its turn
 * is still to come.  One that goes is not told here: it may be that the broker
 * goes, with everybody's will, and it is silent anyway.
 */
void campaign_note_return(struct campaign *campaign, const struct name *name);

/* Seconds that a message may still wait at the broker, at least 1. */
uint32_t campaign_expiry_s(const struct campaign *campaign,
                           const struct campaign_message *message,
                           int64_t now_ms);

/* A message did not reach the broker: it is due again, unless it was answered
 * all the same. */
void campaign_lost(struct campaign *campaign, size_t message);

/* When something will be due by the passing of time alone, at the latest the
 * end of the waiting; what is due already waits for the link. */
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
 * Give up on hosts whose time is over, and end the campaign when nobody is
 * left to wait for or to ask, or when nothing could be sent for as long as a
 * host is waited for.
 *
 * Returns whether it has ended.
 */
bool campaign_check_end(struct campaign *campaign, int64_t now_ms);

/* End it now: those who were asked and have not answered are silent. */
void campaign_finish(struct campaign *campaign, enum campaign_end end);

/* The figures of a campaign. */
struct campaign_tally {
    size_t hosts;
    size_t outcomes[OUTCOME_COUNT];
    size_t bad;
    size_t late; /* answers of hosts that had been given up */
    size_t duplicates;
    int64_t matched;
    int64_t succeeded;
    int64_t failed;
};

/* Count what came of a campaign, so far or in the end.  A sum of what hosts
 * say is INT64_MAX where it is more.  Time: O(hosts). */
void campaign_tally(const struct campaign *campaign,
                    struct campaign_tally *out);

/* Say whether a code means that the host refused before acting. */
bool campaign_is_refusal(enum lastcall_status code);

/* The exit status, by the precedence of exit_code.h (without 5). */
enum exit_code campaign_exit_code(const struct campaign *campaign);

/* Find a host; borrowed, or NULL. */
struct campaign_host *campaign_find_host(const struct campaign *campaign,
                                         const struct name *name);

#endif
