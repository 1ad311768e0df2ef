#include "protocol/status.h"

#include <string.h>

struct status_row {
    const char *name;
    const char *text;
};

static const struct status_row rows[LASTCALL_STATUS_COUNT] = {
    [LASTCALL_OK] = {"ok", "done"},
    [LASTCALL_NO_MATCH] = {"no_match", "no session matches"},
    [LASTCALL_ALREADY_GONE] = {"already_gone", "the session had ended"},
    [LASTCALL_NOT_FOUND] = {"not_found", "no server knows it"},
    [LASTCALL_NOT_ENDABLE] = {"not_endable",
                              "the server gives no way to end it"},
    [LASTCALL_CHANGED] = {"changed", "the id now names another session"},
    [LASTCALL_PROTECTED] = {"protected", "the host's policy protects it"},
    [LASTCALL_DENIED] = {"denied", "the server refused our rights"},
    [LASTCALL_NO_PLEX_PASS] = {"no_plex_pass",
                               "the server has no Plex Pass feature for it"},
    [LASTCALL_UNSUPPORTED] = {"unsupported", "no server here can do that"},
    [LASTCALL_UNREACHABLE] = {"unreachable", "the server could not be asked"},
    [LASTCALL_SERVER_ERROR] = {"server_error",
                               "the server answered with a fault"},
    [LASTCALL_TIMEOUT] = {"timeout", "no answer in time"},
    [LASTCALL_UNCONFIRMED] = {"unconfirmed", "accepted, but still listed"},
    [LASTCALL_REAPPEARED] = {"reappeared", "ended, but came back"},
    [LASTCALL_LIMIT_EXCEEDED] = {"limit_exceeded",
                                 "more sessions match than allowed"},
    [LASTCALL_FORBIDDEN] = {"forbidden", "not permitted"},
    [LASTCALL_EXPIRED] = {"expired", "its time is over"},
    [LASTCALL_NOT_YET_VALID] = {"not_yet_valid", "its time has not come"},
    [LASTCALL_REVOKED] = {"revoked", "the key or grant is revoked"},
    [LASTCALL_INVALID_REQUEST] = {"invalid_request",
                                  "the request breaks a rule"},
    [LASTCALL_BUSY] = {"busy", "cannot be taken now"},
    [LASTCALL_INTERRUPTED] = {"interrupted",
                              "a crash came between; not run again"},
    [LASTCALL_PARTIAL] = {"partial", "some ended, some failed"},
    [LASTCALL_E_NOMEM] = {"nomem", "out of memory"},
    [LASTCALL_E_TOO_LARGE] = {"too_large", "over a limit"},
    [LASTCALL_E_ENCODING] = {"encoding", "malformed encoding"},
    [LASTCALL_E_SHAPE] = {"shape", "a member is missing or malformed"},
    [LASTCALL_E_SYNTAX] = {"syntax", "malformed"},
    [LASTCALL_E_ALGORITHM] = {"algorithm", "algorithm not accepted"},
    [LASTCALL_E_TYPE] = {"type", "not the expected type of token"},
    [LASTCALL_E_GRANT] = {"grant", "no valid grant"},
    [LASTCALL_E_KEY] = {"key", "not the right key"},
    [LASTCALL_E_SIGNATURE] = {"signature", "the signature is wrong"},
    [LASTCALL_E_RETAINED] = {"retained", "retained, which it must not be"},
    [LASTCALL_E_PERMISSION] = {"permission", "permission denied"},
    [LASTCALL_E_MISSING] = {"missing", "not there"},
    [LASTCALL_E_EXISTS] = {"exists", "exists already"},
    [LASTCALL_E_IO] = {"io", "input/output error"},
    [LASTCALL_E_LINK] = {"link", "no connection to the broker"},
    [LASTCALL_E_CONFIG] = {"config", "wrong setting"},
    [LASTCALL_E_CLOSED] = {"closed", "shutting down"},
    [LASTCALL_E_INTERNAL] = {"internal", "internal error"},
};

const char *status_name(enum lastcall_status status)
{
    if ((unsigned)status >= LASTCALL_STATUS_COUNT)
        return "unknown";
    return rows[status].name;
}

const char *status_text(enum lastcall_status status)
{
    if ((unsigned)status >= LASTCALL_STATUS_COUNT)
        return "unknown status";
    return rows[status].text;
}

bool status_is_wire(enum lastcall_status status)
{
    return (unsigned)status < (unsigned)LASTCALL_WIRE_CODE_COUNT;
}

enum lastcall_status status_parse(const char *code, enum lastcall_status *out)
{
    for (int i = 0; i < LASTCALL_WIRE_CODE_COUNT; i++) {
        if (strcmp(rows[i].name, code) == 0) {
            *out = (enum lastcall_status)i;
            return LASTCALL_OK;
        }
    }
    return LASTCALL_E_SYNTAX;
}

bool status_is_success(enum lastcall_status status)
{
    return status == LASTCALL_OK || status == LASTCALL_NO_MATCH ||
           status == LASTCALL_ALREADY_GONE;
}
