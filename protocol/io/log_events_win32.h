/*
 * The Windows event log: who writes there, and by what numbers.  The texts are
 * in deploy/windows/messages.mc, inside lastcall-worker.exe.
 */
#ifndef LASTCALL_IO_LOG_EVENTS_WIN32_H
#define LASTCALL_IO_LOG_EVENTS_WIN32_H

/* The source's name, under the log "Application". */
#define LOG_EVENTS_SOURCE L"Lastcall"

/* MessageId of messages.mc, by level; debug lines have none. */
enum log_event_id {
    LOG_EVENT_ERROR = 1,
    LOG_EVENT_WARN = 2,
    LOG_EVENT_INFO = 3,
};

#endif
