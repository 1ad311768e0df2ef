#include "protocol/io/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * systemd's rule: JOURNAL_STREAM holds device and inode of the stream, so that
 * a program whose output was redirected since can tell.
 */
static bool is_journal_stream(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat info;

    if (stream == NULL || fstat(fd, &info) != 0)
        return false;
    snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)info.st_dev,
             (uintmax_t)info.st_ino);
    return strcmp(stream, ours) == 0;
}

static void write_line(intptr_t target, enum log_level level, const char *line,
                       size_t len)
{
    (void)level;
    while (len > 0) {
        ssize_t put = write((int)target, line, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return;
        line += put;
        len -= (size_t)put;
    }
}

struct log *log_open(enum log_level level)
{
    const struct log_sink sink = {
        .form = is_journal_stream(STDERR_FILENO) ? LOG_FORM_PRIORITY
                                                 : LOG_FORM_TIMED,
        .write = write_line,
        .target = STDERR_FILENO,
    };

    return log_open_sink(level, &sink, &platform_clock);
}

struct log *log_open_service(enum log_level level)
{
    return log_open(level);
}
