#include "tests/unit/mqtt_link_suite.h"

const struct mqtt_link_ops *const mqtt_link_under_test = &mqtt_paho_ops;

/* Debian's build of paho counts what it allocates; not every build does. */
struct paho_heap {
    size_t held_bytes;
    size_t most_bytes;
};
struct paho_heap *Heap_get_info(void) __attribute__((weak));

size_t mqtt_link_held_bytes(void)
{
    return Heap_get_info != NULL ? Heap_get_info()->held_bytes : 0;
}
