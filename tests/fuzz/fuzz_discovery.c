/*
 * Discovery payloads that a broker has retained: whatever stands there, only
 * what is gone is added to what follows, and only ever to a whole payload.
 */
#include <stdint.h>
#include <stdlib.h>

#include "controller/home_discovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bridge_config config = {.fleet = {"lastcall"}};
    static const struct home_host host = {.name = {"media-01"}};
    struct bytes next;
    struct bytes out;

    bytes_init(&next, HOME_DISCOVERY_BYTES_MAX);
    bytes_init(&out, HOME_DISCOVERY_BYTES_MAX);
    if (home_discovery_host(&config, &host, &next) == LASTCALL_OK &&
        home_discovery_retire(data, size, &next, &out) == LASTCALL_OK &&
        out.len > 0 && out.len <= next.len)
        abort();
    bytes_deinit(&next);
    bytes_deinit(&out);
    return 0;
}
