#include "worker/wts_error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/text.h"

/* Windows' own text may take so much of a sentence. */
#define WINDOWS_TEXT_SIZE 160

enum usual { USUAL, UNUSUAL };

/* Codes by enum wts_purpose. */
struct error_row {
    uint32_t number;
    enum usual usual; /* in a query of one session */
    enum lastcall_status codes[WTS_PURPOSE_COUNT];
    const char *meaning;
};

#define ALL(code)                                                              \
    {                                                                          \
        code, code, code                                                       \
    }
#define UNREACHABLE ALL(LASTCALL_UNREACHABLE)
#define FAULT ALL(LASTCALL_SERVER_ERROR)

static const char no_session[] = "There is no such session";
static const char no_manager[] =
    "The session manager of the machine does not answer; try again later";
static const char no_rights[] =
    "The account of the worker lacks the permission for this; LocalSystem "
    "has all of them";
static const char not_console[] =
    "Windows does not let the console be disconnected; log it off instead";

/* clang-format off: a table is read by its columns */
static const struct error_row rows[] = {
    {2,
     USUAL,
     {LASTCALL_UNREACHABLE, LASTCALL_ALREADY_GONE, LASTCALL_NOT_FOUND},
     no_session},
    {5, USUAL, ALL(LASTCALL_DENIED), no_rights},
    {6, UNUSUAL, FAULT, "The worker's handle is not valid"},
    {31,
     USUAL,
     {LASTCALL_SERVER_ERROR, LASTCALL_INVALID_REQUEST,
      LASTCALL_INVALID_REQUEST},
     "Windows cannot do this with such a session"},
    {50, USUAL, ALL(LASTCALL_UNSUPPORTED), "This Windows cannot do it"},
    {87,
     USUAL,
     {LASTCALL_SERVER_ERROR, LASTCALL_INVALID_REQUEST,
      LASTCALL_INVALID_REQUEST},
     "Windows cannot do this with such a session"},
    {120, USUAL, ALL(LASTCALL_UNSUPPORTED), "This Windows cannot do it"},
    {122, UNUSUAL, FAULT, "The worker gave too little room"},
    {995, UNUSUAL, UNREACHABLE, "The machine is shutting down"},
    {1008,
     UNUSUAL,
     {LASTCALL_SERVER_ERROR, LASTCALL_UNSUPPORTED, LASTCALL_UNSUPPORTED},
     "Nobody is logged on in this session"},
    {1062, UNUSUAL, UNREACHABLE,
     "The machine's service for sessions (TermService) does not run"},
    {1063, UNUSUAL, FAULT, "The worker was not started as a service"},
    {1460, UNUSUAL, ALL(LASTCALL_TIMEOUT), "It took Windows too long"},
    {1702, UNUSUAL, UNREACHABLE, no_manager},
    {1707, UNUSUAL, UNREACHABLE, "No machine of this name is known"},
    {1717, UNUSUAL, UNREACHABLE, no_manager},
    {1722, UNUSUAL, UNREACHABLE,
     "The machine is off, has another name, or its firewall is closed"},
    {1723, UNUSUAL, UNREACHABLE, "It is too busy; try again later"},
    {1726, UNUSUAL, UNREACHABLE, no_manager},
    {1727, UNUSUAL, UNREACHABLE, no_manager},
    {1733, USUAL, FAULT, "The two machines speak different versions"},
    {1783, USUAL, FAULT, "The two machines speak different versions"},
    {1818, UNUSUAL, UNREACHABLE, "The call was ended before its answer"},
    {7007,
     USUAL,
     {LASTCALL_SERVER_ERROR, LASTCALL_ALREADY_GONE, LASTCALL_NOT_FOUND},
     "The session is already closing"},
    {7022,
     USUAL,
     {LASTCALL_UNREACHABLE, LASTCALL_ALREADY_GONE, LASTCALL_NOT_FOUND},
     no_session},
    {7024,
     UNUSUAL,
     {LASTCALL_SERVER_ERROR, LASTCALL_BUSY, LASTCALL_BUSY},
     "The session is connecting or disconnecting right now; try again"},
    {7037,
     UNUSUAL,
     {LASTCALL_SERVER_ERROR, LASTCALL_NOT_ENDABLE, LASTCALL_UNSUPPORTED},
     "Logons are disabled for this session"},
    {7038,
     UNUSUAL,
     {LASTCALL_SERVER_ERROR, LASTCALL_NOT_ENDABLE, LASTCALL_UNSUPPORTED},
     not_console},
    {7041,
     UNUSUAL,
     {LASTCALL_SERVER_ERROR, LASTCALL_NOT_ENDABLE, LASTCALL_UNSUPPORTED},
     not_console},
    {7042,
     UNUSUAL,
     {LASTCALL_SERVER_ERROR, LASTCALL_NOT_ENDABLE, LASTCALL_UNSUPPORTED},
     not_console},
    {7045, USUAL, ALL(LASTCALL_DENIED), no_rights},
};
/* clang-format on */

static const struct error_row *find(uint32_t error)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].number == error)
            return &rows[i];
    return NULL;
}

enum lastcall_status wts_error_code(uint32_t error, enum wts_purpose purpose)
{
    const struct error_row *row = find(error);

    if (error == WTS_ERROR_NONE)
        return LASTCALL_OK;
    return row != NULL ? row->codes[purpose] : LASTCALL_SERVER_ERROR;
}

bool wts_error_is_usual(uint32_t error)
{
    const struct error_row *row = find(error);

    return row != NULL && row->usual == USUAL;
}

enum lastcall_status wts_outcome(struct session_outcome *outcome,
                                 enum lastcall_status code, const char *format,
                                 ...)
{
    va_list arguments;

    *outcome = (struct session_outcome){.code = code};
    va_start(arguments, format);
    vsnprintf(outcome->detail, sizeof(outcome->detail), format, arguments);
    va_end(arguments);
    return code;
}

/* What it means, which for a list and for a remote machine is another thing. */
static const char *meaning_of(const struct wts_host *host, uint32_t error,
                              enum wts_purpose purpose)
{
    const struct error_row *row = find(error);

    if (row == NULL)
        return "";
    if (row->meaning == no_rights && host->is_remote)
        return "The machine must let itself be asked (AllowRemoteRPC = 1 "
               "below HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal "
               "Server), and the account of the worker must be an "
               "administrator there";
    if (row->meaning == no_session && purpose == WTS_PURPOSE_LIST)
        return no_manager;
    return row->meaning;
}

/* The machine was at it when the answer got lost: an act may have been done. */
static const char *doubt_of(uint32_t error, enum wts_purpose purpose)
{
    static const uint32_t lost[] = {995, 1460, 1726, 1818};

    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
        if (error == lost[i] && purpose != WTS_PURPOSE_LIST)
            return "; it may have been done all the same";
    return "";
}

/* Windows' own text on one line and without its full stop. */
static void read_windows_text(const struct wts_host *host, uint32_t error,
                              char *out, size_t size)
{
    char raw[WINDOWS_TEXT_SIZE] = "";
    size_t len = 0;

    host->api->error_text(error, raw, sizeof(raw));
    len = text_clean(raw, out, size);
    while (len > 0 && (out[len - 1] == ' ' || out[len - 1] == '.'))
        out[--len] = '\0';
}

enum lastcall_status wts_error_outcome(const struct wts_host *host,
                                       uint32_t error, enum wts_purpose purpose,
                                       struct session_outcome *outcome)
{
    enum lastcall_status code = wts_error_code(error, purpose);
    const char *meaning = meaning_of(host, error, purpose);
    char text[WINDOWS_TEXT_SIZE];

    if (error == WTS_ERROR_UNKNOWN)
        return wts_outcome(outcome, code,
                           "Windows says no and gives no error number");
    read_windows_text(host, error, text, sizeof(text));
    return wts_outcome(outcome, code, "Windows error %" PRIu32 "%s%s%s%s%s",
                       error, text[0] != '\0' ? ": " : "", text,
                       meaning[0] != '\0' ? ". " : "", meaning,
                       doubt_of(error, purpose));
}
