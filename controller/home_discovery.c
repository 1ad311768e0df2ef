#include "controller/home_discovery.h"

#include <stdio.h>
#include <string.h>

#include "controller/home_project.h"
#include "controller/home_topic.h"
#include "protocol/body.h"

/* "reachable_<server>", "button_<id>": the longest prefix is that of ten. */
#define KEY_SIZE (sizeof "reachable_" + NAME_LEN_MAX)
#define UNIQUE_ID_SIZE (HOME_OBJECT_ID_SIZE + KEY_SIZE)
/* "binary_sensor.<fleet>_<host>_<key>" */
#define ENTITY_ID_SIZE                                                         \
    (sizeof "binary_sensor." + (size_t)2 * NAME_LEN_MAX + KEY_SIZE)
#define TITLE_SIZE (sizeof "Sessions on " + NAME_LEN_MAX)
/* A platform's name, as read from what was retained. */
#define PLATFORM_LEN_MAX 32

#define SESSIONS_ATTRIBUTES                                                    \
    "{{ {'server': value_json.server, 'backend': value_json.backend, "         \
    "'taken_at': value_json.taken_at, 'truncated': value_json.truncated, "     \
    "'sessions': value_json.sessions} | tojson }}"

static const struct {
    const char *model;
    const char *icon;
} kinds[] = {
    [BACKEND_PLEX] = {"Plex Media Server", "mdi:plex"},
    [BACKEND_WTS] = {"Windows terminal sessions", "mdi:remote-desktop"},
};

/* A device while its payload is written. */
struct device {
    const struct bridge_config *config; /* borrowed, as the name */
    const struct name *host;            /* "" for the bridge's own device */
    char id[HOME_OBJECT_ID_SIZE];
    struct body_writer root;
    struct body_writer components;
};

static struct body_writer begin(void)
{
    struct body_writer writer = {json_object(), LASTCALL_OK};

    if (writer.object == NULL)
        writer.status = LASTCALL_E_NOMEM;
    return writer;
}

/* The finished object, or NULL: what takes it over says "out of memory". */
static json_t *finish(struct body_writer *writer)
{
    json_t *object = writer->object;

    if (writer->status != LASTCALL_OK) {
        json_decref(object);
        object = NULL;
    }
    *writer = (struct body_writer){0};
    return object;
}

static void put_topic(struct body_writer *writer, const char *member,
                      const struct device *device, struct home_topic parts)
{
    struct topic topic;

    parts.host = *device->host;
    home_topic_format(device->config->fleet.text, &parts, &topic);
    body_put(writer, member, json_string(topic.text));
}

/* --- availability --------------------------------------------------------- */

static void add_availability(struct body_writer *list, struct device *device,
                             struct home_topic parts, const char *template)
{
    struct body_writer item = begin();
    json_t *object = NULL;

    put_topic(&item, "topic", device, parts);
    if (template != NULL)
        body_put(&item, "value_template", json_string(template));
    object = finish(&item);
    if (object == NULL || json_array_append_new(list->object, object) != 0)
        list->status = LASTCALL_E_NOMEM;
}

enum depends_on {
    ON_BRIDGE, /* its own state says more than "unavailable" would */
    ON_HOST,
    ON_SERVER, /* its last known value is worth nothing without it */
};

/* Each thing that must be there for an entity to mean anything. */
static void put_availability(struct body_writer *writer, struct device *device,
                             enum depends_on on, const struct name *server)
{
    struct body_writer list = {json_array(), LASTCALL_OK};

    if (list.object == NULL) {
        writer->status = LASTCALL_E_NOMEM;
        return;
    }
    add_availability(&list, device,
                     (struct home_topic){.kind = HOME_BRIDGE_STATE}, NULL);
    if (on != ON_BRIDGE)
        add_availability(&list, device,
                         (struct home_topic){.kind = HOME_HOST_STATE}, NULL);
    if (on == ON_SERVER)
        add_availability(
            &list, device,
            (struct home_topic){.kind = HOME_HOST_SESSIONS, .server = *server},
            "{{ 'online' if value_json.reachable else 'offline' }}");
    body_put(writer, "availability", finish(&list));
    body_put(writer, "availability_mode", json_string("all"));
}

/* --- entities ------------------------------------------------------------- */

/* Append what entity ids are made of: small letters, digits, single '_'. */
static void append_slug(char *out, size_t size, const char *text)
{
    size_t len = strlen(out);

    for (const char *c = text; *c != '\0' && len + 2 < size; c++) {
        const bool is_plain =
            (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');

        if (is_plain)
            out[len++] = *c;
        else if (len > 0 && out[len - 1] != '_' && out[len - 1] != '.')
            out[len++] = '_';
        out[len] = '\0';
    }
}

static void trim_slug(char *out)
{
    const size_t len = strlen(out);

    if (len > 0 && out[len - 1] == '_')
        out[len - 1] = '\0';
}

static void put_entity_id(struct body_writer *writer,
                          const struct device *device, const char *platform,
                          const char *key)
{
    char id[ENTITY_ID_SIZE];

    snprintf(id, sizeof id, "%s.", platform);
    append_slug(id, sizeof id, device->config->fleet.text);
    append_slug(id, sizeof id, "_");
    append_slug(id, sizeof id, device->host->text);
    append_slug(id, sizeof id, device->host->text[0] == '\0' ? "" : "_");
    append_slug(id, sizeof id, strncmp(key, "button_", 7) == 0 ? key + 7 : key);
    trim_slug(id);
    body_put(writer, "default_entity_id", json_string(id));
}

/* Begin a component with what every entity has. */
static struct body_writer entity(const struct device *device,
                                 const char *platform, const char *key,
                                 const char *title, const char *icon)
{
    struct body_writer writer = begin();
    char unique_id[UNIQUE_ID_SIZE];

    snprintf(unique_id, sizeof unique_id, "%s:%s", device->id, key);
    body_put(&writer, "platform", json_string(platform));
    body_put(&writer, "unique_id", json_string(unique_id));
    put_entity_id(&writer, device, platform, key);
    body_put_text(&writer, "name", title);
    if (icon != NULL)
        body_put(&writer, "icon", json_string(icon));
    /* The first versions that know this form keep the root's to themselves. */
    body_put(&writer, "qos", json_integer(1));
    return writer;
}

static void put_component(struct device *device, const char *key,
                          struct body_writer *component)
{
    body_put(&device->components, key, finish(component));
}

/* A topic with "online" and "offline", which is what an entity shows. */
static void add_connectivity(struct device *device, const char *key,
                             const char *title, enum home_topic_kind kind)
{
    struct body_writer writer =
        entity(device, "binary_sensor", key, title, NULL);

    put_topic(&writer, "state_topic", device,
              (struct home_topic){.kind = kind});
    body_put(&writer, "payload_on", json_string(HOME_ONLINE));
    body_put(&writer, "payload_off", json_string(HOME_OFFLINE));
    body_put(&writer, "device_class", json_string("connectivity"));
    body_put(&writer, "entity_category", json_string("diagnostic"));
    if (kind == HOME_HOST_STATE)
        put_availability(&writer, device, ON_BRIDGE, NULL);
    put_component(device, key, &writer);
}

static void add_sessions(struct device *device,
                         const struct home_server *server)
{
    const struct home_topic topic = {.kind = HOME_HOST_SESSIONS,
                                     .server = server->name};
    struct body_writer writer;
    char key[KEY_SIZE];
    char title[TITLE_SIZE];

    snprintf(key, sizeof key, "sessions_%s", server->name.text);
    snprintf(title, sizeof title, "Sessions on %s", server->name.text);
    writer = entity(device, "sensor", key, title, kinds[server->backend].icon);
    put_topic(&writer, "state_topic", device, topic);
    body_put(&writer, "value_template", json_string("{{ value_json.count }}"));
    body_put(&writer, "state_class", json_string("measurement"));
    body_put(&writer, "unit_of_measurement", json_string("sessions"));
    put_topic(&writer, "json_attributes_topic", device, topic);
    body_put(&writer, "json_attributes_template",
             json_string(SESSIONS_ATTRIBUTES));
    /* No expire_after: how old a list may be is each worker's own setting,
     * and worker, host and server all say themselves that they are gone. */
    put_availability(&writer, device, ON_SERVER, &server->name);
    put_component(device, key, &writer);
}

static void add_reachable(struct device *device,
                          const struct home_server *server)
{
    struct body_writer writer;
    char key[KEY_SIZE];
    char title[TITLE_SIZE];

    snprintf(key, sizeof key, "reachable_%s", server->name.text);
    snprintf(title, sizeof title, "Server %s", server->name.text);
    writer = entity(device, "binary_sensor", key, title, NULL);
    put_topic(&writer, "state_topic", device,
              (struct home_topic){.kind = HOME_HOST_SESSIONS,
                                  .server = server->name});
    body_put(&writer, "value_template",
             json_string("{{ 'ON' if value_json.reachable else 'OFF' }}"));
    body_put(&writer, "device_class", json_string("connectivity"));
    body_put(&writer, "entity_category", json_string("diagnostic"));
    put_component(device, key, &writer);
}

static void put_names(struct body_writer *writer,
                      const char *(*name_of)(unsigned), unsigned count)
{
    json_t *names = json_array();

    for (unsigned i = 0; i < count && names != NULL; i++) {
        if (json_array_append_new(names, json_string(name_of(i))) != 0) {
            json_decref(names);
            names = NULL;
        }
    }
    body_put(writer, "event_types", names);
}

static const char *event_name(unsigned kind)
{
    return event_kind_name((enum event_kind)kind);
}

static const char *outcome_name(unsigned outcome)
{
    return home_outcome_name((enum home_outcome)outcome);
}

static void add_event(struct device *device)
{
    struct body_writer writer =
        entity(device, "event", "event", "Session", "mdi:account-clock");

    put_topic(&writer, "state_topic", device,
              (struct home_topic){.kind = HOME_HOST_EVENT});
    put_names(&writer, event_name, EVENT_KIND_COUNT);
    put_component(device, "event", &writer);
}

/* On the bridge's own device each entity says itself what it depends on, since
 * one must not: what shows whether the bridge is there. */
static void put_own_availability(struct body_writer *writer,
                                 struct device *device)
{
    if (device->host->text[0] == '\0')
        put_availability(writer, device, ON_BRIDGE, NULL);
}

static void add_result(struct device *device, enum home_topic_kind kind)
{
    struct body_writer writer = entity(device, "event", "result", "Result",
                                       "mdi:clipboard-check-outline");

    put_topic(&writer, "state_topic", device,
              (struct home_topic){.kind = kind});
    put_names(&writer, outcome_name, HOME_OUTCOME_COUNT);
    put_own_availability(&writer, device);
    put_component(device, "result", &writer);
}

static void add_buttons(struct device *device, enum home_topic_kind press)
{
    for (size_t i = 0; i < device->config->button_count; i++) {
        const struct home_button *button = &device->config->buttons[i];
        struct body_writer writer;
        char key[KEY_SIZE];

        if (!home_button_is_on(button, device->host))
            continue;
        snprintf(key, sizeof key, "button_%s", button->id.text);
        writer = entity(device, "button", key, button->title, button->icon);
        put_topic(&writer, "command_topic", device,
                  (struct home_topic){.kind = press});
        body_put(&writer, "payload_press", json_string(button->id.text));
        body_put(&writer, "retain", json_false());
        put_own_availability(&writer, device);
        put_component(device, key, &writer);
    }
}

/* --- devices -------------------------------------------------------------- */

static void begin_device(struct device *device,
                         const struct bridge_config *config,
                         const struct name *host)
{
    device->config = config;
    device->host = host;
    home_object_id(config->fleet.text, host, device->id);
    device->root = begin();
    device->components = begin();
}

static void put_identifier(struct body_writer *writer, const char *id)
{
    json_t *ids = json_array();

    if (ids != NULL && json_array_append_new(ids, json_string(id)) != 0) {
        json_decref(ids);
        ids = NULL;
    }
    body_put(writer, "identifiers", ids);
}

static void put_origin(struct body_writer *root)
{
    struct body_writer origin = begin();

    body_put(&origin, "name", json_string(HOME_ORIGIN));
    body_put(&origin, "sw_version", json_string(LASTCALL_VERSION));
    body_put(root, "origin", finish(&origin));
}

static enum lastcall_status end_device(struct device *device, struct bytes *out)
{
    enum lastcall_status status = LASTCALL_OK;

    body_put(&device->root, "qos", json_integer(1));
    body_put(&device->root, "components", finish(&device->components));
    status = device->root.status;
    if (status == LASTCALL_OK)
        status = json_write(device->root.object, out);
    json_decref(device->root.object);
    return status;
}

/* The kinds of its servers: "Plex Media Server", or both, or none. */
static void put_model(struct body_writer *block, const struct home_host *host)
{
    bool has[BACKEND_KIND_COUNT] = {false};

    for (size_t i = 0; i < host->server_count; i++)
        has[host->servers[i].backend] = true;
    if (has[BACKEND_PLEX] && has[BACKEND_WTS])
        body_put(block, "model",
                 json_string("Plex Media Server, Windows terminal sessions"));
    else if (has[BACKEND_PLEX] || has[BACKEND_WTS])
        body_put(
            block, "model",
            json_string(
                kinds[has[BACKEND_PLEX] ? BACKEND_PLEX : BACKEND_WTS].model));
}

static void put_host_block(struct device *device, const struct home_host *host)
{
    static const struct name own = {""};
    struct body_writer block = begin();
    char bridge[HOME_OBJECT_ID_SIZE];

    home_object_id(device->config->fleet.text, &own, bridge);
    put_identifier(&block, device->id);
    body_put(&block, "name", json_string(host->name.text));
    body_put(&block, "manufacturer", json_string(HOME_ORIGIN));
    put_model(&block, host);
    if (host->version[0] != '\0')
        body_put_text(&block, "sw_version", host->version);
    if (host->os[0] != '\0')
        body_put_text(&block, "hw_version", host->os);
    body_put(&block, "via_device", json_string(bridge));
    body_put(&device->root, "device", finish(&block));
}

enum lastcall_status home_discovery_host(const struct bridge_config *config,
                                         const struct home_host *host,
                                         struct bytes *out)
{
    struct device device = {0};

    begin_device(&device, config, &host->name);
    put_host_block(&device, host);
    put_origin(&device.root);
    put_availability(&device.root, &device, ON_HOST, NULL);
    add_connectivity(&device, "worker", "Worker", HOME_HOST_STATE);
    for (size_t i = 0; i < host->server_count; i++) {
        add_sessions(&device, &host->servers[i]);
        add_reachable(&device, &host->servers[i]);
    }
    add_event(&device);
    add_buttons(&device, HOME_HOST_PRESS);
    add_result(&device, HOME_HOST_RESULT);
    return end_device(&device, out);
}

enum lastcall_status home_discovery_bridge(const struct bridge_config *config,
                                           struct bytes *out)
{
    static const struct name own = {""};
    struct device device = {0};
    struct body_writer block = begin();
    char title[NAME_LEN_MAX + sizeof " bridge"];

    begin_device(&device, config, &own);
    snprintf(title, sizeof title, "%s bridge", config->fleet.text);
    put_identifier(&block, device.id);
    body_put(&block, "name", json_string(title));
    body_put(&block, "manufacturer", json_string(HOME_ORIGIN));
    body_put(&block, "model", json_string("Home automation bridge"));
    body_put(&block, "sw_version", json_string(LASTCALL_VERSION));
    body_put(&device.root, "device", finish(&block));
    put_origin(&device.root);
    add_connectivity(&device, "bridge", "Connection", HOME_BRIDGE_STATE);
    add_buttons(&device, HOME_BRIDGE_PRESS);
    add_result(&device, HOME_BRIDGE_RESULT);
    return end_device(&device, out);
}

/* --- what was retained ---------------------------------------------------- */

/* Read a payload of ours; NULL when it is none.  A new reference. */
static json_t *read_ours(const void *payload, size_t len)
{
    json_t *root = NULL;
    json_t *origin = NULL;
    const char *name = NULL;

    if (len > HOME_DISCOVERY_BYTES_MAX ||
        json_parse_object(payload, len, &root, NULL) != LASTCALL_OK)
        return NULL;
    if (json_get_object(root, "origin", JSON_REQUIRED, &origin, NULL) !=
            LASTCALL_OK ||
        json_get_text(origin, "name", JSON_REQUIRED, sizeof HOME_ORIGIN, &name,
                      NULL) != LASTCALL_OK ||
        strcmp(name, HOME_ORIGIN) != 0) {
        json_decref(root);
        return NULL;
    }
    return root;
}

bool home_discovery_is_ours(const void *payload, size_t len)
{
    json_t *root = read_ours(payload, len);

    json_decref(root);
    return root != NULL;
}

/* Put the platform alone of each component that only the former has. */
static enum lastcall_status put_gone(json_t *former, json_t *components,
                                     size_t *count)
{
    const char *key = NULL;
    json_t *component = NULL;

    *count = 0;
    json_object_foreach(former, key, component)
    {
        struct body_writer alone;
        const char *platform = NULL;
        enum lastcall_status status = LASTCALL_OK;

        if (json_object_get(components, key) != NULL ||
            json_get_text(component, "platform", JSON_REQUIRED,
                          PLATFORM_LEN_MAX, &platform, NULL) != LASTCALL_OK)
            continue;
        alone = begin();
        body_put(&alone, "platform", json_string(platform));
        status = json_put(components, key, finish(&alone));
        if (status != LASTCALL_OK)
            return status;
        *count += 1;
    }
    return LASTCALL_OK;
}

enum lastcall_status home_discovery_retire(const void *previous, size_t len,
                                           const struct bytes *next,
                                           struct bytes *out)
{
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    json_t *before = read_ours(previous, len);
    json_t *after = read_ours(next->data, next->len);
    json_t *former = NULL;
    json_t *components = NULL;
    size_t count = 0;

    if (json_get_object(after, "components", JSON_REQUIRED, &components,
                        NULL) != LASTCALL_OK)
        goto out;
    status = LASTCALL_OK;
    if (json_get_object(before, "components", JSON_REQUIRED, &former, NULL) !=
        LASTCALL_OK)
        goto out;
    status = put_gone(former, components, &count);
    if (status == LASTCALL_OK && count > 0)
        status = json_write(after, out);

out:
    json_decref(before);
    json_decref(after);
    return status;
}
