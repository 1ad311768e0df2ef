/*
 * The one error enumeration, and the codes that travel on the wire.
 *
 * Everything that can fail returns enum lastcall_status.  The first part of
 * the enumeration has a wire code each (PROTOCOL.md, section 6): these are
 * verdicts on a request, a server or a session.  The second part never leaves
 * the program: it says why bytes, files or keys were refused.
 */
#ifndef LASTCALL_PROTOCOL_STATUS_H
#define LASTCALL_PROTOCOL_STATUS_H

#include <stdbool.h>

#if defined(__clang__)
#define LASTCALL_MUST_USE __attribute__((warn_unused_result))
#define LASTCALL_PRINTF(format_index, first_index)                             \
    __attribute__((format(printf, format_index, first_index)))
#elif defined(__GNUC__)
/* Plain "printf" means msvcrt's on Windows, which does not know %zu. */
#define LASTCALL_MUST_USE __attribute__((warn_unused_result))
#define LASTCALL_PRINTF(format_index, first_index)                             \
    __attribute__((format(gnu_printf, format_index, first_index)))
#else
#define LASTCALL_MUST_USE
#define LASTCALL_PRINTF(format_index, first_index)
#endif

enum lastcall_status {
    /* With a wire code: verdicts. */
    LASTCALL_OK = 0,
    LASTCALL_NO_MATCH,        /* a filter matched no session: success */
    LASTCALL_ALREADY_GONE,    /* ended before we acted: success */
    LASTCALL_NOT_FOUND,       /* no server knows that session_id */
    LASTCALL_NOT_ENDABLE,     /* the server gives no way to end it */
    LASTCALL_CHANGED,         /* the id now names another session */
    LASTCALL_PROTECTED,       /* the host's policy protects it */
    LASTCALL_DENIED,          /* the server refused our rights */
    LASTCALL_NO_PLEX_PASS,    /* the server lacks the feature */
    LASTCALL_UNSUPPORTED,     /* no server here knows that action */
    LASTCALL_UNREACHABLE,     /* the server could not be asked */
    LASTCALL_SERVER_ERROR,    /* the server answered with a fault */
    LASTCALL_TIMEOUT,         /* the server did not answer in time */
    LASTCALL_UNCONFIRMED,     /* accepted, still listed after confirm_s */
    LASTCALL_REAPPEARED,      /* it went and came back within confirm_s */
    LASTCALL_LIMIT_EXCEEDED,  /* more matches than allowed; none touched */
    LASTCALL_FORBIDDEN,       /* permit or host policy */
    LASTCALL_EXPIRED,         /* the command's time is over */
    LASTCALL_NOT_YET_VALID,   /* the command's time has not come */
    LASTCALL_REVOKED,         /* the signing key or grant is revoked */
    LASTCALL_INVALID_REQUEST, /* the request breaks a rule of PROTOCOL.md */
    LASTCALL_BUSY,            /* the worker cannot take it now; nothing ran */
    LASTCALL_INTERRUPTED,     /* a crash came between; not run again */
    LASTCALL_PARTIAL,         /* some ended, some failed */

    /* Without a wire code: why something was refused locally. */
    LASTCALL_E_NOMEM,      /* out of memory */
    LASTCALL_E_TOO_LARGE,  /* over a named limit */
    LASTCALL_E_ENCODING,   /* not UTF-8, not base64url, not JSON */
    LASTCALL_E_SHAPE,      /* a member is missing or of the wrong type */
    LASTCALL_E_SYNTAX,     /* a name, topic, filter or setting is malformed */
    LASTCALL_E_ALGORITHM,  /* alg is not EdDSA, or a crit header */
    LASTCALL_E_TYPE,       /* typ is not the expected one */
    LASTCALL_E_GRANT,      /* no grant, not root's, other fleet or subject */
    LASTCALL_E_KEY,        /* not an Ed25519 key, or thumbprint mismatch */
    LASTCALL_E_SIGNATURE,  /* that key did not sign these bytes */
    LASTCALL_E_RETAINED,   /* a command or an event with the retain flag */
    LASTCALL_E_PERMISSION, /* a file that others can read, or EACCES */
    LASTCALL_E_MISSING,    /* no such file, row or entry */
    LASTCALL_E_EXISTS,     /* would overwrite */
    LASTCALL_E_IO,         /* the operating system said no */
    LASTCALL_E_LINK,       /* the broker connection is not there, or refused */
    LASTCALL_E_CONFIG,     /* a setting is unknown or out of range */
    LASTCALL_E_CLOSED,     /* the object is shutting down */
    LASTCALL_E_INTERNAL,   /* a library failed in a way it should not */

    LASTCALL_STATUS_COUNT
};

/* The number of statuses that have a wire code: they come first. */
#define LASTCALL_WIRE_CODE_COUNT ((int)LASTCALL_PARTIAL + 1)

/*
 * Name a status: its wire code ("not_found"), or for a local one a name of
 * the same style ("signature") that serves as a counter's key.
 *
 * Returns a static string, never NULL.
 */
const char *status_name(enum lastcall_status status);

/*
 * Describe a status in a short sentence for a person, without full stop.
 *
 * Returns a static string, never NULL.
 */
const char *status_text(enum lastcall_status status);

/* Say whether a status has a wire code. */
bool status_is_wire(enum lastcall_status status);

/*
 * Find the status of a wire code.
 *
 *   code  NUL-terminated, not NULL
 *   out   filled on LASTCALL_OK
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX (no such code).
 */
LASTCALL_MUST_USE enum lastcall_status status_parse(const char *code,
                                                    enum lastcall_status *out);

/*
 * Say whether a code counts as success for the boolean of a result: ok,
 * no_match and already_gone do (PROTOCOL.md, section 6).
 */
bool status_is_success(enum lastcall_status status);

#endif
