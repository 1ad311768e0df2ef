#include "protocol/io/log.h"

#include <windows.h>

static void write_line(intptr_t target, enum log_level level, const char *line,
                       size_t len)
{
    (void)level;
    while (len > 0) {
        DWORD put = 0;

        if (!WriteFile((HANDLE)target, line, (DWORD)len, &put, NULL) ||
            put == 0)
            return;
        line += put;
        len -= put;
    }
}

/* Lines are UTF-8, and a console shows them when its code page is. */
struct log *log_open(enum log_level level)
{
    const struct log_sink sink = {
        .form = LOG_FORM_TIMED,
        .write = write_line,
        .target = (intptr_t)GetStdHandle(STD_ERROR_HANDLE),
    };

    return log_open_sink(level, &sink, &platform_clock);
}
