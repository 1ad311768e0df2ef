#include "protocol/io/platform.h"

#include <stdarg.h>
#include <stdio.h>

#define RANDOM_ID_BYTES 16

void platform_explain(struct platform_error *error, const char *format, ...)
{
    va_list arguments;

    if (error == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
}

enum lastcall_status platform_random_id(struct request_id *out)
{
    enum lastcall_status status;
    unsigned char raw[RANDOM_ID_BYTES];
    struct bytes text;

    *out = (struct request_id){0};
    bytes_init(&text, REQUEST_ID_LEN_MAX);
    status = platform_random(raw, sizeof(raw));
    if (status != LASTCALL_OK)
        goto out;
    status = bytes_append_base64url(&text, raw, sizeof(raw));
    if (status != LASTCALL_OK)
        goto out;
    status = request_id_parse((const char *)text.data, text.len, out);

out:
    bytes_deinit(&text);
    return status;
}

uint32_t platform_random_below(uint32_t bound)
{
    uint32_t value = 0;
    uint32_t unfair; /* so many low values would make the rest more likely */

    if (bound == 0)
        return 0;
    unfair = (UINT32_MAX - bound + 1) % bound;
    do {
        /* Only jitter is made of this: a clock will do where all fails. */
        if (platform_random(&value, sizeof(value)) != LASTCALL_OK)
            return (uint32_t)platform_clock.monotonic_ms(platform_clock.state) %
                   bound;
    } while (value < unfair);
    return value % bound;
}
