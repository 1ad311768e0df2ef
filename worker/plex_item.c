#include "worker/plex_item.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "worker/plex_decision.h"
#include "worker/plex_value.h"

/* Plex's way to say "unknown" for a rate: INT32_MAX. */
#define RATE_UNKNOWN 2147483647

/* "player:" and the longest text. */
#define OWN_ID_SIZE (SESSION_TEXT_MAX + 16)

/* The elements of an item.  Borrowed; may be NULL. */
struct item {
    const json_t *root;
    const json_t *user;
    const json_t *player;
    const json_t *session;
    const json_t *transcode;
    struct plex_streams streams;
    bool is_live;
};

/* A text field and the member it is read from. */
struct text_source {
    enum session_field field;
    const char *member;
};

static bool starts_with(const char *text, const char *start)
{
    return text != NULL && strncmp(text, start, strlen(start)) == 0;
}

bool plex_item_is_noise(const json_t *item)
{
    struct plex_text type_scratch;
    struct plex_text state_scratch;
    struct plex_text scratch;
    const char *type = plex_text(item, "type", &type_scratch);
    const char *state =
        plex_text(plex_child(item, "Player"), "state", &state_scratch);

    if (type != NULL && strcmp(type, "track") == 0 &&
        starts_with(plex_text(item, "guid", &scratch), "library://"))
        return true;
    return state != NULL && strcmp(state, "stopped") == 0 &&
           plex_child(item, "User") == NULL &&
           plex_text(item, "title", &scratch) == NULL;
}

/* Live television: marked so, or read from its tuner. */
static bool find_live(const json_t *root, const json_t *media)
{
    struct plex_text origin_scratch;
    struct plex_text key_scratch;
    const char *origin = plex_text(media, "origin", &origin_scratch);

    return plex_is_true(root, "live") ||
           starts_with(plex_text(root, "key", &key_scratch), "/livetv/") ||
           (origin != NULL && strcmp(origin, "livetv") == 0);
}

static void find_elements(const json_t *root, struct item *out)
{
    out->root = root;
    out->user = plex_child(root, "User");
    out->player = plex_child(root, "Player");
    out->session = plex_child(root, "Session");
    plex_streams_find(root, &out->streams);
    out->transcode = out->streams.transcode;
    out->is_live = find_live(root, out->streams.media);
}

static enum lastcall_status set_texts(struct session *out, const json_t *object,
                                      const struct text_source *sources,
                                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct plex_text scratch;
        enum lastcall_status status =
            session_set_text(out, sources[i].field,
                             plex_text(object, sources[i].member, &scratch));

        if (status != LASTCALL_OK)
            return status;
    }
    return LASTCALL_OK;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct text_source root_texts[] = {
    {SESSION_MEDIA_TITLE, "title"},
    {SESSION_MEDIA_TYPE, "type"},
    {SESSION_MEDIA_KEY, "key"},
    {SESSION_SHOW_TITLE, "grandparentTitle"},
    {SESSION_SEASON_TITLE, "parentTitle"},
    {SESSION_LIBRARY_TITLE, "librarySectionTitle"},
    {SESSION_SESSION_KEY, "sessionKey"},
};

static const struct text_source user_texts[] = {
    {SESSION_USERNAME, "title"},
    {SESSION_USER_ID, "id"},
};

static const struct text_source player_texts[] = {
    {SESSION_STATE, "state"},
    {SESSION_PLAYER_PLATFORM, "platform"},
    {SESSION_PLAYER_MACHINE_ID, "machineIdentifier"},
    {SESSION_PUBLIC_ADDRESS, "remotePublicAddress"},
    {SESSION_PLAYER_PRODUCT, "product"},
    {SESSION_PLAYER_DEVICE, "device"},
    {SESSION_PLAYER_VERSION, "version"},
};

/* The first of several members that says something. */
static const char *first_text(const json_t *object, const char *first,
                              const char *second, struct plex_text *scratch)
{
    const char *text = plex_text(object, first, scratch);

    return text != NULL ? text : plex_text(object, second, scratch);
}

/* An IPv4 address that came over an IPv6 socket is still that address. */
static const char *plain_address(const char *address)
{
    static const char mapped[] = "::ffff:";

    if (starts_with(address, mapped) &&
        strchr(address + sizeof(mapped) - 1, '.') != NULL)
        return address + sizeof(mapped) - 1;
    return address;
}

static enum lastcall_status set_client(const struct item *item,
                                       struct session *out)
{
    struct plex_text scratch;
    enum lastcall_status status = session_set_text(
        out, SESSION_CLIENT_NAME,
        first_text(item->player, "title", "product", &scratch));

    if (status != LASTCALL_OK)
        return status;
    return session_set_text(
        out, SESSION_CLIENT_ADDRESS,
        plain_address(plex_text(item->player, "address", &scratch)));
}

/* Where the player is; each of two members stands in for the other. */
static enum lastcall_status set_place(const struct item *item,
                                      struct session *out)
{
    struct plex_text scratch;
    const char *location = plex_text(item->session, "location", &scratch);
    bool is_local = false;
    bool has_local = plex_boolean(item->player, "local", &is_local);
    bool truth = false;

    if (!has_local && location != NULL) {
        has_local = true;
        is_local = strcmp(location, "lan") == 0;
    }
    if (has_local)
        session_set_bool(out, SESSION_IS_LOCAL, is_local);
    if (location == NULL && has_local)
        location = is_local ? "lan" : "wan";
    if (plex_boolean(item->player, "relayed", &truth))
        session_set_bool(out, SESSION_IS_RELAYED, truth);
    if (plex_boolean(item->player, "secure", &truth))
        session_set_bool(out, SESSION_IS_SECURE, truth);
    return session_set_text(out, SESSION_LOCATION, location);
}

static void set_count(struct session *out, enum session_field field,
                      const json_t *object, const char *member)
{
    int64_t number = 0;

    if (plex_integer(object, member, &number) && number >= 0)
        session_set_integer(out, field, number);
}

static void set_rate(struct session *out, enum session_field field,
                     const json_t *object, const char *member)
{
    int64_t number = 0;

    if (plex_integer(object, member, &number) && number != RATE_UNKNOWN)
        set_count(out, field, object, member);
}

/* A percentage of 0 to 100 with one decimal. */
static double one_decimal(double percent)
{
    return percent > 100 ? 100 : round(percent * 10) / 10;
}

static void set_progress(const struct item *item, struct session *out)
{
    const struct session_value *at = &out->fields[SESSION_VIEW_OFFSET_MS];
    const struct session_value *of = &out->fields[SESSION_DURATION_MS];
    double percent = 0;

    if (!item->is_live && at->kind == VALUE_INTEGER &&
        of->kind == VALUE_INTEGER && of->as.integer > 0)
        session_set_real(
            out, SESSION_PROGRESS_PERCENT,
            one_decimal((double)at->as.integer / (double)of->as.integer * 100));
    if (plex_real(item->transcode, "progress", &percent) && percent >= 0)
        session_set_real(out, SESSION_TRANSCODE_PROGRESS_PERCENT,
                         one_decimal(percent));
}

static void set_numbers(const struct item *item, struct session *out)
{
    struct plex_text scratch;
    const char *type = plex_text(item->root, "type", &scratch);

    session_set_bool(out, SESSION_IS_LIVE, item->is_live);
    set_count(out, SESSION_VIEW_OFFSET_MS, item->root, "viewOffset");
    set_count(out, SESSION_DURATION_MS, item->root, "duration");
    set_count(out, SESSION_YEAR, item->root, "year");
    set_rate(out, SESSION_BANDWIDTH_KBPS, item->session, "bandwidth");
    set_rate(out, SESSION_BITRATE_KBPS, item->streams.media, "bitrate");
    /* A track's index is its number on a disc, which is neither. */
    if (type != NULL && strcmp(type, "episode") == 0) {
        set_count(out, SESSION_SEASON_NUMBER, item->root, "parentIndex");
        set_count(out, SESSION_EPISODE_NUMBER, item->root, "index");
    }
    set_progress(item, out);
}

/* "*" is how a live transcode says that it does not know. */
static const char *codec_of(const json_t *object, const char *member,
                            struct plex_text *scratch)
{
    const char *codec = plex_text(object, member, scratch);

    return codec != NULL && strcmp(codec, "*") != 0 ? codec : NULL;
}

static enum lastcall_status set_codec(struct session *out,
                                      enum session_field field,
                                      const struct item *item,
                                      const json_t *stream, const char *member)
{
    struct plex_text scratch;
    const char *codec = codec_of(item->streams.media, member, &scratch);

    if (codec == NULL)
        codec = codec_of(stream, "codec", &scratch);
    if (codec == NULL)
        codec = codec_of(item->transcode, member, &scratch);
    return session_set_text(out, field, codec);
}

/* Say whether the machine's graphics hardware takes part. */
static bool uses_hardware(const json_t *transcode)
{
    struct plex_text scratch;

    return plex_is_true(transcode, "transcodeHwFullPipeline") ||
           plex_text(transcode, "transcodeHwDecoding", &scratch) != NULL ||
           plex_text(transcode, "transcodeHwEncoding", &scratch) != NULL;
}

static enum lastcall_status set_streams(const struct item *item,
                                        struct session *out)
{
    struct plex_text scratch;
    struct plex_decisions decided;
    enum lastcall_status status = LASTCALL_OK;

    plex_decide(&item->streams, item->is_live ? PLEX_LIVE : PLEX_RECORDED,
                &decided);
    status = session_set_text(out, SESSION_TRANSCODE, decided.overall);
    if (status == LASTCALL_OK)
        status = session_set_text(out, SESSION_VIDEO_DECISION, decided.video);
    if (status == LASTCALL_OK)
        status = session_set_text(out, SESSION_AUDIO_DECISION, decided.audio);
    if (status == LASTCALL_OK)
        status =
            session_set_text(out, SESSION_SUBTITLE_DECISION, decided.subtitle);
    if (status == LASTCALL_OK)
        status = session_set_text(
            out, SESSION_VIDEO_RESOLUTION,
            plex_text(item->streams.media, "videoResolution", &scratch));
    if (status == LASTCALL_OK)
        status = set_codec(out, SESSION_VIDEO_CODEC, item, item->streams.video,
                           "videoCodec");
    if (status == LASTCALL_OK)
        status = set_codec(out, SESSION_AUDIO_CODEC, item, item->streams.audio,
                           "audioCodec");
    if (item->transcode != NULL)
        session_set_bool(out, SESSION_TRANSCODE_HW,
                         uses_hardware(item->transcode));
    return status;
}

static enum lastcall_status set_channel(const struct item *item,
                                        struct session *out)
{
    struct plex_text scratch;
    const char *channel = NULL;

    if (!item->is_live)
        return LASTCALL_OK;
    channel = first_text(item->streams.media, "channelTitle", "channelCallSign",
                         &scratch);
    if (channel == NULL)
        channel = plex_text(item->root, "sourceTitle", &scratch);
    return session_set_text(out, SESSION_CHANNEL_TITLE, channel);
}

/* An id of our own, where Plex gives none that can be sent back. */
static enum lastcall_status set_own_id(const struct item *item, size_t position,
                                       struct session *out)
{
    char id[OWN_ID_SIZE];
    struct plex_text scratch;
    const char *key = plex_text(item->root, "sessionKey", &scratch);
    const char *machine = session_text(out, SESSION_PLAYER_MACHINE_ID);
    enum lastcall_status status = LASTCALL_E_SHAPE;

    session_set_bool(out, SESSION_ENDABLE, false);
    if (key != NULL && strlen(key) < SESSION_TEXT_MAX) {
        snprintf(id, sizeof(id), "key:%s", key);
        status = session_set_text(out, SESSION_ID, id);
    } else if (machine != NULL) {
        snprintf(id, sizeof(id), "player:%s", machine);
        status = session_set_text(out, SESSION_ID, id);
    }
    if (status == LASTCALL_OK || status == LASTCALL_E_NOMEM)
        return status;
    snprintf(id, sizeof(id), "item:%zu", position);
    return session_set_text(out, SESSION_ID, id);
}

static enum lastcall_status set_id(const struct item *item, size_t position,
                                   struct session *out)
{
    struct plex_text scratch;
    const char *id = plex_text(item->session, "id", &scratch);
    enum lastcall_status status = LASTCALL_OK;

    if (id == NULL)
        return set_own_id(item, position, out);
    status = session_set_text(out, SESSION_ID, id);
    session_set_bool(out, SESSION_ENDABLE, true);
    /* Too long or with control characters: not one to send back. */
    return status == LASTCALL_E_TOO_LARGE || status == LASTCALL_E_ENCODING
               ? set_own_id(item, position, out)
               : status;
}

enum lastcall_status plex_item_read(const json_t *root,
                                    const struct plex_source *source,
                                    size_t position, struct session *out)
{
    struct item item = {0};
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct session){0};
    find_elements(root, &item);
    status = session_set_text(out, SESSION_SERVER, source->server);
    if (status == LASTCALL_OK)
        status = session_set_text(out, SESSION_BACKEND, "plex");
    if (status == LASTCALL_OK)
        status = session_set_text(out, SESSION_SERVER_URI, source->uri);
    if (status == LASTCALL_OK)
        status = set_texts(out, root, root_texts, COUNT(root_texts));
    if (status == LASTCALL_OK)
        status = set_texts(out, item.user, user_texts, COUNT(user_texts));
    if (status == LASTCALL_OK)
        status = set_texts(out, item.player, player_texts, COUNT(player_texts));
    if (status == LASTCALL_OK)
        status = set_client(&item, out);
    if (status == LASTCALL_OK)
        status = set_place(&item, out);
    if (status == LASTCALL_OK)
        status = set_streams(&item, out);
    if (status == LASTCALL_OK)
        status = set_channel(&item, out);
    if (status == LASTCALL_OK)
        status = set_id(&item, position, out);
    if (status == LASTCALL_OK)
        set_numbers(&item, out);
    if (status != LASTCALL_OK)
        session_deinit(out);
    return status;
}
