/*
 * The published test vectors (tests/vectors/vectors.json): every token is
 * taken through the steps that its kind goes through in the programs, and the
 * verdict must be the one in the index.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/maintenance.h"
#include "protocol/presence.h"
#include "protocol/request.h"
#include "protocol/result.h"
#include "protocol/token.h"
#include "protocol/trust.h"

#define VECTOR_DIR TEST_SOURCE_DIR "/vectors/"
#define FILE_BYTES_MAX (1024u * 1024u)
#define CACHE_MAX 4
#define CASE_COUNT_MAX 10000

/* The index; its members are borrowed from document. */
struct vectors {
    json_t *document;
    json_t *cases;
    json_t *root;
    const char *fleet;
    int64_t skew_s;
    int64_t lifetime_max_s;
};

/* One case of it, with a trust of its own. */
struct vector {
    const struct vectors *all;
    const char *name;
    const char *kind;
    const char *file;
    const char *verdict;
    const char *audience;   /* of commands and plans */
    const char *revocation; /* may be NULL */
    int64_t now_s;
    bool proved;
    struct trust trust;
};

/* How far a token came. */
struct outcome {
    enum lastcall_status status;
    bool proved;
};

static void read_file(const char *name, struct bytes *out)
{
    char path[1024];
    char chunk[4096];
    size_t got;
    FILE *file;

    (void)snprintf(path, sizeof(path), VECTOR_DIR "%s", name);
    bytes_init(out, FILE_BYTES_MAX);
    file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
        assert_int_equal(bytes_append(out, chunk, got), LASTCALL_OK);
    (void)fclose(file);
    while (out->len > 0 && out->data[out->len - 1] == '\n')
        out->len--;
}

static const char *text_of(const json_t *object, const char *name,
                           enum json_presence presence)
{
    const char *text = NULL;

    assert_int_equal(
        json_get_text(object, name, presence, FILE_BYTES_MAX, &text, NULL),
        LASTCALL_OK);
    return text;
}

static int64_t integer_of(const json_t *object, const char *name)
{
    int64_t value = 0;

    assert_int_equal(json_get_integer(object, name, JSON_REQUIRED, 0, INT64_MAX,
                                      &value, NULL),
                     LASTCALL_OK);
    return value;
}

static void vectors_open(struct vectors *out)
{
    struct bytes text;

    read_file("vectors.json", &text);
    *out = (struct vectors){0};
    assert_int_equal(
        json_parse_object(text.data, text.len, &out->document, NULL),
        LASTCALL_OK);
    bytes_deinit(&text);
    assert_int_equal(json_get_array(out->document, "cases", JSON_REQUIRED,
                                    CASE_COUNT_MAX, &out->cases, NULL),
                     LASTCALL_OK);
    assert_int_equal(
        json_get_object(out->document, "root", JSON_REQUIRED, &out->root, NULL),
        LASTCALL_OK);
    out->fleet = text_of(out->document, "fleet", JSON_REQUIRED);
    out->skew_s = integer_of(out->document, "skew_s");
    out->lifetime_max_s = integer_of(out->document, "lifetime_max_s");
}

static void adopt_revocation(struct vector *vector)
{
    struct bytes text;

    read_file(vector->revocation, &text);
    assert_int_equal(
        trust_adopt_revocation(&vector->trust, text.data, text.len),
        LASTCALL_OK);
    bytes_deinit(&text);
}

static void vector_open(const struct vectors *all, const json_t *item,
                        struct vector *out)
{
    struct name fleet;
    struct key root;

    *out = (struct vector){0};
    out->all = all;
    out->name = text_of(item, "name", JSON_REQUIRED);
    out->kind = text_of(item, "kind", JSON_REQUIRED);
    out->file = text_of(item, "file", JSON_REQUIRED);
    out->verdict = text_of(item, "verdict", JSON_REQUIRED);
    out->audience = text_of(item, "audience", JSON_OPTIONAL);
    out->revocation = text_of(item, "revocation", JSON_OPTIONAL);
    out->now_s = integer_of(item, "now");
    assert_int_equal(
        json_get_bool(item, "proved", JSON_REQUIRED, &out->proved, NULL),
        LASTCALL_OK);
    assert_int_equal(name_parse(all->fleet, strlen(all->fleet), &fleet),
                     LASTCALL_OK);
    assert_int_equal(key_from_jwk(all->root, &root), LASTCALL_OK);
    assert_int_equal(
        trust_init(&out->trust, &fleet, &root, all->skew_s, CACHE_MAX),
        LASTCALL_OK);
    if (out->revocation != NULL)
        adopt_revocation(out);
}

/* Ask the permit as a host with one Plex server would. */
static enum lastcall_status check_permit(const struct grant *grant,
                                         const struct address *audience,
                                         const struct request *request)
{
    struct permit_question question = {0};
    struct permit_answer answer;

    question.action = request->action;
    question.audience = audience;
    if (request->action != ACTION_PING)
        question.backends = BACKEND_BIT(BACKEND_PLEX);
    if (request->reason != NULL)
        question.given |= PERMIT_REQUIRE_REASON;
    if (request->has_where)
        question.given |= PERMIT_REQUIRE_WHERE;
    if (request->limit != REQUEST_LIMIT_NONE)
        question.given |= PERMIT_REQUIRE_LIMIT;
    return grant_permits(grant, &question, &answer);
}

/* What is left to check of a command when its signature holds. */
static enum lastcall_status check_command(const struct vector *vector,
                                          const struct verified *verified,
                                          const struct grant *grant)
{
    enum lastcall_status status;
    struct command_claims claims;
    struct request request = {0};
    struct address audience;
    struct json_error error;

    status = command_decode(verified, &claims, &error);
    if (status != LASTCALL_OK)
        return status;
    assert_int_equal(address_parse(vector->audience, &audience), LASTCALL_OK);
    if (!address_is_equal(&audience, &claims.audience))
        return LASTCALL_INVALID_REQUEST;
    status = command_check_times(&claims, vector->now_s, vector->all->skew_s,
                                 vector->all->lifetime_max_s, &error);
    if (status != LASTCALL_OK)
        return status;
    status = request_decode(verified, &request, &error);
    if (status == LASTCALL_OK)
        status = check_permit(grant, &audience, &request);
    request_deinit(&request);
    return status;
}

/* The same of a maintenance plan. */
static enum lastcall_status check_plan(const struct vector *vector,
                                       const struct verified *verified)
{
    enum lastcall_status status;
    struct command_claims claims;
    struct maintenance plan = {0};
    struct address audience;
    struct json_error error;

    status = command_decode(verified, &claims, &error);
    if (status != LASTCALL_OK)
        return status;
    assert_int_equal(address_parse(vector->audience, &audience), LASTCALL_OK);
    if (!address_is_equal(&audience, &claims.audience))
        return LASTCALL_INVALID_REQUEST;
    status = maintenance_decode(verified, &plan, &error);
    if (status == LASTCALL_OK)
        status = maintenance_check_times(&claims, &plan, vector->now_s,
                                         vector->all->skew_s, &error);
    maintenance_deinit(&plan);
    return status;
}

static enum lastcall_status read_result(const struct verified *verified)
{
    enum lastcall_status status;
    struct result_claims claims;
    struct result result = {0};
    struct json_error error;

    status = result_decode(verified, &claims, &result, &error);
    result_deinit(&result);
    return status;
}

static enum lastcall_status read_presence(const char *kind,
                                          const struct verified *verified)
{
    enum lastcall_status status;
    struct inventory inventory = {0};
    struct event event = {0};
    struct host_status host = {0};
    struct json_error error;

    if (strcmp(kind, "sessions") == 0)
        status = inventory_decode(verified, &inventory, &error);
    else if (strcmp(kind, "event") == 0)
        status = event_decode(verified, &event, &error);
    else
        status = host_status_decode(verified, &host, &error);
    inventory_deinit(&inventory);
    event_deinit(&event);
    host_status_deinit(&host);
    return status;
}

static bool has_type(const struct token *token, const char *kind)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "lastcall-%s+jwt", kind);
    return strcmp(name, token_type_name(token->type)) == 0;
}

/* Who may sign tokens of a type. */
static enum subject_kind speaker_of(enum token_type type)
{
    return type == TOKEN_COMMAND || type == TOKEN_MAINTENANCE
               ? SUBJECT_CONTROLLER
               : SUBJECT_HOST;
}

/* All steps for one token of a party. */
static struct outcome walk(struct vector *vector, const struct bytes *text)
{
    struct outcome outcome = {LASTCALL_E_INTERNAL, false};
    struct token token = {0};
    struct verified verified = {0};
    const struct grant *grant = NULL;
    struct json_error error;

    outcome.status = token_decode(text->data, text->len, &token);
    if (outcome.status != LASTCALL_OK)
        goto out;
    if (!has_type(&token, vector->kind)) {
        outcome.status = LASTCALL_E_TYPE;
        goto out;
    }
    outcome.status = trust_verify(&vector->trust, &token, vector->now_s,
                                  &verified, &grant, &error);
    if (outcome.status != LASTCALL_OK)
        goto out;
    if (grant->kind != speaker_of(token.type)) {
        outcome.status = LASTCALL_E_GRANT;
        goto out;
    }
    outcome.proved = true;
    if (strcmp(vector->kind, "command") == 0)
        outcome.status = check_command(vector, &verified, grant);
    else if (strcmp(vector->kind, "maintenance") == 0)
        outcome.status = check_plan(vector, &verified);
    else if (strcmp(vector->kind, "result") == 0)
        outcome.status = read_result(&verified);
    else
        outcome.status = read_presence(vector->kind, &verified);

out:
    verified_deinit(&verified);
    token_deinit(&token);
    return outcome;
}

static struct outcome walk_revocation(struct vector *vector,
                                      const struct bytes *text)
{
    struct outcome outcome = {0};

    outcome.status =
        trust_adopt_revocation(&vector->trust, text->data, text->len);
    outcome.proved = outcome.status == LASTCALL_OK;
    return outcome;
}

static bool holds(struct vector *vector)
{
    struct outcome outcome;
    struct bytes text;
    bool as_told;

    read_file(vector->file, &text);
    if (strcmp(vector->kind, "revocation") == 0)
        outcome = walk_revocation(vector, &text);
    else
        outcome = walk(vector, &text);
    bytes_deinit(&text);
    as_told = strcmp(status_name(outcome.status), vector->verdict) == 0 &&
              outcome.proved == vector->proved;
    if (!as_told)
        print_error("%s: %s%s, but the index says %s%s\n", vector->name,
                    status_name(outcome.status),
                    outcome.proved ? " (proved)" : "", vector->verdict,
                    vector->proved ? " (proved)" : "");
    return as_told;
}

/* holds 2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.7, 2.8, 2.9, 2.11 */
/* holds 3.2, 3.3, 3.4, 3.5, 3.7, 4.2, 4.3, 4.4, 4.6, 4.8, 4.9, 4.10 */
/* holds 5.1, 5.3, 5.7, 5.13, 5.14, 8.1, 8.2, 8.3, 8.4 */
static void test_every_verdict_holds(void **state)
{
    struct vectors all;
    struct vector vector;
    size_t wrong = 0;

    (void)state;
    vectors_open(&all);
    assert_true(json_array_size(all.cases) > 100);
    for (size_t i = 0; i < json_array_size(all.cases); i++) {
        vector_open(&all, json_array_get(all.cases, i), &vector);
        if (!holds(&vector))
            wrong++;
        trust_deinit(&vector.trust);
    }
    json_decref(all.document);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_verdict_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
