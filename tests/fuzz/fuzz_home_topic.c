/*
 * Topics from a home's broker: what is parsed is one spelling of its parts,
 * and no device's id is another's.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/home_topic.h"

#define PREFIX "homeassistant"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct home_topic parts;
    struct name host;
    struct topic again;
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (home_topic_parse("lastcall", text, &parts) == LASTCALL_OK) {
        home_topic_format("lastcall", &parts, &again);
        if (strcmp(again.text, text) != 0)
            abort();
    }
    if (home_discovery_topic_parse(PREFIX, "last.call", text, &host) ==
        LASTCALL_OK) {
        home_discovery_topic_format(PREFIX, "last.call", &host, &again);
        if (strcmp(again.text, text) != 0)
            abort();
    }
    free(text);
    return 0;
}
