#include "protocol/session.h"

#include <string.h>

#include "protocol/text.h"

/* Names farther from what was written are no help. */
#define SUGGESTION_DISTANCE_MAX 2
/* Fewer characters are in too many names. */
#define SUGGESTION_PART_MIN 4

/* clang-format off: a table is read by its columns */
#define COMMON(kind, motion)                                                   \
    VALUE_##kind, SESSION_##motion, SESSION_FAMILY_COMMON
#define PLEX(kind, motion) VALUE_##kind, SESSION_##motion, SESSION_FAMILY_PLEX
#define WTS(kind, motion) VALUE_##kind, SESSION_##motion, SESSION_FAMILY_WTS

static const struct session_field_info infos[SESSION_FIELD_COUNT] = {
    [SESSION_ID] = {"session_id", COMMON(TEXT, STILL)},
    [SESSION_SERVER] = {"server", COMMON(TEXT, STILL)},
    [SESSION_BACKEND] = {"backend", COMMON(TEXT, STILL)},
    [SESSION_USERNAME] = {"username", COMMON(TEXT, STILL)},
    [SESSION_STATE] = {"state", COMMON(TEXT, STILL)},
    [SESSION_CLIENT_NAME] = {"client_name", COMMON(TEXT, STILL)},
    [SESSION_CLIENT_ADDRESS] = {"client_address", COMMON(TEXT, STILL)},
    [SESSION_IS_LOCAL] = {"is_local", COMMON(BOOL, STILL)},
    [SESSION_STARTED_AT] = {"started_at", COMMON(TEXT, STILL)},
    [SESSION_IDLE_S] = {"idle_s", COMMON(INTEGER, MOVING)},
    [SESSION_ENDABLE] = {"endable", COMMON(BOOL, STILL)},

    [SESSION_MEDIA_TITLE] = {"media_title", PLEX(TEXT, STILL)},
    [SESSION_MEDIA_TYPE] = {"media_type", PLEX(TEXT, STILL)},
    [SESSION_MEDIA_KEY] = {"media_key", PLEX(TEXT, STILL)},
    [SESSION_USER_ID] = {"user_id", PLEX(TEXT, STILL)},
    [SESSION_PLAYER_PLATFORM] = {"player_platform", PLEX(TEXT, STILL)},
    [SESSION_PLAYER_MACHINE_ID] = {"player_machine_id", PLEX(TEXT, STILL)},
    [SESSION_BANDWIDTH_KBPS] = {"bandwidth_kbps", PLEX(INTEGER, STILL)},
    [SESSION_VIEW_OFFSET_MS] = {"view_offset_ms", PLEX(INTEGER, MOVING)},
    [SESSION_DURATION_MS] = {"duration_ms", PLEX(INTEGER, STILL)},
    [SESSION_PROGRESS_PERCENT] = {"progress_percent", PLEX(REAL, MOVING)},
    [SESSION_SERVER_URI] = {"server_uri", PLEX(TEXT, STILL)},
    [SESSION_SHOW_TITLE] = {"show_title", PLEX(TEXT, STILL)},
    [SESSION_SEASON_TITLE] = {"season_title", PLEX(TEXT, STILL)},
    [SESSION_SEASON_NUMBER] = {"season_number", PLEX(INTEGER, STILL)},
    [SESSION_EPISODE_NUMBER] = {"episode_number", PLEX(INTEGER, STILL)},
    [SESSION_YEAR] = {"year", PLEX(INTEGER, STILL)},
    [SESSION_LIBRARY_TITLE] = {"library_title", PLEX(TEXT, STILL)},
    [SESSION_CHANNEL_TITLE] = {"channel_title", PLEX(TEXT, STILL)},
    [SESSION_IS_LIVE] = {"is_live", PLEX(BOOL, STILL)},
    [SESSION_LOCATION] = {"location", PLEX(TEXT, STILL)},
    [SESSION_IS_RELAYED] = {"is_relayed", PLEX(BOOL, STILL)},
    [SESSION_IS_SECURE] = {"is_secure", PLEX(BOOL, STILL)},
    [SESSION_PUBLIC_ADDRESS] = {"public_address", PLEX(TEXT, STILL)},
    [SESSION_PLAYER_PRODUCT] = {"player_product", PLEX(TEXT, STILL)},
    [SESSION_PLAYER_DEVICE] = {"player_device", PLEX(TEXT, STILL)},
    [SESSION_PLAYER_VERSION] = {"player_version", PLEX(TEXT, STILL)},
    [SESSION_TRANSCODE] = {"transcode", PLEX(TEXT, STILL)},
    [SESSION_VIDEO_DECISION] = {"video_decision", PLEX(TEXT, STILL)},
    [SESSION_AUDIO_DECISION] = {"audio_decision", PLEX(TEXT, STILL)},
    [SESSION_SUBTITLE_DECISION] = {"subtitle_decision", PLEX(TEXT, STILL)},
    [SESSION_VIDEO_RESOLUTION] = {"video_resolution", PLEX(TEXT, STILL)},
    [SESSION_VIDEO_CODEC] = {"video_codec", PLEX(TEXT, STILL)},
    [SESSION_AUDIO_CODEC] = {"audio_codec", PLEX(TEXT, STILL)},
    [SESSION_BITRATE_KBPS] = {"bitrate_kbps", PLEX(INTEGER, STILL)},
    [SESSION_TRANSCODE_HW] = {"transcode_hw", PLEX(BOOL, STILL)},
    [SESSION_TRANSCODE_PROGRESS_PERCENT] = {"transcode_progress_percent",
                                            PLEX(REAL, MOVING)},
    [SESSION_SESSION_KEY] = {"session_key", PLEX(TEXT, STILL)},
    [SESSION_PAUSED_S] = {"paused_s", PLEX(INTEGER, MOVING)},

    [SESSION_SESSION_NAME] = {"session_name", WTS(TEXT, STILL)},
    [SESSION_DOMAIN] = {"domain", WTS(TEXT, STILL)},
    [SESSION_COMPUTER_NAME] = {"computer_name", WTS(TEXT, STILL)},
    [SESSION_LOGON_TIME] = {"logon_time", WTS(TEXT, STILL)},
    [SESSION_LAST_INPUT_TIME] = {"last_input_time", WTS(TEXT, MOVING)},
    [SESSION_CONNECT_TIME] = {"connect_time", WTS(TEXT, STILL)},
    [SESSION_DISCONNECT_TIME] = {"disconnect_time", WTS(TEXT, STILL)},
    [SESSION_IS_LOCKED] = {"is_locked", WTS(BOOL, STILL)},
    [SESSION_PROTOCOL] = {"protocol", WTS(TEXT, STILL)},
    [SESSION_CLIENT_BUILD] = {"client_build", WTS(INTEGER, STILL)},
    [SESSION_CLIENT_DIRECTORY] = {"client_directory", WTS(TEXT, STILL)},
    [SESSION_CLIENT_WIDTH] = {"client_width", WTS(INTEGER, STILL)},
    [SESSION_CLIENT_HEIGHT] = {"client_height", WTS(INTEGER, STILL)},
    [SESSION_CLIENT_COLOR_DEPTH] = {"client_color_depth", WTS(INTEGER, STILL)},
};
/* clang-format on */

const struct session_field_info *session_field_info(enum session_field field)
{
    return &infos[field];
}

enum lastcall_status session_field_parse(const char *name,
                                         enum session_field *out)
{
    for (unsigned i = 0; i < SESSION_FIELD_COUNT; i++) {
        if (strcmp(infos[i].name, name) == 0) {
            *out = (enum session_field)i;
            return LASTCALL_OK;
        }
    }
    return LASTCALL_E_SYNTAX;
}

/* The first field whose name has the word in it. */
static const char *find_part(const char *word, size_t len)
{
    for (unsigned i = 0; len >= SUGGESTION_PART_MIN && i < SESSION_FIELD_COUNT;
         i++) {
        const char *name = infos[i].name;

        for (size_t at = 0; at + len <= strlen(name); at++) {
            if (strncmp(name + at, word, len) == 0)
                return name;
        }
    }
    return NULL;
}

const char *session_field_suggest(const char *word, size_t len)
{
    const char *best = NULL;
    size_t best_distance = SUGGESTION_DISTANCE_MAX + 1;

    for (unsigned i = 0; i < SESSION_FIELD_COUNT; i++) {
        const char *name = session_field_info((enum session_field)i)->name;
        size_t distance = text_distance(word, len, name);

        if (distance < best_distance) {
            best_distance = distance;
            best = name;
        }
    }
    return best != NULL ? best : find_part(word, len);
}
