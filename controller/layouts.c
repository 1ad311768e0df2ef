/* Which members of a record a person sees, and which a spreadsheet gets. */
#include "controller/records.h"

#define COLUMNS(array) (array), sizeof(array) / sizeof((array)[0]), NULL
#define FITTED(array, spans) (array), sizeof(array) / sizeof((array)[0]), spans
#define BLOCKS(array) (array), sizeof(array) / sizeof((array)[0])

static const struct output_column result_columns[] = {
    {"HOST", "host", CELL_TEXT},       {"ANSWER", "outcome", CELL_STATE},
    {"MATCHED", "matched", CELL_TEXT}, {"DONE", "succeeded", CELL_TEXT},
    {"CODE", "code", CELL_STATE},      {"TIME", "round_trip_ms", CELL_MS},
    {"DETAIL", "detail", CELL_TEXT},
};

/* For an answer, done or planned: what came of it, and why. */
static const struct output_span
    result_spans[sizeof result_columns / sizeof result_columns[0]] = {
        {0, 0, 0},  /* HOST */
        {0, 0, 0},  /* ANSWER */
        {0, 0, 2},  /* MATCHED */
        {0, 0, 3},  /* DONE, TO DO */
        {0, 0, 0},  /* CODE */
        {0, 0, 1},  /* TIME */
        {30, 0, 0}, /* DETAIL */
};

static const struct output_column outcome_columns[] = {
    {"HOST", "host", CELL_TEXT},           {"SERVER", ".server", CELL_TEXT},
    {"SESSION", ".session_id", CELL_TEXT}, {"CODE", ".code", CELL_STATE},
    {"DETAIL", ".detail", CELL_TEXT},
};

/* Who tells a session from another needs host, server and id in full. */
static const struct output_span
    outcome_spans[sizeof outcome_columns / sizeof outcome_columns[0]] = {
        {0, 0, 0},  /* HOST */
        {0, 0, 0},  /* SERVER */
        {0, 0, 0},  /* SESSION */
        {0, 0, 0},  /* CODE */
        {16, 0, 0}, /* DETAIL */
};

static const struct output_column shown_columns[] = {
    {"HOST", "host", CELL_TEXT},
    {"SERVER", ".server", CELL_TEXT},
    {"SESSION", ".session_id", CELL_TEXT},
    {"USER", ".session", CELL_USER},
    {"WHAT", ".session.media_title|.session.session_name", CELL_TEXT},
    {"CLIENT", ".session.client_name", CELL_TEXT},
    {"STATE", ".session.state", CELL_STATE},
    {"CODE", ".code", CELL_STATE},
    {"DETAIL", ".detail", CELL_TEXT},
};

/* Before a stop: whose session it is, and what they would lose. */
static const struct output_span
    shown_spans[sizeof shown_columns / sizeof shown_columns[0]] = {
        {0, 0, 0},  /* HOST */
        {0, 0, 0},  /* SERVER */
        {0, 0, 0},  /* SESSION */
        {8, 0, 4},  /* USER */
        {8, 0, 3},  /* WHAT */
        {8, 0, 1},  /* CLIENT */
        {7, 0, 2},  /* STATE */
        {0, 0, 0},  /* CODE */
        {11, 0, 0}, /* DETAIL */
};

static const struct output_column reply_columns[] = {
    {"HOST", "host", CELL_TEXT},           {"SERVER", ".server", CELL_TEXT},
    {"SESSION", ".session_id", CELL_TEXT}, {"USER", ".session", CELL_USER},
    {"PRESSED", ".response", CELL_TEXT},   {"CODE", ".code", CELL_STATE},
    {"DETAIL", ".detail", CELL_TEXT},
};

/* Who pressed what. */
static const struct output_span
    reply_spans[sizeof reply_columns / sizeof reply_columns[0]] = {
        {0, 0, 0},  /* HOST */
        {0, 0, 0},  /* SERVER */
        {0, 0, 0},  /* SESSION */
        {8, 0, 1},  /* USER */
        {0, 0, 0},  /* PRESSED */
        {0, 0, 0},  /* CODE */
        {11, 0, 0}, /* DETAIL */
};

static const struct output_column result_csv[] = {
    {"host", "host", CELL_TEXT},
    {"outcome", "outcome", CELL_TEXT},
    {"success", "success", CELL_TEXT},
    {"code", "code", CELL_TEXT},
    {"detail", "detail", CELL_TEXT},
    {"dry_run", "dry_run", CELL_TEXT},
    {"replayed", "replayed", CELL_TEXT},
    {"matched", "matched", CELL_TEXT},
    {"succeeded", "succeeded", CELL_TEXT},
    {"failed", "failed", CELL_TEXT},
    {"round_trip_ms", "round_trip_ms", CELL_TEXT},
    {"server", ".server", CELL_TEXT},
    {"backend", ".backend", CELL_TEXT},
    {"session_id", ".session_id", CELL_TEXT},
    {"session_success", ".success", CELL_TEXT},
    {"session_code", ".code", CELL_TEXT},
    {"session_detail", ".detail", CELL_TEXT},
    {"response", ".response", CELL_TEXT},
    {"domain", ".session.domain", CELL_TEXT},
    {"username", ".session.username", CELL_TEXT},
    {"media_title", ".session.media_title", CELL_TEXT},
    {"client_name", ".session.client_name", CELL_TEXT},
    {"session_name", ".session.session_name", CELL_TEXT},
    {"state", ".session.state", CELL_TEXT},
};

static const struct output_block result_blocks[] = {
    {NULL, NULL, NULL, FITTED(result_columns, result_spans)},
    {"sessions", "code", "ok", FITTED(outcome_columns, outcome_spans)},
};

const struct output_layout record_results = {
    .noun = "results",
    .type = "result",
    .name = "host",
    .name_if = "outcome",
    .blocks = BLOCKS(result_blocks),
    .csv = {"sessions", NULL, NULL, COLUMNS(result_csv)},
};

static const struct output_block shown_blocks[] = {
    {"sessions", NULL, NULL, FITTED(shown_columns, shown_spans)},
    {NULL, NULL, NULL, FITTED(result_columns, result_spans)},
};

const struct output_layout record_results_shown = {
    .noun = "results",
    .type = "result",
    .name = "host",
    .name_if = "outcome",
    .blocks = BLOCKS(shown_blocks),
    .csv = {"sessions", NULL, NULL, COLUMNS(result_csv)},
};

static const struct output_block reply_blocks[] = {
    {"sessions", NULL, NULL, FITTED(reply_columns, reply_spans)},
    {NULL, NULL, NULL, FITTED(result_columns, result_spans)},
};

const struct output_layout record_replies = {
    .noun = "results",
    .type = "result",
    .name = "host",
    .name_if = "outcome",
    .blocks = BLOCKS(reply_blocks),
    .csv = {"sessions", NULL, NULL, COLUMNS(result_csv)},
};

static const struct output_column plan_columns[] = {
    {"HOST", "host", CELL_TEXT},       {"ANSWER", "outcome", CELL_STATE},
    {"MATCHED", "matched", CELL_TEXT}, {"TO DO", "succeeded", CELL_TEXT},
    {"CODE", "code", CELL_STATE},      {"TIME", "round_trip_ms", CELL_MS},
    {"DETAIL", "detail", CELL_TEXT},
};

static const struct output_block plan_blocks[] = {
    {"sessions", NULL, NULL, FITTED(shown_columns, shown_spans)},
    {NULL, NULL, NULL, FITTED(plan_columns, result_spans)},
};

const struct output_layout record_plans = {
    .noun = "results",
    .type = "result",
    .name = "host",
    .name_if = "outcome",
    .blocks = BLOCKS(plan_blocks),
    .csv = {"sessions", NULL, NULL, COLUMNS(result_csv)},
};

static const struct output_column ping_columns[] = {
    {"HOST", "host", CELL_TEXT},
    {"ANSWER", "outcome", CELL_STATE},
    {"ROUND TRIP", "round_trip_ms", CELL_MS},
    {"CLOCK SKEW", "clock_skew_ms", CELL_MS},
    {"CODE", "code", CELL_STATE},
    {"DETAIL", "detail", CELL_TEXT},
};

/* The times are what was asked for. */
static const struct output_span
    ping_spans[sizeof ping_columns / sizeof ping_columns[0]] = {
        {0, 0, 0},  /* HOST */
        {0, 0, 0},  /* ANSWER */
        {0, 0, 0},  /* ROUND TRIP */
        {0, 0, 0},  /* CLOCK SKEW */
        {0, 0, 1},  /* CODE */
        {16, 0, 0}, /* DETAIL */
};

static const struct output_column ping_csv[] = {
    {"host", "host", CELL_TEXT},
    {"outcome", "outcome", CELL_TEXT},
    {"code", "code", CELL_TEXT},
    {"round_trip_ms", "round_trip_ms", CELL_TEXT},
    {"clock_skew_ms", "clock_skew_ms", CELL_TEXT},
    {"detail", "detail", CELL_TEXT},
};

static const struct output_block ping_blocks[] = {
    {NULL, NULL, NULL, FITTED(ping_columns, ping_spans)},
};

const struct output_layout record_pings = {
    .noun = "results",
    .type = "result",
    .name = "host",
    .name_if = "outcome",
    .blocks = BLOCKS(ping_blocks),
    .csv = {NULL, NULL, NULL, COLUMNS(ping_csv)},
};

static const struct output_column job_columns[] = {
    {"JOB", "short", CELL_TEXT},       {"WHEN", "job_started_at", CELL_AGE},
    {"WHO", "controller", CELL_TEXT},  {"WHAT", "action", CELL_TEXT},
    {"TARGET", "target", CELL_TEXT},   {"HOSTS", "hosts", CELL_TEXT},
    {"TRUE", "true", CELL_TEXT},       {"FALSE", "false", CELL_TEXT},
    {"REFUSED", "refused", CELL_TEXT}, {"SILENT", "silent", CELL_TEXT},
    {"OFFLINE", "offline", CELL_TEXT}, {"UNSENT", "unsent", CELL_TEXT},
    {"STATE", "state", CELL_STATE},
};

/* Which job, and how many did not do it. */
static const struct output_span
    job_spans[sizeof job_columns / sizeof job_columns[0]] = {
        {0, 0, 0},  /* JOB */
        {0, 0, 10}, /* WHEN */
        {0, 0, 1},  /* WHO */
        {0, 0, 0},  /* WHAT */
        {8, 0, 4},  /* TARGET */
        {0, 0, 2},  /* HOSTS */
        {0, 0, 3},  /* TRUE */
        {0, 0, 9},  /* FALSE */
        {0, 0, 8},  /* REFUSED */
        {0, 0, 7},  /* SILENT */
        {0, 0, 6},  /* OFFLINE */
        {0, 0, 5},  /* UNSENT */
        {0, 0, 0},  /* STATE */
};

static const struct output_column job_csv[] = {
    {"job", "job", CELL_TEXT},
    {"retry_of", "retry_of", CELL_TEXT},
    {"state", "state", CELL_TEXT},
    {"started_at", "job_started_at", CELL_TEXT},
    {"ended_at", "job_ended_at", CELL_TEXT},
    {"fleet", "fleet", CELL_TEXT},
    {"controller", "controller", CELL_TEXT},
    {"action", "action", CELL_TEXT},
    {"target", "target", CELL_TEXT},
    {"words", "words", CELL_TEXT},
    {"hosts", "hosts", CELL_TEXT},
    {"waiting", "waiting", CELL_TEXT},
    {"true", "true", CELL_TEXT},
    {"false", "false", CELL_TEXT},
    {"refused", "refused", CELL_TEXT},
    {"offline", "offline", CELL_TEXT},
    {"silent", "silent", CELL_TEXT},
    {"unsent", "unsent", CELL_TEXT},
    {"exit", "job_exit", CELL_TEXT},
};

static const struct output_block job_blocks[] = {
    {NULL, NULL, NULL, FITTED(job_columns, job_spans)},
};

const struct output_layout record_jobs = {
    .noun = "jobs",
    .type = "job",
    .name = "job",
    .blocks = BLOCKS(job_blocks),
    .csv = {NULL, NULL, NULL, COLUMNS(job_csv)},
};

static const struct output_column job_host_columns[] = {
    {"HOST", "host", CELL_TEXT},       {"ANSWER", "outcome", CELL_STATE},
    {"MATCHED", "matched", CELL_TEXT}, {"DONE", "succeeded", CELL_TEXT},
    {"CODE", "code", CELL_STATE},      {"ANSWERED", "answered_at", CELL_AGE},
    {"LATE", "late", CELL_TEXT},       {"DETAIL", "detail", CELL_TEXT},
};

/* As for an answer. */
static const struct output_span
    job_host_spans[sizeof job_host_columns / sizeof job_host_columns[0]] = {
        {0, 0, 0},  /* HOST */
        {0, 0, 0},  /* ANSWER */
        {0, 0, 3},  /* MATCHED */
        {0, 0, 4},  /* DONE */
        {0, 0, 0},  /* CODE */
        {0, 0, 2},  /* ANSWERED */
        {0, 0, 1},  /* LATE */
        {30, 0, 0}, /* DETAIL */
};

static const struct output_column job_host_csv[] = {
    {"host", "host", CELL_TEXT},
    {"outcome", "outcome", CELL_TEXT},
    {"retried_as", "retried_as", CELL_TEXT},
    {"answered_at", "answered_at", CELL_TEXT},
    {"late", "late", CELL_TEXT},
    {"success", "success", CELL_TEXT},
    {"code", "code", CELL_TEXT},
    {"detail", "detail", CELL_TEXT},
    {"replayed", "replayed", CELL_TEXT},
    {"matched", "matched", CELL_TEXT},
    {"succeeded", "succeeded", CELL_TEXT},
    {"failed", "failed", CELL_TEXT},
    {"round_trip_ms", "round_trip_ms", CELL_TEXT},
    {"server", ".server", CELL_TEXT},
    {"backend", ".backend", CELL_TEXT},
    {"session_id", ".session_id", CELL_TEXT},
    {"session_success", ".success", CELL_TEXT},
    {"session_code", ".code", CELL_TEXT},
    {"session_detail", ".detail", CELL_TEXT},
};

static const struct output_block job_host_blocks[] = {
    {NULL, NULL, NULL, FITTED(job_host_columns, job_host_spans)},
    {"sessions", "code", "ok", FITTED(outcome_columns, outcome_spans)},
};

const struct output_layout record_job_hosts = {
    .noun = "results",
    .type = "result",
    .name = "host",
    .name_if = "outcome",
    .blocks = BLOCKS(job_host_blocks),
    .csv = {"sessions", NULL, NULL, COLUMNS(job_host_csv)},
};

static const struct output_column host_columns[] = {
    {"HOST", "host", CELL_TEXT},
    {"STATE", "state", CELL_STATE},
    {"VERSION", "version", CELL_TEXT},
    {"GROUPS", "groups", CELL_LIST},
    {"SERVERS", "servers", CELL_SERVERS},
    {"SESSIONS", "sessions", CELL_TEXT},
    {"CLOCK AHEAD", "clock_ahead_s", CELL_SECONDS},
    {"LAST SEEN", "last_seen", CELL_AGE},
};

/* Whether it is there, and what is wrong with it. */
static const struct output_span
    host_spans[sizeof host_columns / sizeof host_columns[0]] = {
        {0, 0, 0},  /* HOST */
        {0, 0, 0},  /* STATE */
        {0, 0, 1},  /* VERSION */
        {6, 0, 2},  /* GROUPS */
        {20, 0, 4}, /* SERVERS */
        {0, 0, 3},  /* SESSIONS */
        {0, 0, 5},  /* CLOCK AHEAD */
        {0, 0, 0},  /* LAST SEEN */
};

static const struct output_column host_csv[] = {
    {"host", "host", CELL_TEXT},
    {"state", "state", CELL_TEXT},
    {"groups", "groups", CELL_LIST},
    {"version", "version", CELL_TEXT},
    {"os", "os", CELL_TEXT},
    {"servers", "servers", CELL_SERVERS},
    {"sessions", "sessions", CELL_TEXT},
    {"clock_ahead_s", "clock_ahead_s", CELL_TEXT},
    {"last_seen", "last_seen", CELL_TEXT},
    {"boot_id", "boot_id", CELL_TEXT},
};

static const struct output_block host_blocks[] = {
    {NULL, NULL, NULL, FITTED(host_columns, host_spans)},
};

const struct output_layout record_hosts = {
    .noun = "hosts",
    .type = "host",
    .name = "host",
    .blocks = BLOCKS(host_blocks),
    .csv = {NULL, NULL, NULL, COLUMNS(host_csv)},
};

static const struct output_column session_columns[] = {
    {"HOST", "host", CELL_TEXT},
    {"SERVER", "server", CELL_TEXT},
    {"SESSION", "session_id", CELL_TEXT},
    {"USER", "", CELL_USER},
    {"WHAT", "media_title|session_name", CELL_TEXT},
    {"STATE", "state", CELL_STATE},
    {"CLIENT", "client_name|client_address", CELL_TEXT},
    {"IDLE", "idle_s|paused_s", CELL_SECONDS},
    {"STARTED", "started_at", CELL_AGE},
    {"PROGRESS", "progress_percent", CELL_PERCENT},
    {"AGE", "age_s", CELL_SECONDS},
    {"NEWS", "freshness", CELL_STATE},
};

/* Which session of whom, and whether that is still so. */
static const struct output_span
    session_spans[sizeof session_columns / sizeof session_columns[0]] = {
        {0, 0, 0}, /* HOST */
        {0, 0, 0}, /* SERVER */
        {0, 0, 0}, /* SESSION */
        {8, 0, 8}, /* USER */
        {8, 0, 6}, /* WHAT */
        {7, 0, 7}, /* STATE */
        {8, 0, 5}, /* CLIENT */
        {0, 0, 4}, /* IDLE */
        {0, 0, 2}, /* STARTED */
        {0, 0, 1}, /* PROGRESS */
        {0, 0, 3}, /* AGE */
        {0, 0, 0}, /* NEWS */
};

/* Every field there is: the common ones first. */
static const struct output_column session_csv[] = {
    {"host", "host", CELL_TEXT},
    {"server", "server", CELL_TEXT},
    {"backend", "backend", CELL_TEXT},
    {"session_id", "session_id", CELL_TEXT},
    {"username", "username", CELL_TEXT},
    {"state", "state", CELL_TEXT},
    {"media_title", "media_title", CELL_TEXT},
    {"show_title", "show_title", CELL_TEXT},
    {"media_type", "media_type", CELL_TEXT},
    {"client_name", "client_name", CELL_TEXT},
    {"client_address", "client_address", CELL_TEXT},
    {"is_local", "is_local", CELL_TEXT},
    {"started_at", "started_at", CELL_TEXT},
    {"idle_s", "idle_s", CELL_TEXT},
    {"paused_s", "paused_s", CELL_TEXT},
    {"progress_percent", "progress_percent", CELL_TEXT},
    {"endable", "endable", CELL_TEXT},
    {"media_key", "media_key", CELL_TEXT},
    {"user_id", "user_id", CELL_TEXT},
    {"player_platform", "player_platform", CELL_TEXT},
    {"player_machine_id", "player_machine_id", CELL_TEXT},
    {"bandwidth_kbps", "bandwidth_kbps", CELL_TEXT},
    {"view_offset_ms", "view_offset_ms", CELL_TEXT},
    {"duration_ms", "duration_ms", CELL_TEXT},
    {"server_uri", "server_uri", CELL_TEXT},
    {"season_title", "season_title", CELL_TEXT},
    {"season_number", "season_number", CELL_TEXT},
    {"episode_number", "episode_number", CELL_TEXT},
    {"year", "year", CELL_TEXT},
    {"library_title", "library_title", CELL_TEXT},
    {"channel_title", "channel_title", CELL_TEXT},
    {"is_live", "is_live", CELL_TEXT},
    {"location", "location", CELL_TEXT},
    {"is_relayed", "is_relayed", CELL_TEXT},
    {"is_secure", "is_secure", CELL_TEXT},
    {"public_address", "public_address", CELL_TEXT},
    {"player_product", "player_product", CELL_TEXT},
    {"player_device", "player_device", CELL_TEXT},
    {"player_version", "player_version", CELL_TEXT},
    {"transcode", "transcode", CELL_TEXT},
    {"video_decision", "video_decision", CELL_TEXT},
    {"audio_decision", "audio_decision", CELL_TEXT},
    {"subtitle_decision", "subtitle_decision", CELL_TEXT},
    {"video_resolution", "video_resolution", CELL_TEXT},
    {"video_codec", "video_codec", CELL_TEXT},
    {"audio_codec", "audio_codec", CELL_TEXT},
    {"bitrate_kbps", "bitrate_kbps", CELL_TEXT},
    {"transcode_hw", "transcode_hw", CELL_TEXT},
    {"transcode_progress_percent", "transcode_progress_percent", CELL_TEXT},
    {"session_key", "session_key", CELL_TEXT},
    {"session_name", "session_name", CELL_TEXT},
    {"domain", "domain", CELL_TEXT},
    {"computer_name", "computer_name", CELL_TEXT},
    {"logon_time", "logon_time", CELL_TEXT},
    {"last_input_time", "last_input_time", CELL_TEXT},
    {"connect_time", "connect_time", CELL_TEXT},
    {"disconnect_time", "disconnect_time", CELL_TEXT},
    {"is_locked", "is_locked", CELL_TEXT},
    {"protocol", "protocol", CELL_TEXT},
    {"client_build", "client_build", CELL_TEXT},
    {"client_directory", "client_directory", CELL_TEXT},
    {"client_width", "client_width", CELL_TEXT},
    {"client_height", "client_height", CELL_TEXT},
    {"client_color_depth", "client_color_depth", CELL_TEXT},
    {"taken_at", "taken_at", CELL_TEXT},
    {"age_s", "age_s", CELL_TEXT},
    {"freshness", "freshness", CELL_TEXT},
};

static const struct output_block session_blocks[] = {
    {NULL, NULL, NULL, FITTED(session_columns, session_spans)},
};

const struct output_layout record_sessions = {
    .noun = "sessions",
    .type = "session",
    .name = "session_id",
    .blocks = BLOCKS(session_blocks),
    .csv = {NULL, NULL, NULL, COLUMNS(session_csv)},
};
