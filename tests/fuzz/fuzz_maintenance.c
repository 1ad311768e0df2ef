/*
 * Maintenance plans from controllers whose signature holds: decoding ends, and
 * what was decoded is written so that it decodes to the same.
 */
#include "protocol/maintenance.h"
#include "tests/fuzz/claims.h"

static void try_again(const struct command_claims *around,
                      const struct maintenance *plan)
{
    struct verified verified = {.type = TOKEN_MAINTENANCE};
    struct maintenance again;
    char *once = claims_text(maintenance_encode("controller:a", around, plan));
    char *twice = NULL;

    if (once != NULL && json_parse_object(once, strlen(once), &verified.claims,
                                          NULL) == LASTCALL_OK) {
        if (maintenance_decode(&verified, &again, NULL) == LASTCALL_OK) {
            twice =
                claims_text(maintenance_encode("controller:a", around, &again));
            check(twice == NULL || strcmp(once, twice) == 0);
        }
        maintenance_deinit(&again);
    }
    verified_deinit(&verified);
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verified verified;
    struct command_claims claims = {0};
    struct maintenance plan;
    struct session session = {0};
    struct json_error error;

    if (claims_of(TOKEN_MAINTENANCE, data, size, &verified)) {
        (void)!command_decode(&verified, &claims, &error);
        if (maintenance_decode(&verified, &plan, &error) == LASTCALL_OK) {
            (void)!maintenance_check_times(&claims, &plan, 1763712000, 30,
                                           &error);
            (void)filter_match(&plan.where, &session);
            for (size_t i = 1; i < plan.warn_count; i++)
                check(plan.warn_s[i] < plan.warn_s[i - 1]);
            check(plan.ends_ms >= plan.starts_ms);
            try_again(&claims, &plan);
        } else {
            check(plan.message == NULL && plan.where.nodes == NULL);
        }
        maintenance_deinit(&plan);
    }
    verified_deinit(&verified);
    return 0;
}
