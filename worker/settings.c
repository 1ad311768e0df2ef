#include "worker/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/io/broker_uri.h"
#include "protocol/io/platform.h"

/* Never below the will delay: the broker ends the session at the earlier of
 * the two, and the will would go out during a blip. */
#define SESSION_EXPIRY_S_MIN 15

#define MINUTE_S INT64_C(60)
#define HOUR_S (60 * MINUTE_S)
#define DAY_S (24 * HOUR_S)
#define SECOND_MS INT64_C(1000)
#define EVENTS_UNSAID (-1)

/* Where a member lies within its section's structure. */
/* NOLINTBEGIN(bugprone-macro-parentheses): these are members' names. */
#define WITHIN(section, member)                                                \
    (offsetof(struct settings, section.member) -                               \
     offsetof(struct settings, section))
#define SERVER(member) offsetof(struct server_settings, member)
/* NOLINTEND(bugprone-macro-parentheses) */

static const char *const backend_choices[] = {"plex", "wts", NULL};
static const char *const method_choices[] = {"GET", "POST", NULL};
static const char *const events_choices[] = {"off", "on", NULL};

/* clang-format off */
const struct config_key settings_keys[] = {
    {"worker", "host", CONFIG_NAME, WITHIN(worker, host), NULL, 0, 0, NULL,
     "this host's name in the fleet; default: the machine's host name"},
    {"worker", "fleet", CONFIG_NAME, WITHIN(worker, fleet), "lastcall", 0, 0,
     NULL, "the fleet's name; every topic begins with it"},
    /* The defaults of these four depend on the system: preset_paths(). */
    {"worker", "state_dir", CONFIG_PATH, WITHIN(worker, state_dir), NULL, 0, 0,
     NULL, "directory of the journal; default: platform_state_dir()"},
    {"worker", "key", CONFIG_PATH, WITHIN(worker, key), NULL, 0, 0, NULL,
     "this host's private key, readable by its owner alone"},
    {"worker", "grant", CONFIG_PATH, WITHIN(worker, grant), NULL, 0, 0, NULL,
     "what the root says of that key"},
    {"worker", "root", CONFIG_PATH, WITHIN(worker, root), NULL, 0, 0, NULL,
     "the fleet's public root key"},
    {"worker", "max_lifetime", CONFIG_DURATION_S,
     WITHIN(worker, max_lifetime_s), "24h", 1, 30 * DAY_S, NULL,
     "commands that are valid for longer are refused"},
    {"worker", "clock_skew", CONFIG_DURATION_S, WITHIN(worker, clock_skew_s),
     "30s", 0, 10 * MINUTE_S, NULL, "how far the clocks may differ"},
    {"worker", "history_max", CONFIG_INTEGER, WITHIN(worker, history_max),
     "100000", 100, 10000000, NULL, "audit lines kept in the journal"},

    {"broker", "uri", CONFIG_TEXT, WITHIN(broker, uri), NULL, 0, 0, NULL,
     "mqtts://host[:port]; mqtt:// only to this machine"},
    {"broker", "ca", CONFIG_PATH, WITHIN(broker, ca), NULL, 0, 0, NULL,
     "PEM file of the broker's CA; default: the system's"},
    {"broker", "cert", CONFIG_PATH, WITHIN(broker, cert), NULL, 0, 0, NULL,
     "PEM file of a client certificate"},
    {"broker", "cert_key", CONFIG_PATH, WITHIN(broker, cert_key), NULL, 0, 0,
     NULL, "PEM file of the certificate's key"},
    {"broker", "username", CONFIG_TEXT, WITHIN(broker, username), NULL, 0, 0,
     NULL, "user name at the broker; default: none"},
    {"broker", "password_file", CONFIG_PATH, WITHIN(broker, password_file),
     NULL, 0, 0, NULL, "file that holds the password, one line"},
    {"broker", "session_expiry", CONFIG_DURATION_S,
     WITHIN(broker, session_expiry_s), "2m", SESSION_EXPIRY_S_MIN, DAY_S, NULL,
     "how long the broker keeps commands for an absent worker"},
    {"broker", "keep_alive", CONFIG_DURATION_S, WITHIN(broker, keep_alive_s),
     "30s", 5, HOUR_S, NULL, "longest silence on the connection"},

    {"policy", "allow", CONFIG_TEXT, WITHIN(policy, allow), NULL, 0, 0, NULL,
     "BACKEND:ACTION,...; absent: whatever the grants allow"},
    {"policy", "protect", CONFIG_TEXT, WITHIN(policy, protect), NULL, 0, 0,
     NULL, "sessions that match this are never ended"},
    {"policy", "max_sessions", CONFIG_INTEGER, WITHIN(policy, max_sessions),
     "50", 0, 10000, NULL,
     "a command that would end more is refused; 0: no bound"},

    {"server", "backend", CONFIG_CHOICE, SERVER(backend), NULL, 0, 0,
     backend_choices, "plex, or wts on Windows"},
    {"server", "url", CONFIG_TEXT, SERVER(url), NULL, 0, 0, NULL,
     "http://127.0.0.1:32400 or https://..."},
    {"server", "token", CONFIG_TEXT, SERVER(token), NULL, 0, 0, NULL,
     "auto: the token of the server on this machine"},
    {"server", "token_file", CONFIG_PATH, SERVER(token_file), NULL, 0, 0, NULL,
     "file that holds the owner's token, one line"},
    {"server", "ca", CONFIG_PATH, SERVER(ca), NULL, 0, 0, NULL,
     "PEM file of the server's CA; default: the system's"},
    {"server", "resolve", CONFIG_TEXT, SERVER(resolve), NULL, 0, 0, NULL,
     "HOST:PORT:ADDRESS, instead of DNS"},
    {"server", "terminate_method", CONFIG_CHOICE, SERVER(terminate_method),
     "GET", 0, 0, method_choices, "how a playback is ended: GET or POST"},
    /* No default: for wts it may not be said. */
    {"server", "events", CONFIG_CHOICE, SERVER(events), NULL, 0, 0,
     events_choices, "plex: follow the event stream; default: on"},
    {"server", "sessions_interval", CONFIG_DURATION_MS,
     SERVER(sessions_interval_ms), "10s", SECOND_MS, HOUR_S * SECOND_MS, NULL,
     "how often the sessions are read"},
    {"server", "sessions_max_age", CONFIG_DURATION_S,
     SERVER(sessions_max_age_s), "5m", 10, DAY_S, NULL,
     "an unchanged inventory is published this often"},
    {"server", "timeout", CONFIG_DURATION_MS, SERVER(timeout_ms), "5s", 100,
     MINUTE_S * SECOND_MS, NULL, "longest time for one request"},
    {"server", "computer", CONFIG_TEXT, SERVER(computer), NULL, 0, 0, NULL,
     "wts: the machine; default: this one"},
};
/* clang-format on */
const size_t settings_key_count =
    sizeof(settings_keys) / sizeof(settings_keys[0]);

/* What the reader's callback found wrong; it can only say yes or no. */
enum section_fault {
    SECTION_FINE,
    SECTION_UNKNOWN,
    SECTION_NO_MEMORY,
    SECTION_LABEL,
    SECTION_TWICE,
    SECTION_TOO_MANY,
};

struct loading {
    struct settings *out;
    enum section_fault fault;
};

static void complain(struct config_error *error, const char *path,
                     const char *format, ...) LASTCALL_PRINTF(3, 4);

static void complain(struct config_error *error, const char *path,
                     const char *format, ...)
{
    va_list arguments;
    char text[sizeof(error->text) / 2];

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (error->line != 0)
        snprintf(error->text, sizeof(error->text), "%s:%u: %s", path,
                 error->line, text);
    else
        snprintf(error->text, sizeof(error->text), "%s: %s", path, text);
}

static struct server_settings *server_find(const struct settings *settings,
                                           const char *label)
{
    for (size_t i = 0; i < settings->server_count; i++) {
        if (strcmp(settings->servers[i].name.text, label) == 0)
            return &settings->servers[i];
    }
    return NULL;
}

static struct server_settings *server_add(struct loading *loading,
                                          const char *label)
{
    struct settings *out = loading->out;
    struct server_settings *grown = NULL;
    struct server_settings *server = NULL;

    loading->fault = SECTION_LABEL;
    if (label == NULL || !name_is_valid(label, strlen(label)))
        return NULL;
    loading->fault = SECTION_TWICE;
    if (server_find(out, label) != NULL)
        return NULL;
    loading->fault = SECTION_TOO_MANY;
    if (out->server_count == SETTINGS_SERVER_COUNT_MAX)
        return NULL;

    loading->fault = SECTION_NO_MEMORY;
    grown = realloc(out->servers, (out->server_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return NULL;
    out->servers = grown;
    server = &grown[out->server_count];
    *server = (struct server_settings){0};
    if (config_preset(settings_keys, settings_key_count, "server", server) !=
        LASTCALL_OK) {
        config_deinit(settings_keys, settings_key_count, "server", server);
        return NULL;
    }
    server->backend = -1; /* must be said */
    server->events = EVENTS_UNSAID;
    if (name_parse(label, strlen(label), &server->name) != LASTCALL_OK)
        return NULL;
    out->server_count++;
    loading->fault = SECTION_FINE;
    return server;
}

static void *find_section(void *state, const char *section, const char *label)
{
    struct loading *loading = state;

    if (strcmp(section, "server") == 0)
        return server_add(loading, label);

    loading->fault = SECTION_LABEL;
    if (label != NULL)
        return NULL;
    loading->fault = SECTION_FINE;
    if (strcmp(section, "worker") == 0)
        return &loading->out->worker;
    if (strcmp(section, "broker") == 0)
        return &loading->out->broker;
    if (strcmp(section, "policy") == 0)
        return &loading->out->policy;
    loading->fault = SECTION_UNKNOWN;
    return NULL;
}

/* Say more than the reader could: it only saw the section refused. */
static void explain_section(enum section_fault fault, const char *path,
                            struct config_error *error)
{
    switch (fault) {
    case SECTION_FINE:
    case SECTION_UNKNOWN:
        break; /* the reader's own text says it */
    case SECTION_NO_MEMORY:
        complain(error, path, "out of memory");
        break;
    case SECTION_LABEL:
        complain(error, path,
                 "a server's section reads [server \"name\"], and a name is "
                 "made of a-z, 0-9, '.' and '-'; the others have no name");
        break;
    case SECTION_TWICE:
        complain(error, path,
                 "this server is there already; give each "
                 "[server \"name\"] a name of its own");
        break;
    case SECTION_TOO_MANY:
        complain(error, path, "more than %d servers",
                 SETTINGS_SERVER_COUNT_MAX);
        break;
    }
}

static enum lastcall_status check_broker(const struct settings *settings,
                                         struct config_error *error)
{
    const char *uri = settings->broker.uri;
    const char *path = settings->path;
    char detail[MQTT_DETAIL_SIZE];

    if (uri == NULL) {
        complain(error, path,
                 "[broker] uri is missing, such as mqtts://broker.example");
        return LASTCALL_E_CONFIG;
    }
    if (broker_uri_check(uri, detail) != LASTCALL_OK) {
        complain(error, path, "[broker] uri: %s", detail);
        return LASTCALL_E_CONFIG;
    }
    if ((settings->broker.cert == NULL) !=
        (settings->broker.cert_key == NULL)) {
        complain(error, path, "[broker] cert and cert_key go together");
        return LASTCALL_E_CONFIG;
    }
    if (settings->broker.password_file != NULL &&
        settings->broker.username == NULL) {
        complain(error, path, "[broker] password_file needs a username");
        return LASTCALL_E_CONFIG;
    }
    return LASTCALL_OK;
}

/* Say what a Plex server's section lacks, or NULL. */
static const char *plex_fault(const struct server_settings *server)
{
    if (server->url == NULL)
        return "url is missing, such as url = http://127.0.0.1:32400";
    if (strncmp(server->url, "http://", 7) != 0 &&
        strncmp(server->url, "https://", 8) != 0)
        return "url must begin with http:// or https://";
    if (strpbrk(server->url + 7, "@?#") != NULL)
        return "url is scheme, host and port alone; the token has its file";
    if (server->token != NULL && strcmp(server->token, "auto") != 0)
        return "token can only be auto; write the token into a file of its "
               "own and name it with token_file";
    if ((server->token == NULL) == (server->token_file == NULL))
        return "give either token_file = FILE or token = auto";
    if (server->computer != NULL)
        return "computer is for backend = wts";
    return NULL;
}

static const char *wts_fault(const struct server_settings *server)
{
    if (server->url != NULL || server->token != NULL ||
        server->token_file != NULL || server->ca != NULL ||
        server->resolve != NULL)
        return "url, token, token_file, ca and resolve are for backend = plex";
    if (server->events != EVENTS_UNSAID)
        return "events is for backend = plex; Windows tells of changes by "
               "itself";
    return NULL;
}

static enum lastcall_status check_server(const struct settings *settings,
                                         struct server_settings *server,
                                         struct config_error *error)
{
    const char *fault = NULL;

    switch (server->backend) {
    case BACKEND_PLEX:
        fault = plex_fault(server);
        break;
    case BACKEND_WTS:
        fault = wts_fault(server);
        break;
    default:
        fault = "backend is missing, such as backend = plex";
        break;
    }
    if (fault == NULL) {
        if (server->events == EVENTS_UNSAID)
            server->events = server->backend == BACKEND_PLEX;
        return LASTCALL_OK;
    }
    complain(error, settings->path, "[server \"%s\"] %s", server->name.text,
             fault);
    return LASTCALL_E_CONFIG;
}

/* No path of a section may show another machine this one's account. */
static enum lastcall_status check_paths(const struct settings *settings,
                                        const char *section,
                                        const void *structure,
                                        struct config_error *error)
{
    for (size_t i = 0; i < settings_key_count; i++) {
        const struct config_key *key = &settings_keys[i];
        const char *path = NULL;

        if (key->type != CONFIG_PATH || strcmp(key->section, section) != 0)
            continue;
        memcpy(&path, (const char *)structure + key->offset, sizeof(path));
        if (path == NULL || !platform_is_elsewhere(path))
            continue;
        complain(error, settings->path,
                 "[%s] %s: %.100s is no file of this machine's drives; copy "
                 "it to one",
                 section, key->name, path);
        return LASTCALL_E_CONFIG;
    }
    return LASTCALL_OK;
}

static enum lastcall_status check_all_paths(const struct settings *settings,
                                            struct config_error *error)
{
    enum lastcall_status status =
        check_paths(settings, "worker", &settings->worker, error);

    if (status == LASTCALL_OK)
        status = check_paths(settings, "broker", &settings->broker, error);
    for (size_t i = 0; i < settings->server_count && status == LASTCALL_OK; i++)
        status = check_paths(settings, "server", &settings->servers[i], error);
    return status;
}

static enum lastcall_status settings_check(struct settings *settings,
                                           struct config_error *error)
{
    enum lastcall_status status = LASTCALL_E_CONFIG;

    error->line = 0; /* what follows is about several lines at once */
    if (settings->worker.host.text[0] == '\0' &&
        platform_host_name(&settings->worker.host) != LASTCALL_OK) {
        complain(error, settings->path,
                 "the machine's host name is no fleet name; set [worker] host");
        return LASTCALL_E_CONFIG;
    }
    status = check_all_paths(settings, error);
    if (status == LASTCALL_OK)
        status = check_broker(settings, error);
    if (status != LASTCALL_OK)
        return status;
    if (settings->server_count == 0) {
        complain(error, settings->path,
                 "no server: add a section such as [server \"home\"]");
        return LASTCALL_E_CONFIG;
    }
    for (size_t i = 0; i < settings->server_count; i++) {
        status = check_server(settings, &settings->servers[i], error);
        if (status != LASTCALL_OK)
            return status;
    }
    return LASTCALL_OK;
}

/* A file beside worker.conf, as this system has it; NULL: out of memory. */
static char *config_file(const char *name)
{
    const char *folder = platform_config_dir();
    struct bytes path;
    char *text = NULL;

    bytes_init(&path, strlen(folder) + strlen(name) + 2);
    if (bytes_append_format(&path, "%s%s%s", folder, platform_separator,
                            name) == LASTCALL_OK)
        text = bytes_copy_text((const char *)path.data);
    bytes_deinit(&path);
    return text;
}

static enum lastcall_status preset_paths(struct settings *out)
{
    out->worker.state_dir = bytes_copy_text(platform_state_dir());
    out->worker.key = config_file("host.key");
    out->worker.grant = config_file("host.grant");
    out->worker.root = config_file("root.pub");
    if (out->worker.state_dir == NULL || out->worker.key == NULL ||
        out->worker.grant == NULL || out->worker.root == NULL)
        return LASTCALL_E_NOMEM;
    return LASTCALL_OK;
}

static enum lastcall_status preset_all(struct settings *out)
{
    if (config_preset(settings_keys, settings_key_count, "worker",
                      &out->worker) != LASTCALL_OK ||
        config_preset(settings_keys, settings_key_count, "broker",
                      &out->broker) != LASTCALL_OK ||
        config_preset(settings_keys, settings_key_count, "policy",
                      &out->policy) != LASTCALL_OK)
        return LASTCALL_E_NOMEM;
    return preset_paths(out);
}

enum lastcall_status settings_load(const char *path, struct settings *out,
                                   struct config_error *error)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    struct loading loading = {.out = out};
    const struct config_target target = {.section = find_section,
                                         .state = &loading};

    *out = (struct settings){0};
    *error = (struct config_error){0};
    out->path = bytes_copy_text(path);
    if (out->path == NULL)
        goto out;
    status = preset_all(out);
    if (status != LASTCALL_OK)
        goto out;
    status = config_read_file(path, settings_keys, settings_key_count, &target,
                              error);
    if (status != LASTCALL_OK) {
        explain_section(loading.fault, path, error);
        goto out;
    }
    status = settings_check(out, error);

out:
    if (status != LASTCALL_OK)
        settings_deinit(out);
    return status;
}

void settings_deinit(struct settings *settings)
{
    config_deinit(settings_keys, settings_key_count, "worker",
                  &settings->worker);
    config_deinit(settings_keys, settings_key_count, "broker",
                  &settings->broker);
    config_deinit(settings_keys, settings_key_count, "policy",
                  &settings->policy);
    for (size_t i = 0; i < settings->server_count; i++)
        config_deinit(settings_keys, settings_key_count, "server",
                      &settings->servers[i]);
    free(settings->servers);
    free(settings->path);
    *settings = (struct settings){0};
}
