/*
 * Sending one request to a target and collecting the answers: the effects
 * around a campaign.
 */
#ifndef LASTCALL_CONTROLLER_DISPATCH_H
#define LASTCALL_CONTROLLER_DISPATCH_H

#include "controller/campaign.h"
#include "controller/fleet.h"
#include "protocol/request.h"

#define DISPATCH_TIMEOUT_PRESET_MS INT64_C(10000)
#define DISPATCH_TTL_PRESET_MS INT64_C(60000)
/* So many answers may come at once, which a collector verifies in about a
 * second; for as many more, a second more. */
#define DISPATCH_SPLAY_HOSTS ((size_t)10000)

/*
 * Who keeps a record of campaigns.  Every member is set; only begin() may stop
 * the campaign, and none for what could not be kept.
 */
struct dispatch_observer {
    /*
     * The hosts are known, in the order of their turns, and nothing has been
     * sent.
     *
     * Returns LASTCALL_OK, LASTCALL_E_EXISTS (another campaign asks them the
     *         same, which has been said: nothing may be sent; ended() is not
     *         called).
     */
    enum lastcall_status (*begin)(void *context,
                                  const struct campaign *campaign);
    /* A message is about to be sent for the first time: what is not on record
     * when this returns is lost if the process dies now.  Called again when it
     * could not be handed over. */
    void (*sending)(void *context, const struct campaign *campaign,
                    const struct campaign_message *message);
    void (*answered)(void *context, const struct campaign *campaign,
                     const struct campaign_host *host);
    /* Once a round of the loop, before it waits; says when it wants to be
     * called again at the latest, INT64_MAX for never. */
    int64_t (*tend)(void *context, const struct campaign *campaign,
                    int64_t now_ms);
    /* The hosts are sorted by name now. */
    void (*ended)(void *context, const struct campaign *campaign);
};

/* What an earlier campaign had for a host.  {0} is nothing. */
struct dispatch_recalled {
    /* A signed command that may still be run; it is sent again as it is, so
     * that a host that has run it answers with what it recorded.  Empty: a new
     * one is signed. */
    struct bytes token;     /* owned */
    struct address address; /* of the token */
    struct request_id id;
    int64_t life_ms;        /* how long it may still be run */
    struct request request; /* owned; what to sign, when there is no token */
};

/* Where a campaign finds what an earlier one had. */
struct dispatch_recall {
    /*
     * Returns LASTCALL_OK, LASTCALL_E_MISSING (nothing of that host: the
     *         dispatch's own request is signed), or why it cannot be told.
     */
    enum lastcall_status (*find)(void *context, const struct name *host,
                                 struct dispatch_recalled *out);
    void *context;
};

enum dispatch_splay {
    DISPATCH_SPLAY_SCALED, /* of a broadcast, by the answers to expect */
    DISPATCH_SPLAY_SET,    /* the request says it */
};

/* What to send, and for how long. */
struct dispatch {
    const struct request *request; /* borrowed */
    const struct target *target;   /* borrowed */
    int64_t timeout_ms;            /* of each host; the splay comes on top */
    int64_t ttl_ms;
    /* With any limit the hosts are asked one by one, also those of a group or
     * of the whole fleet; see pace.h. */
    struct campaign_pace pace;
    enum dispatch_splay splay;
    /*
     * The dry run that this follows, or NULL: no host may touch more than it
     * said in it.  A host named by itself gets its own number as its limit; a
     * broadcast, one body for all, the largest.  A Windows session named by
     * its id is pinned to what the plan showed of it (pin.h); in a broadcast
     * the plan shows it on one host at most.
     */
    const struct campaign *plan;
    /* Called for each answer as it comes; may be NULL. */
    void (*answered)(void *context, const struct campaign *campaign,
                     const struct campaign_host *host);
    void *context;
    const struct dispatch_observer *observer; /* borrowed; may be NULL */
    void *observer_context;
    const struct dispatch_recall *recall; /* borrowed; may be NULL */
    /* Its publishes carry the tags behind this one: several campaigns that
     * share a link have some 2^32 each.  0 where there is but one. */
    uint64_t tag_base;
};

/*
 * A campaign that is under way.  Whoever has a loop of his own drives any
 * number of them: dispatch_begin(), then in each round dispatch_send(), wait
 * for an event until dispatch_due_ms(), fleet_handle(), dispatch_take(); when
 * dispatch_has_ended() or one of them failed, dispatch_end().  dispatch_run()
 * does that for one.  {0} is none.
 */
struct dispatching {
    struct fleet *fleet;             /* borrowed */
    const struct dispatch *dispatch; /* borrowed */
    struct request request;          /* shallow: borrowed texts */
    struct campaign *campaign;       /* borrowed */
};

/* Say whether each host gets a message of its own. */
bool dispatch_is_single(const struct target *target,
                        const struct campaign_pace *pace);

/*
 * Run a campaign to its end.
 *
 *   fleet  open, with statuses and identity
 *   out    the campaign, ended; the caller calls campaign_deinit() in every
 *          case
 *
 * Returns EXIT_CODE_OK (it ran; campaign_exit_code() tells how it went),
 *         EXIT_CODE_USAGE (no host belongs to the target, or the observer
 *         refused to begin; nothing was sent),
 *         EXIT_CODE_BROKER (could not be signed, or the broker refused it).
 */
enum exit_code dispatch_run(struct fleet *fleet,
                            const struct dispatch *dispatch,
                            struct campaign *out);

/*
 * Choose the hosts, sign what all of them share, and begin.  Says nothing.
 *
 *   run       filled; nothing in it is owned
 *   dispatch  borrowed until dispatch_end(), as campaign
 *   campaign  the caller calls campaign_deinit() in every case
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING (no host belongs to the target),
 *         LASTCALL_E_EXISTS (the observer refused to begin),
 *         LASTCALL_E_TOO_LARGE (too many hosts), LASTCALL_E_NOMEM, or why it
 *         could not be signed; then dispatch_end() is not called.
 */
LASTCALL_MUST_USE enum lastcall_status
dispatch_begin(struct dispatching *run, struct fleet *fleet,
               const struct dispatch *dispatch, struct campaign *campaign);

/*
 * Publish what is due, as far as the link takes it now.
 *
 * Returns LASTCALL_OK, or why nothing can be sent any more: LASTCALL_E_NOMEM,
 *         LASTCALL_E_TOO_LARGE, why a command could not be signed.
 */
LASTCALL_MUST_USE enum lastcall_status
dispatch_send(const struct dispatching *run, int64_t now_ms);

/* When dispatch_send() or dispatch_has_ended() has something to do at the
 * latest. */
int64_t dispatch_due_ms(const struct dispatching *run, int64_t now_ms);

/*
 * Take an event that fleet_handle() has had; what is not of this campaign is
 * passed over.
 *
 * Returns LASTCALL_OK, LASTCALL_FORBIDDEN (the broker refused to take the
 *         command).
 */
LASTCALL_MUST_USE enum lastcall_status
dispatch_take(const struct dispatching *run, const struct fleet_event *event);

/* Say whether everybody has answered or been given up. */
bool dispatch_has_ended(const struct dispatching *run, int64_t now_ms);

/*
 * End it: the campaign's figures are final, and its hosts sorted by name.
 *
 *   status  LASTCALL_OK, or what failed
 */
void dispatch_end(const struct dispatching *run, enum lastcall_status status);

/* Seconds over which a number of answers is spread. */
int64_t dispatch_splay_s(size_t answer_count);

#endif
