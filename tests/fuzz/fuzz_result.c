/*
 * Results, inventories, events and statuses from workers whose signature
 * holds: decoding ends, and encoding what was decoded is stable.
 */
#include "protocol/presence.h"
#include "protocol/result.h"
#include "tests/fuzz/claims.h"

#define JTI "AAAAAAAAAAAAAAAA"

static void compare(char *once, char *twice)
{
    check(once == NULL || twice == NULL || strcmp(once, twice) == 0);
    free(once);
    free(twice);
}

static void try_result(const struct verified *verified)
{
    struct result_claims claims;
    struct result result;
    struct json_error error;
    struct verified next = *verified;

    if (result_decode(verified, &claims, &result, &error) == LASTCALL_OK) {
        next.claims = result_encode(&claims, JTI, &result);
        char *once = claims_text(json_incref(next.claims));
        struct result again = {0};

        if (next.claims != NULL &&
            result_decode(&next, &claims, &again, &error) == LASTCALL_OK)
            compare(once, claims_text(result_encode(&claims, JTI, &again)));
        else
            free(once);
        result_deinit(&again);
        json_decref(next.claims);
        result_tally(&result);
    }
    result_deinit(&result);
}

static void try_inventory(const struct verified *verified)
{
    struct inventory inventory;
    struct inventory again = {0};
    struct verified next = *verified;

    if (inventory_decode(verified, &inventory, NULL) == LASTCALL_OK) {
        next.claims = inventory_encode("host:a", 1, JTI, &inventory);
        if (next.claims != NULL &&
            inventory_decode(&next, &again, NULL) == LASTCALL_OK)
            compare(claims_text(json_incref(next.claims)),
                    claims_text(inventory_encode("host:a", 1, JTI, &again)));
        json_decref(next.claims);
    }
    inventory_deinit(&inventory);
    inventory_deinit(&again);
}

static void try_event(const struct verified *verified)
{
    struct event event;

    if (event_decode(verified, &event, NULL) == LASTCALL_OK)
        json_decref(event_encode("host:a", 1, JTI, &event));
    event_deinit(&event);
}

static void try_status(const struct verified *verified)
{
    struct host_status status;
    struct host_status again = {0};
    struct verified next = *verified;

    if (host_status_decode(verified, &status, NULL) == LASTCALL_OK) {
        next.claims = host_status_encode("host:a", 1, JTI, &status);
        if (next.claims != NULL &&
            host_status_decode(&next, &again, NULL) == LASTCALL_OK)
            compare(claims_text(json_incref(next.claims)),
                    claims_text(host_status_encode("host:a", 1, JTI, &again)));
        json_decref(next.claims);
    }
    host_status_deinit(&status);
    host_status_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verified verified;

    if (claims_of(TOKEN_RESULT, data, size, &verified)) {
        try_result(&verified);
        try_inventory(&verified);
        try_event(&verified);
        try_status(&verified);
    }
    verified_deinit(&verified);
    return 0;
}
