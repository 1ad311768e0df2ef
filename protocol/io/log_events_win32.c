#include "protocol/io/log_events_win32.h"

#include <stdlib.h>
#include <windows.h>

#include "protocol/io/log.h"
#include "protocol/io/wide_win32.h"

static const struct {
    WORD type;
    DWORD id;
} events[] = {
    [LOG_LEVEL_ERROR] = {EVENTLOG_ERROR_TYPE, LOG_EVENT_ERROR},
    [LOG_LEVEL_WARN] = {EVENTLOG_WARNING_TYPE, LOG_EVENT_WARN},
    [LOG_LEVEL_INFO] = {EVENTLOG_INFORMATION_TYPE, LOG_EVENT_INFO},
};

/*
 * A '%' before a digit becomes a sign of the same look.
 * Source: ReportEventW(), lpStrings: a string must not hold %n, because the
 *         viewer takes it for an insertion string (of IPv6 addresses, say).
 */
static void hide_insertions(wchar_t *text)
{
    for (; *text != L'\0'; text++)
        if (text[0] == L'%' && text[1] >= L'0' && text[1] <= L'9')
            text[0] = L'\uFF05';
}

static void write_event(intptr_t target, enum log_level level, const char *line,
                        size_t len)
{
    wchar_t *text = NULL;
    const wchar_t *strings[1];

    (void)len;
    if (level == LOG_LEVEL_DEBUG) {
        OutputDebugStringA(line);
        return;
    }
    text = wide_from_utf8(line);
    if (text == NULL)
        return;
    hide_insertions(text);
    strings[0] = text;
    ReportEventW((HANDLE)target, events[level].type, 0, events[level].id, NULL,
                 1, 0, strings, NULL);
    free(text);
}

static void close_source(intptr_t target)
{
    if (target != 0)
        DeregisterEventSource((HANDLE)target);
}

/* Where the event log is down, the worker runs all the same: 0 is a target that
 * ReportEventW() refuses. */
struct log *log_open_service(enum log_level level)
{
    HANDLE source = RegisterEventSourceW(NULL, LOG_EVENTS_SOURCE);
    const struct log_sink sink = {
        .form = LOG_FORM_BARE,
        .write = write_event,
        .close = close_source,
        .target = (intptr_t)source,
    };
    struct log *log = NULL;

    log = log_open_sink(level, &sink, &platform_clock);
    if (log == NULL)
        close_source(sink.target);
    return log;
}
