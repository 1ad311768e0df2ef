/*
 * What Windows' error numbers mean for sessions: a wire code, and a sentence
 * that says what to do.  The number and Windows' own text stay in it.
 */
#ifndef LASTCALL_WORKER_WTS_ERROR_H
#define LASTCALL_WORKER_WTS_ERROR_H

#include "worker/session_backend.h"
#include "worker/wts_host.h"

/* The numbers that the code itself looks for. */
enum wts_error {
    WTS_ERROR_FILE_NOT_FOUND = 2,
    WTS_ERROR_ACCESS_DENIED = 5,
    WTS_ERROR_NO_TOKEN = 1008,
    WTS_ERROR_CLOSE_PENDING = 7007,
    WTS_ERROR_WINSTATION_NOT_FOUND = 7022,
};

/* What was asked when Windows said no: one number means several things. */
enum wts_purpose {
    WTS_PURPOSE_LIST,    /* all sessions */
    WTS_PURPOSE_END,     /* disconnect or log off one that was listed */
    WTS_PURPOSE_MESSAGE, /* show one that was listed a message */
    WTS_PURPOSE_COUNT
};

/*
 * The wire code of an error; LASTCALL_OK for WTS_ERROR_NONE, and
 * LASTCALL_SERVER_ERROR for a number that is not known.
 */
enum lastcall_status wts_error_code(uint32_t error, enum wts_purpose purpose);

/*
 * Say whether a query of one session gives such an error in ordinary life
 * (the session is closing, has no client, or is gone): not worth a line in
 * the log.
 */
bool wts_error_is_usual(uint32_t error);

/*
 * Fill an outcome: "Windows error 5: Access is denied. ..." and what it means
 * here.
 *
 * Returns outcome->code.
 */
enum lastcall_status wts_error_outcome(const struct wts_host *host,
                                       uint32_t error, enum wts_purpose purpose,
                                       struct session_outcome *outcome);

/*
 * Set code and sentence, nothing to settle and no response.
 *
 * Returns code.
 */
enum lastcall_status wts_outcome(struct session_outcome *outcome,
                                 enum lastcall_status code, const char *format,
                                 ...) LASTCALL_PRINTF(3, 4);

#endif
