#include "protocol/io/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/io/gate.h"
#include "protocol/moment.h"

#define EVENT_SIZE 40
/* For a level's name and what goes around it. */
#define HEAD_ROOM 16

/* One event id's repeats within a window. */
struct repeat {
    char event[EVENT_SIZE]; /* "" when free */
    enum log_level level;
    int64_t since_ms; /* monotonic */
    unsigned passed;
    unsigned held;
};

struct log {
    struct log_sink sink;
    const struct clock *clock; /* borrowed */
    enum log_level level;
    struct gate gate; /* guards what follows, and keeps lines whole */
    struct repeat repeats[LOG_EVENT_COUNT_MAX];
};

static const struct {
    const char *name;
    int priority; /* syslog's */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARN] = {"warn", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

struct log *log_open_sink(enum log_level level, const struct log_sink *sink,
                          const struct clock *clock)
{
    struct log *log = calloc(1, sizeof(*log));

    if (log == NULL)
        return NULL;
    if (gate_init(&log->gate) != LASTCALL_OK) {
        free(log);
        return NULL;
    }
    log->sink = *sink;
    log->clock = clock;
    log->level = level;
    return log;
}

enum lastcall_status log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *out = (enum log_level)i;
            return LASTCALL_OK;
        }
    }
    return LASTCALL_E_SYNTAX;
}

/*
 * Make a line harmless to a terminal and to whoever splits it: C0 controls,
 * DEL and the C1 controls (C2 80 to C2 9F) become spaces, bytes that are not
 * UTF-8 question marks.
 */
static void make_harmless(char *text, size_t len)
{
    bool is_utf8 = bytes_is_utf8(text, len);

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned char next = (unsigned char)(i + 1 < len ? text[i + 1] : 0);

        if (c < 0x20 || c == 0x7f) {
            text[i] = ' ';
        } else if (!is_utf8 && c >= 0x80) {
            text[i] = '?';
        } else if (c == 0xc2 && next < 0xa0) {
            text[i] = ' ';
            text[i + 1] = ' ';
        }
    }
}

/* Cut an overlong line where no character is split. */
static size_t mark_cut(char *line, size_t size)
{
    static const char mark[] = "...";
    size_t len = size - sizeof(mark);

    while (len > 0 && ((unsigned char)line[len] & 0xc0) == 0x80)
        len--;
    memcpy(line + len, mark, sizeof(mark));
    return len + sizeof(mark) - 1;
}

/* What stands before the event's id, by the sink's form. */
static void write_head(const struct log *log, enum log_level level, char *head,
                       size_t size)
{
    char stamp[MOMENT_TEXT_SIZE];

    head[0] = '\0';
    switch (log->sink.form) {
    case LOG_FORM_TIMED:
        moment_format(log->clock->wall_ms(log->clock->state), stamp);
        snprintf(head, size, "%s %s ", stamp, levels[level].name);
        break;
    case LOG_FORM_PRIORITY:
        snprintf(head, size, "<%d>%s ", levels[level].priority,
                 levels[level].name);
        break;
    case LOG_FORM_BARE:
        break;
    }
}

static void emit(struct log *log, enum log_level level, const char *event,
                 const char *text)
{
    char line[LOG_LINE_BYTES_MAX + 1];
    char head[MOMENT_TEXT_SIZE + HEAD_ROOM];
    int made;
    size_t len;

    write_head(log, level, head, sizeof(head));
    made = snprintf(line, sizeof(line), "%s%s %s", head, event, text);
    if (made < 0)
        return;
    len = (size_t)made;
    /* The last byte is for the line's end. */
    if (len > LOG_LINE_BYTES_MAX - 1)
        len = mark_cut(line, LOG_LINE_BYTES_MAX);
    make_harmless(line, len);
    if (log->sink.form != LOG_FORM_BARE)
        line[len++] = '\n';
    line[len] = '\0';
    log->sink.write(log->sink.target, level, line, len);
}

/* End an event's window, telling what it held back. */
static void end_window(struct log *log, struct repeat *repeat)
{
    char text[96];

    if (repeat->held > 0) {
        snprintf(text, sizeof(text),
                 "%u more of this event were held back in the last minute",
                 repeat->held);
        emit(log, repeat->level, repeat->event, text);
    }
    *repeat = (struct repeat){0};
}

/* The entry that can best be given to another event: a free or the oldest. */
static struct repeat *find_oldest(struct log *log)
{
    struct repeat *oldest = &log->repeats[0];

    for (size_t i = 0; i < LOG_EVENT_COUNT_MAX; i++) {
        struct repeat *entry = &log->repeats[i];

        if (entry->event[0] == '\0')
            return entry;
        if (entry->since_ms < oldest->since_ms)
            oldest = entry;
    }
    return oldest;
}

/* Find an event's entry, or make one. */
static struct repeat *find_repeat(struct log *log, const char *event,
                                  int64_t now_ms)
{
    struct repeat *entry;

    for (size_t i = 0; i < LOG_EVENT_COUNT_MAX; i++)
        if (strcmp(log->repeats[i].event, event) == 0)
            return &log->repeats[i];
    entry = find_oldest(log);
    end_window(log, entry);
    snprintf(entry->event, sizeof(entry->event), "%s", event);
    entry->since_ms = now_ms;
    return entry;
}

/* Tell of what was held back, as soon as its minute is over. */
static void end_old_windows(struct log *log, int64_t now_ms)
{
    for (size_t i = 0; i < LOG_EVENT_COUNT_MAX; i++) {
        struct repeat *entry = &log->repeats[i];

        if (entry->event[0] != '\0' &&
            now_ms - entry->since_ms >= LOG_REPEAT_WINDOW_MS)
            end_window(log, entry);
    }
}

/* Count a line of an event; says whether it may be written. */
static bool count_repeat(struct log *log, enum log_level level,
                         const char *event, int64_t now_ms)
{
    char key[EVENT_SIZE]; /* as long as an entry keeps it */
    struct repeat *entry;

    snprintf(key, sizeof(key), "%s", event);
    entry = find_repeat(log, key, now_ms);
    entry->level = level;
    if (entry->passed == LOG_REPEAT_MAX) {
        entry->held++;
        return false;
    }
    entry->passed++;
    return true;
}

void log_write(struct log *log, enum log_level level, enum log_repeat repeat,
               const char *event, const char *format, ...)
{
    char text[LOG_LINE_BYTES_MAX];
    int64_t now_ms;
    va_list arguments;

    if (log == NULL || level > log->level)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    gate_lock(&log->gate);
    now_ms = log->clock->monotonic_ms(log->clock->state);
    end_old_windows(log, now_ms);
    if (repeat == LOG_EVERY || count_repeat(log, level, event, now_ms))
        emit(log, level, event, text);
    gate_unlock(&log->gate);
}

void log_close(struct log *log)
{
    if (log == NULL)
        return;
    for (size_t i = 0; i < LOG_EVENT_COUNT_MAX; i++)
        end_window(log, &log->repeats[i]);
    gate_deinit(&log->gate);
    if (log->sink.close != NULL)
        log->sink.close(log->sink.target);
    free(log);
}
