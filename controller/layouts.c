/* Which members of a record a person sees, and which a spreadsheet gets. */
#include "controller/records.h"

#define COLUMNS(array) (array), sizeof(array) / sizeof((array)[0])
#define BLOCKS(array) (array), sizeof(array) / sizeof((array)[0])

static const struct output_column result_columns[] = {
    {"HOST", "host", CELL_TEXT},       {"ANSWER", "outcome", CELL_STATE},
    {"MATCHED", "matched", CELL_TEXT}, {"DONE", "succeeded", CELL_TEXT},
    {"CODE", "code", CELL_STATE},      {"TIME", "round_trip_ms", CELL_MS},
    {"DETAIL", "detail", CELL_TEXT},
};

static const struct output_column outcome_columns[] = {
    {"HOST", "host", CELL_TEXT},           {"SERVER", ".server", CELL_TEXT},
    {"SESSION", ".session_id", CELL_TEXT}, {"CODE", ".code", CELL_STATE},
    {"DETAIL", ".detail", CELL_TEXT},
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

static const struct output_column reply_columns[] = {
    {"HOST", "host", CELL_TEXT},           {"SERVER", ".server", CELL_TEXT},
    {"SESSION", ".session_id", CELL_TEXT}, {"USER", ".session", CELL_USER},
    {"PRESSED", ".response", CELL_TEXT},   {"CODE", ".code", CELL_STATE},
    {"DETAIL", ".detail", CELL_TEXT},
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
    {NULL, NULL, NULL, COLUMNS(result_columns)},
    {"sessions", "code", "ok", COLUMNS(outcome_columns)},
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
    {"sessions", NULL, NULL, COLUMNS(shown_columns)},
    {NULL, NULL, NULL, COLUMNS(result_columns)},
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
    {"sessions", NULL, NULL, COLUMNS(reply_columns)},
    {NULL, NULL, NULL, COLUMNS(result_columns)},
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
    {"sessions", NULL, NULL, COLUMNS(shown_columns)},
    {NULL, NULL, NULL, COLUMNS(plan_columns)},
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

static const struct output_column ping_csv[] = {
    {"host", "host", CELL_TEXT},
    {"outcome", "outcome", CELL_TEXT},
    {"code", "code", CELL_TEXT},
    {"round_trip_ms", "round_trip_ms", CELL_TEXT},
    {"clock_skew_ms", "clock_skew_ms", CELL_TEXT},
    {"detail", "detail", CELL_TEXT},
};

static const struct output_block ping_blocks[] = {
    {NULL, NULL, NULL, COLUMNS(ping_columns)},
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
    {NULL, NULL, NULL, COLUMNS(job_columns)},
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
    {NULL, NULL, NULL, COLUMNS(job_host_columns)},
    {"sessions", "code", "ok", COLUMNS(outcome_columns)},
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
    {NULL, NULL, NULL, COLUMNS(host_columns)},
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
    {NULL, NULL, NULL, COLUMNS(session_columns)},
};

const struct output_layout record_sessions = {
    .noun = "sessions",
    .type = "session",
    .name = "session_id",
    .blocks = BLOCKS(session_blocks),
    .csv = {NULL, NULL, NULL, COLUMNS(session_csv)},
};
