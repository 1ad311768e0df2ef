#include "controller/verifier.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/gate.h"
#include "protocol/io/platform.h"

#define MS_PER_S 1000

/*
 * A message that waits.  A fleet's may wait at once, so it takes no more than
 * it needs: of its topic the names, each with its NUL, lie behind it, then what
 * was sent, and a NUL.
 */
struct job {
    struct job *next;
    enum topic_kind kind;
    bool is_retained;
    uint64_t session;
    size_t message_at; /* in bytes */
    size_t len;        /* of the message */
    char bytes[];
};

/* A thread and what waits for it. */
struct lane {
    struct verifier *verifier; /* borrowed */
    struct trust trust;        /* owned; the thread's alone */
    pthread_t thread;
    bool is_started;
    struct gate gate;  /* of everything below */
    struct job *first; /* owned */
    struct job **last;
    bool is_stopping;
};

struct verifier {
    struct verifier_options options;
    struct name controller;
    struct lane lanes[VERIFIER_THREAD_MAX];
    size_t lane_count; /* whose gates are made */
    pthread_mutex_t lock;
    size_t bytes;         /* guarded by lock: of messages that wait */
    size_t pending;       /* guarded by lock: handed over and not yet told */
    uint32_t passed_over; /* guarded by lock: set of enum topic_kind */
};

void proof_free(struct proof *proof)
{
    if (proof == NULL)
        return;
    if (proof->parts.kind == TOPIC_RESULT)
        answer_deinit(&proof->of.answer);
    else
        news_deinit(&proof->of.news);
    free(proof);
}

bool verifier_is_for(enum topic_kind kind)
{
    return kind == TOPIC_STATUS || kind == TOPIC_SESSIONS ||
           kind == TOPIC_EVENT || kind == TOPIC_RESULT || kind == TOPIC_REVOKED;
}

/* Only what is retained can be cleared. */
static bool can_be_cleared(enum topic_kind kind)
{
    return kind == TOPIC_STATUS || kind == TOPIC_SESSIONS;
}

static void give_back(struct verifier *verifier, size_t len)
{
    pthread_mutex_lock(&verifier->lock);
    verifier->bytes -= len + VERIFIER_MESSAGE_BYTES;
    verifier->pending--;
    pthread_mutex_unlock(&verifier->lock);
}

bool verifier_is_idle(struct verifier *verifier)
{
    bool is_idle = false;

    pthread_mutex_lock(&verifier->lock);
    is_idle = verifier->pending == 0;
    pthread_mutex_unlock(&verifier->lock);
    return is_idle;
}

/* A revocation list has room of its own: who judged without it would be
 * wrong. */
static bool take_room(struct verifier *verifier, enum topic_kind kind,
                      size_t len)
{
    const size_t more = kind == TOPIC_REVOKED ? VERIFIER_REVOKED_BYTES_MAX : 0;
    const size_t size = len + VERIFIER_MESSAGE_BYTES;
    bool has_room = false;

    pthread_mutex_lock(&verifier->lock);
    has_room = verifier->bytes + size <= verifier->options.bytes_max + more;
    if (has_room) {
        verifier->bytes += size;
        verifier->pending++;
    }
    pthread_mutex_unlock(&verifier->lock);
    return has_room;
}

static char *put_text(char *at, const char *text)
{
    const size_t size = strlen(text) + 1;

    memcpy(at, text, size);
    return at + size;
}

static const char *take_text(const char *at, char *out)
{
    const size_t size = strlen(at) + 1;

    memcpy(out, at, size);
    return at + size;
}

static struct job *job_new(const struct topic_parts *parts,
                           const struct mqtt_message *message, uint64_t session)
{
    const size_t names_size =
        strlen(parts->host.text) + strlen(parts->server.text) +
        strlen(parts->controller.text) + strlen(parts->request_id.text) + 4;
    struct job *job = malloc(sizeof *job + names_size + message->len + 1);
    char *at = NULL;

    if (job == NULL)
        return NULL;
    *job = (struct job){
        .kind = parts->kind,
        .is_retained = message->retain == MQTT_RETAINED,
        .session = session,
        .message_at = names_size,
        .len = message->len,
    };
    at = put_text(job->bytes, parts->host.text);
    at = put_text(at, parts->server.text);
    at = put_text(at, parts->controller.text);
    at = put_text(at, parts->request_id.text);
    if (job->len > 0)
        memcpy(at, message->payload, job->len);
    at[job->len] = '\0';
    return job;
}

/* The topic of a job; each name fits where it was taken from. */
static void job_parts(const struct job *job, struct topic_parts *out)
{
    const char *at = job->bytes;

    *out = (struct topic_parts){.kind = job->kind};
    at = take_text(at, out->host.text);
    at = take_text(at, out->server.text);
    at = take_text(at, out->controller.text);
    (void)take_text(at, out->request_id.text);
}

/* What was sent, borrowed. */
static struct bytes job_message(struct job *job)
{
    return (struct bytes){
        .data = (unsigned char *)job->bytes + job->message_at,
        .len = job->len,
        .capacity = job->len + 1,
        .max = job->len,
    };
}

/* About what a proof takes: lists are what may be large. */
static size_t size_of(const struct proof *proof, size_t message_len)
{
    size_t size = sizeof *proof + message_len;

    if (proof->status == LASTCALL_OK && proof->parts.kind == TOPIC_RESULT)
        size += proof->of.answer.result.session_count *
                sizeof *proof->of.answer.result.sessions;
    else if (proof->status == LASTCALL_OK)
        size += proof->of.news.inventory.sessions.count *
                sizeof *proof->of.news.inventory.sessions.items;
    return size;
}

/* Open a message with the lane's own trust; NULL when out of memory. */
static struct proof *prove(struct lane *lane, struct job *job)
{
    const struct verifier *verifier = lane->verifier;
    const struct clock *clock = verifier->options.clock;
    const int64_t now_ms = clock->wall_ms(clock->state);
    const struct bytes message = job_message(job);
    struct proof *proof = calloc(1, sizeof *proof);

    if (proof == NULL)
        return NULL;
    job_parts(job, &proof->parts);
    proof->is_retained = job->is_retained;
    if (job->len == 0 && can_be_cleared(job->kind))
        proof->status = LASTCALL_E_MISSING;
    else if (job->kind == TOPIC_RESULT)
        proof->status = answer_open(&lane->trust, &verifier->controller,
                                    &proof->parts, &message, now_ms / MS_PER_S,
                                    &proof->of.answer, &proof->why);
    else if (job->kind == TOPIC_EVENT && job->is_retained)
        proof->status = LASTCALL_E_RETAINED; /* long over, whoever kept it */
    else
        proof->status = news_open(&lane->trust, &proof->parts, &message, now_ms,
                                  &proof->of.news, &proof->why);
    if (proof->status == LASTCALL_OK && job->kind != TOPIC_RESULT)
        proof->of.news.session = job->session;
    proof->bytes = size_of(proof, job->len);
    return proof;
}

/* Judge one message, or adopt what judges the next. */
static void work_off(struct lane *lane, struct job *job)
{
    struct verifier *verifier = lane->verifier;
    const size_t len = job->len;
    struct proof *proof = NULL;

    if (job->kind == TOPIC_REVOKED) {
        enum lastcall_status status =
            trust_adopt_revocation(&lane->trust, job_message(job).data, len);

        (void)status; /* said by who gets the list as a message */
        free(job);
        give_back(verifier, len);
        return;
    }
    proof = prove(lane, job);
    free(job);
    verifier->options.proved(verifier->options.context, proof);
    give_back(verifier, len);
}

/* Wait for a message; NULL: the end. */
static struct job *next_job(struct lane *lane)
{
    struct job *job = NULL;

    gate_lock(&lane->gate);
    while (lane->first == NULL && !lane->is_stopping)
        gate_wait(&lane->gate, GATE_FOREVER_MS);
    if (!lane->is_stopping) {
        job = lane->first;
        lane->first = job->next;
        if (lane->first == NULL)
            lane->last = &lane->first;
    }
    gate_unlock(&lane->gate);
    return job;
}

static void *lane_run(void *argument)
{
    struct lane *lane = argument;
    struct job *job = NULL;

    while ((job = next_job(lane)) != NULL)
        work_off(lane, job);
    return NULL;
}

static enum lastcall_status lane_open(struct verifier *verifier,
                                      struct lane *lane)
{
    const struct verifier_options *options = &verifier->options;
    const size_t count = options->thread_count;
    /* Names fall unevenly on the threads; a fourth more is ample. */
    const size_t share = options->host_max / count * 5 / 4 + 1;
    enum lastcall_status status = gate_init(&lane->gate);

    if (status != LASTCALL_OK)
        return status;
    verifier->lane_count++;
    lane->verifier = verifier;
    lane->last = &lane->first;
    status = trust_init_like(&lane->trust, options->trust,
                             count == 1 ? options->host_max : share);
    if (status == LASTCALL_OK)
        status = gate_thread_start(&lane->thread, lane_run, lane);
    lane->is_started = status == LASTCALL_OK;
    return status;
}

enum lastcall_status verifier_open(const struct verifier_options *options,
                                   struct verifier **out)
{
    struct verifier *verifier = calloc(1, sizeof *verifier);
    enum lastcall_status status = LASTCALL_OK;

    assert(options->thread_count >= 1 &&
           options->thread_count <= VERIFIER_THREAD_MAX);
    *out = NULL;
    if (verifier == NULL)
        return LASTCALL_E_NOMEM;
    verifier->options = *options;
    verifier->controller = *options->controller;
    pthread_mutex_init(&verifier->lock, NULL);
    for (size_t i = 0; i < options->thread_count && status == LASTCALL_OK; i++)
        status = lane_open(verifier, &verifier->lanes[i]);
    if (status == LASTCALL_OK)
        *out = verifier;
    else
        verifier_close(verifier);
    return status;
}

/* Begin the end of every thread, then wait: they stop side by side. */
void verifier_close(struct verifier *verifier)
{
    if (verifier == NULL)
        return;
    for (size_t i = 0; i < verifier->lane_count; i++) {
        struct lane *lane = &verifier->lanes[i];

        gate_lock(&lane->gate);
        lane->is_stopping = true;
        gate_unlock(&lane->gate);
        gate_signal(&lane->gate);
    }
    for (size_t i = 0; i < verifier->lane_count; i++) {
        struct lane *lane = &verifier->lanes[i];

        if (lane->is_started)
            pthread_join(lane->thread, NULL);
        while (lane->first != NULL) {
            struct job *job = lane->first;

            lane->first = job->next;
            free(job);
        }
        trust_deinit(&lane->trust);
        gate_deinit(&lane->gate);
    }
    pthread_mutex_destroy(&verifier->lock);
    free(verifier);
}

static enum lastcall_status enqueue(struct lane *lane,
                                    const struct topic_parts *parts,
                                    const struct mqtt_message *message,
                                    uint64_t session)
{
    const size_t len = message->len;
    struct verifier *verifier = lane->verifier;
    struct job *job = NULL;
    bool was_idle = false;

    if (!take_room(verifier, parts->kind, len))
        return LASTCALL_BUSY;
    job = job_new(parts, message, session);
    if (job == NULL) {
        give_back(verifier, len);
        return LASTCALL_E_NOMEM;
    }
    gate_lock(&lane->gate);
    was_idle = lane->first == NULL;
    *lane->last = job;
    lane->last = &job->next;
    gate_unlock(&lane->gate);
    if (was_idle)
        gate_signal(&lane->gate);
    return LASTCALL_OK;
}

/* The lane of a host: FNV-1a over its name. */
static struct lane *lane_of(struct verifier *verifier, const struct name *host)
{
    uint32_t hash = 2166136261u;

    for (const char *at = host->text; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return &verifier->lanes[hash % verifier->lane_count];
}

void verifier_pass_over(struct verifier *verifier, enum topic_kind kind)
{
    pthread_mutex_lock(&verifier->lock);
    verifier->passed_over |= UINT32_C(1) << kind;
    pthread_mutex_unlock(&verifier->lock);
}

static bool is_passed_over(struct verifier *verifier, enum topic_kind kind)
{
    uint32_t kinds = 0;

    pthread_mutex_lock(&verifier->lock);
    kinds = verifier->passed_over;
    pthread_mutex_unlock(&verifier->lock);
    return (kinds >> kind & 1) != 0;
}

enum lastcall_status verifier_submit(struct verifier *verifier,
                                     const struct topic_parts *parts,
                                     const struct mqtt_message *message,
                                     uint64_t session)
{
    enum lastcall_status status = LASTCALL_OK;

    assert(verifier_is_for(parts->kind));
    if (message->len > TOKEN_RESULT_BYTES_MAX ||
        (parts->kind == TOPIC_REVOKED &&
         message->len > TOKEN_COMMAND_BYTES_MAX))
        return LASTCALL_E_TOO_LARGE;
    if (is_passed_over(verifier, parts->kind))
        return LASTCALL_OK;
    if (parts->kind != TOPIC_REVOKED)
        return enqueue(lane_of(verifier, &parts->host), parts, message,
                       session);
    for (size_t i = 0; i < verifier->lane_count; i++) {
        enum lastcall_status one =
            enqueue(&verifier->lanes[i], parts, message, session);

        if (status == LASTCALL_OK)
            status = one;
    }
    return status;
}
