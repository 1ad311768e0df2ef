/*
 * For fuzz targets of bodies: the input as the claims of a token whose
 * signature was proved.
 */
#ifndef LASTCALL_TESTS_FUZZ_CLAIMS_H
#define LASTCALL_TESTS_FUZZ_CLAIMS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void check(int is_true)
{
    if (!is_true)
        abort();
}

/* False when the input is no object; else the caller deinits *out. */
static inline int claims_of(enum token_type type, const uint8_t *data,
                            size_t size, struct verified *out)
{
    const char *text = NULL;

    *out = (struct verified){.type = type};
    if (json_parse_object(data, size, &out->claims, NULL) != LASTCALL_OK)
        return 0;
    if (json_get_text(out->claims, "iss", JSON_OPTIONAL, TOKEN_ISSUER_SIZE - 1,
                      &text, NULL) == LASTCALL_OK &&
        text != NULL)
        (void)snprintf(out->iss, sizeof(out->iss), "%s", text);
    text = NULL;
    if (json_get_text(out->claims, "jti", JSON_OPTIONAL, TOKEN_ID_SIZE - 1,
                      &text, NULL) == LASTCALL_OK &&
        text != NULL)
        (void)snprintf(out->jti, sizeof(out->jti), "%s", text);
    if (json_get_integer(out->claims, "iat", JSON_OPTIONAL, INT64_MIN,
                         INT64_MAX, &out->iat_s, NULL) != LASTCALL_OK)
        out->iat_s = 0;
    return 1;
}

/* The compact text of a value, which is released; NULL when out of memory. */
static inline char *claims_text(json_t *value)
{
    struct bytes text;

    bytes_init(&text, TOKEN_RESULT_BYTES_MAX * 2);
    if (value == NULL || json_write(value, &text) != LASTCALL_OK)
        bytes_deinit(&text);
    json_decref(value);
    return bytes_take(&text);
}

#endif
