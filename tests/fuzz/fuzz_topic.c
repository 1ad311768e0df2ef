/*
 * Topics from a broker: what is parsed is one spelling of its parts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct topic_parts parts;
    struct topic again;
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (topic_parse("lastcall", text, &parts) == LASTCALL_OK) {
        topic_format("lastcall", &parts, &again);
        if (strcmp(again.text, text) != 0)
            abort();
    }
    free(text);
    return 0;
}
