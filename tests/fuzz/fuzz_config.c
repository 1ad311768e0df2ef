/*
 * Configuration files: whatever comes is read or refused with a sentence, and
 * numbers that were read are within their bounds.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/config_example.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int is_true)
{
    if (!is_true)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct example example;
    struct config_error error;
    enum lastcall_status status =
        example_read((const char *)data, size, &example, &error);

    if (status == LASTCALL_OK) {
        check(example.main.expiry_s >= 1 && example.main.expiry_s <= 86400);
        check(example.main.pause_ms >= 0 && example.main.pause_ms <= 60000);
        check(example.main.count >= -10 && example.main.count <= 100);
        check(example.server_count <= EXAMPLE_SERVER_COUNT);
        check(error.text[0] == '\0');
    } else if (status == LASTCALL_E_CONFIG) {
        check(error.text[0] != '\0');
    } else {
        check(status == LASTCALL_E_NOMEM);
    }
    example_deinit(&example);
    return 0;
}
