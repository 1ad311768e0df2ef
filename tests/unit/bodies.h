/*
 * For the tests of bodies: claims out of a JSON text as though a signature
 * over them had been proved, and sessions out of JSON.
 */
#ifndef LASTCALL_TESTS_UNIT_BODIES_H
#define LASTCALL_TESTS_UNIT_BODIES_H

#include "tests/unit/case_lines.h"

#include <stdlib.h>

#include "protocol/token.h"

/* Parse an object; fails the test when it is none.  The caller decrefs. */
static inline json_t *bodies_json(const char *text)
{
    json_t *object = NULL;
    struct json_error error = {0};

    if (json_parse_object(text, strlen(text), &object, &error) != LASTCALL_OK)
        fail_msg("%s: %s", error.text, text);
    return object;
}

/* Claims as token_verify() would hand them over; takes the reference. */
static inline struct verified bodies_verified(enum token_type type,
                                              json_t *claims)
{
    struct verified verified = {.type = type, .claims = claims};
    const char *iss = json_string_value(json_object_get(claims, "iss"));
    const char *jti = json_string_value(json_object_get(claims, "jti"));

    (void)snprintf(verified.iss, sizeof(verified.iss), "%s",
                   iss != NULL ? iss : "");
    (void)snprintf(verified.jti, sizeof(verified.jti), "%s",
                   jti != NULL ? jti : "");
    verified.iat_s = json_integer_value(json_object_get(claims, "iat"));
    return verified;
}

static inline struct verified bodies_parse(enum token_type type,
                                           const char *text)
{
    return bodies_verified(type, bodies_json(text));
}

/* The compact text of a value, which is released; the caller frees. */
static inline char *bodies_text(json_t *value)
{
    struct bytes text;

    assert_non_null(value);
    bytes_init(&text, TOKEN_RESULT_BYTES_MAX);
    assert_int_equal(json_write(value, &text), LASTCALL_OK);
    json_decref(value);
    return bytes_take(&text);
}

#endif
