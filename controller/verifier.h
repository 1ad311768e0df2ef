/*
 * The verifier: opens what hosts send on a small pool of threads, between the
 * link's thread, which hands messages over, and the main thread, which gets
 * them proved or refused.
 *
 * All messages of a host go to one thread.  So they stay in the order in which
 * they came, and the host's grant is proved once, however often it speaks.  A
 * revocation list goes to every thread: whatever is handed over behind it is
 * judged by it.
 *
 * Handing over never waits: a broker drops what a slow reader does not take,
 * so the link's thread must go on reading.  A bound holds the memory.
 */
#ifndef LASTCALL_CONTROLLER_VERIFIER_H
#define LASTCALL_CONTROLLER_VERIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/answer.h"
#include "controller/news.h"
#include "protocol/io/mqtt.h"
#include "protocol/io/platform.h"
#include "protocol/topic.h"
#include "protocol/trust.h"

/* More threads than this would wait for the main thread. */
#define VERIFIER_THREAD_MAX 16
/* What a message that waits counts for bytes_max besides its own bytes. */
#define VERIFIER_MESSAGE_BYTES ((size_t)256)
/* Above bytes_max, for revocation lists alone. */
#define VERIFIER_REVOKED_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* What became of a message.  Owner: proof_free(). */
struct proof {
    struct topic_parts parts;
    bool is_retained;
    size_t bytes; /* that it takes, about */
    /* LASTCALL_OK, why it was refused, or LASTCALL_E_MISSING: an empty message,
     * which clears a status or an inventory that was retained */
    enum lastcall_status status;
    struct json_error why; /* may be "" */
    union {
        struct answer answer; /* owned; of a TOPIC_RESULT */
        struct news news;     /* owned; of the other kinds */
    } of;
};

/* NULL is fine. */
void proof_free(struct proof *proof);

struct verifier_options {
    const struct trust *trust;     /* copied */
    const struct name *controller; /* our name; copied */
    size_t thread_count;           /* 1 to VERIFIER_THREAD_MAX */
    size_t host_max;               /* whose grants are kept, about */
    size_t bytes_max;              /* of messages that wait, all in all */
    const struct clock *clock;     /* borrowed for the life */
    /*
     * Called with what a message proved to be; takes it over.  NULL: there
     * was no memory to tell.  It may wait: meanwhile no more of those hosts'
     * messages are opened, and what comes still counts for bytes_max.
     * Thread: of the pool; several at once.
     */
    void (*proved)(void *context, struct proof *proof);
    void *context;
};

struct verifier;

/*
 * Start the threads.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_KEY, LASTCALL_E_INTERNAL
 *         (no thread).
 * Owner:  verifier_close().
 */
LASTCALL_MUST_USE enum lastcall_status
verifier_open(const struct verifier_options *options, struct verifier **out);

/* Stop the threads and free; what was not yet judged is dropped, and proved()
 * is not called any more.  NULL is fine. */
void verifier_close(struct verifier *verifier);

/* Say whether messages of a kind are the verifier's: results, revocation
 * lists, and what news_open() opens. */
bool verifier_is_for(enum topic_kind kind);

/*
 * Pass over a kind of message from here on: verifier_submit() takes it and
 * nobody opens it.
 *
 * Thread: any.
 */
void verifier_pass_over(struct verifier *verifier, enum topic_kind kind);

/*
 * Hand a message over; it is copied.
 *
 *   parts    of a kind that verifier_is_for() (asserted); TOPIC_REVOKED is
 *            adopted by every thread and not told to proved()
 *   message  payload, len and retain are used
 *   session  becomes that of the news
 *
 * Returns LASTCALL_OK, LASTCALL_BUSY (bytes_max; it is dropped),
 *         LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 * Thread: one.
 */
LASTCALL_MUST_USE enum lastcall_status
verifier_submit(struct verifier *verifier, const struct topic_parts *parts,
                const struct mqtt_message *message, uint64_t session);

/* Say whether proved() has returned for all that was handed over. */
bool verifier_is_idle(struct verifier *verifier);

#endif
