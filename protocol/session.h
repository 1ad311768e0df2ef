/*
 * Sessions: one flat object with typed fields, described by one table that
 * the codec, the where language and the outputs share (PROTOCOL.md,
 * section 5.2).
 */
#ifndef LASTCALL_PROTOCOL_SESSION_H
#define LASTCALL_PROTOCOL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/json_strict.h"
#include "protocol/status.h"

/* A text longer than this is refused from the wire and cut, at a character's
 * boundary and with "…", where a server sent it. */
#define SESSION_TEXT_MAX 1024

/* A list keeps at most this many; the rest is counted (truncated). */
#define SESSION_COUNT_MAX 10000

/* The state of a terminal session whose user is away and still logged on. */
#define SESSION_STATE_DISCONNECTED "disconnected"

enum session_field {
    /* every backend */
    SESSION_ID,
    SESSION_SERVER,
    SESSION_BACKEND,
    SESSION_USERNAME,
    SESSION_STATE,
    SESSION_CLIENT_NAME,
    SESSION_CLIENT_ADDRESS,
    SESSION_IS_LOCAL,
    SESSION_STARTED_AT,
    SESSION_IDLE_S,
    SESSION_ENDABLE,
    /* Plex: what Get-PatSession gives */
    SESSION_MEDIA_TITLE,
    SESSION_MEDIA_TYPE,
    SESSION_MEDIA_KEY,
    SESSION_USER_ID,
    SESSION_PLAYER_PLATFORM,
    SESSION_PLAYER_MACHINE_ID,
    SESSION_BANDWIDTH_KBPS,
    SESSION_VIEW_OFFSET_MS,
    SESSION_DURATION_MS,
    SESSION_PROGRESS_PERCENT,
    SESSION_SERVER_URI,
    /* Plex: what it lacks */
    SESSION_SHOW_TITLE,
    SESSION_SEASON_TITLE,
    SESSION_SEASON_NUMBER,
    SESSION_EPISODE_NUMBER,
    SESSION_YEAR,
    SESSION_LIBRARY_TITLE,
    SESSION_CHANNEL_TITLE,
    SESSION_IS_LIVE,
    SESSION_LOCATION,
    SESSION_IS_RELAYED,
    SESSION_IS_SECURE,
    SESSION_PUBLIC_ADDRESS,
    SESSION_PLAYER_PRODUCT,
    SESSION_PLAYER_DEVICE,
    SESSION_PLAYER_VERSION,
    SESSION_TRANSCODE,
    SESSION_VIDEO_DECISION,
    SESSION_AUDIO_DECISION,
    SESSION_SUBTITLE_DECISION,
    SESSION_VIDEO_RESOLUTION,
    SESSION_VIDEO_CODEC,
    SESSION_AUDIO_CODEC,
    SESSION_BITRATE_KBPS,
    SESSION_TRANSCODE_HW,
    SESSION_TRANSCODE_PROGRESS_PERCENT,
    SESSION_SESSION_KEY,
    SESSION_PAUSED_S,
    /* WTS: what Get-WTSSession gives */
    SESSION_SESSION_NAME,
    SESSION_DOMAIN,
    SESSION_COMPUTER_NAME,
    SESSION_LOGON_TIME,
    SESSION_LAST_INPUT_TIME,
    SESSION_CONNECT_TIME,
    SESSION_DISCONNECT_TIME,
    SESSION_IS_LOCKED,
    SESSION_PROTOCOL,
    SESSION_CLIENT_BUILD,
    SESSION_CLIENT_DIRECTORY,
    SESSION_CLIENT_WIDTH,
    SESSION_CLIENT_HEIGHT,
    SESSION_CLIENT_COLOR_DEPTH,

    SESSION_FIELD_COUNT
};

enum value_kind {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INTEGER,
    VALUE_REAL,
    VALUE_TEXT,
};

struct session_value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        char *text; /* owned; UTF-8 without control characters */
    } as;
};

/* {0} is a valid session whose fields are all null. */
struct session {
    struct session_value fields[SESSION_FIELD_COUNT];
};

enum session_motion {
    SESSION_STILL,  /* a change of it is news */
    SESSION_MOVING, /* moves by itself while nothing happens: position, idle */
};

enum session_family {
    SESSION_FAMILY_COMMON, /* always present on the wire, null where unknown */
    SESSION_FAMILY_PLEX,   /* present for sessions of a Plex server */
    SESSION_FAMILY_WTS,    /* present for sessions of a WTS server */
};

struct session_field_info {
    const char *name; /* as on the wire */
    enum value_kind kind;
    enum session_motion motion;
    enum session_family family;
};

/* Describe a field; static. */
const struct session_field_info *session_field_info(enum session_field field);

/* Find a field by name; LASTCALL_OK or LASTCALL_E_SYNTAX. */
LASTCALL_MUST_USE enum lastcall_status
session_field_parse(const char *name, enum session_field *out);

/* No field's name is longer. */
#define SESSION_FIELD_NAME_LEN_MAX 40

/*
 * The name of the field that a misspelt one most likely means; static, or
 * NULL when none is near.
 *
 *   word, len  as it was written; need not end with a NUL
 */
const char *session_field_suggest(const char *word, size_t len);

/* Free the texts; the session is then empty. */
void session_deinit(struct session *session);

/*
 * Set a text field.  Control characters become spaces, invalid UTF-8 becomes
 * U+FFFD, and what is longer than SESSION_TEXT_MAX bytes is cut at a
 * character's boundary and marked with an ellipsis: servers send such things
 * and one of them must not spoil the list.  SESSION_ID is never altered but
 * refused (LASTCALL_E_TOO_LARGE, LASTCALL_E_ENCODING), since it is sent back.
 *
 *   text  NUL-terminated; NULL sets null
 *
 * Returns LASTCALL_OK, LASTCALL_E_TOO_LARGE, LASTCALL_E_ENCODING,
 *         LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
session_set_text(struct session *session, enum session_field field,
                 const char *text);

/* Set a field of the kind that the name says. */
void session_set_bool(struct session *session, enum session_field field,
                      int truth);
void session_set_integer(struct session *session, enum session_field field,
                         int64_t value);
void session_set_real(struct session *session, enum session_field field,
                      double value);
void session_set_null(struct session *session, enum session_field field);

/* The text of a field, or NULL where it is null; borrowed. */
const char *session_text(const struct session *session,
                         enum session_field field);

/* The truth of a boolean field; false where it is null. */
bool session_is(const struct session *session, enum session_field field);

/* Deep copy; LASTCALL_OK or LASTCALL_E_NOMEM.  The caller deinits *out. */
LASTCALL_MUST_USE enum lastcall_status session_copy(const struct session *from,
                                                    struct session *out);

/* Which fields a comparison looks at. */
enum session_compare {
    SESSION_COMPARE_ALL,
    SESSION_COMPARE_STILL, /* passes over the moving ones */
};

/* How two values stand to each other. */
enum session_order {
    SESSION_LESS,
    SESSION_SAME,
    SESSION_GREATER,
    SESSION_UNORDERED, /* of different kinds, or unequal booleans */
};

/*
 * Compare two values: numbers by value whichever kind they are (5 is the
 * same as 5.0, without rounding), texts by their bytes, null the same as null
 * only.
 */
enum session_order session_value_order(const struct session_value *a,
                                       const struct session_value *b);

/* Say whether two sessions are equal in the fields that `how` names. */
bool session_is_equal(const struct session *a, const struct session *b,
                      enum session_compare how);

/*
 * The order of a list: by SESSION_ID, and by SESSION_SESSION_KEY for sessions
 * that have none.  Two with the same place in it are the same session at two
 * times.  Below 0, 0 or above 0, as strcmp().
 */
int session_identity_order(const struct session *a, const struct session *b);

/* Write one value; a new reference or NULL when out of memory. */
json_t *session_value_encode(const struct session_value *value);

/* Write the flat object; a new reference or NULL when out of memory. */
json_t *session_encode(const struct session *session);

/*
 * Read a flat object.  Unknown members are ignored; a known member of the
 * wrong type is LASTCALL_E_SHAPE.
 *
 * Owner: the caller calls session_deinit(out).
 */
LASTCALL_MUST_USE enum lastcall_status session_decode(const json_t *object,
                                                      struct session *out,
                                                      struct json_error *error);

/* A list that owns its sessions.  {0} is empty. */
struct session_list {
    struct session *items; /* owned */
    size_t count;
    size_t capacity;
    size_t total_count; /* with those that SESSION_COUNT_MAX left out */
};

/* Free the sessions; the list is then empty. */
void session_list_deinit(struct session_list *list);

/*
 * Move a session to the end of a list; *session is {0} afterwards in every
 * case.  Beyond SESSION_COUNT_MAX it is counted and freed.
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
session_list_take(struct session_list *list, struct session *session);

/* Find a session by its SESSION_ID; borrowed, or NULL. */
struct session *session_list_find(const struct session_list *list,
                                  const char *session_id);

/*
 * Say whether two lists hold equal sessions in the same order, by the fields
 * that `how` names.
 */
bool session_list_is_equal(const struct session_list *a,
                           const struct session_list *b,
                           enum session_compare how);

#endif
