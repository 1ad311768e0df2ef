#include "controller/home_config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/message.h"
#include "controller/select.h"
#include "protocol/io/broker_uri.h"
#include "protocol/text.h"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789.-"
/* Nothing that a filter could take for a wildcard. */
#define TOPIC_LETTERS NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_/"
#define ICON_LETTERS NAME_LETTERS ":_"

/* A section while it is read. */
struct section {
    const char *button; /* its label; NULL: [bridge] */
    const struct settings_places *places;
    struct config_error *error;
};

/* Say what is wrong, with the place of a key, or of the section. */
LASTCALL_PRINTF(3, 4)
static enum lastcall_status complain(const struct section *in, const char *key,
                                     const char *format, ...)
{
    const struct settings_place *place = settings_places_find(in->places, key);
    struct config_error *error = in->error;
    char text[188];
    char where[136] = "";
    va_list rest;

    va_start(rest, format);
    vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    if (place != NULL) {
        error->line = place->line;
        snprintf(where, sizeof where, "%.120s:%u: ", place->path, place->line);
    }
    if (in->button == NULL)
        snprintf(error->text, sizeof error->text, "%s[bridge] %s", where, text);
    else
        snprintf(error->text, sizeof error->text, "%s[button \"%.63s\"] %s",
                 where, in->button, text);
    return LASTCALL_E_CONFIG;
}

/* Copy a text that may be NULL. */
static enum lastcall_status copy(const char *text, char **out)
{
    *out = bytes_copy_text(text);
    return *out == NULL && text != NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
}

/* [bridge] */

/* A pattern over hosts, or a host's name. */
static bool is_pattern(const char *text, size_t len)
{
    return len >= 1 && len <= NAME_LEN_MAX &&
           strspn(text, NAME_LETTERS "*") >= len && text[0] != '.' &&
           text[0] != '-';
}

static enum lastcall_status read_hosts(const char *list,
                                       struct bridge_config *out,
                                       const struct section *in)
{
    const char *const separators = ", \t";

    if (list == NULL)
        return LASTCALL_OK;
    out->hosts = calloc(HOME_PATTERN_MAX, sizeof *out->hosts);
    if (out->hosts == NULL)
        return LASTCALL_E_NOMEM;
    for (list += strspn(list, separators); *list != '\0';
         list += strspn(list, separators)) {
        const size_t len = strcspn(list, separators);
        char *entry = NULL;

        if (!is_pattern(list, len))
            return complain(in, "hosts",
                            "hosts: \"%.*s\" is neither a host's name nor a "
                            "pattern such as media-*",
                            (int)(len > 80 ? 80 : len), list);
        if (out->host_count == HOME_PATTERN_MAX)
            return complain(in, "hosts", "hosts: more than %d patterns",
                            HOME_PATTERN_MAX);
        entry = calloc(1, len + 1);
        if (entry == NULL)
            return LASTCALL_E_NOMEM;
        memcpy(entry, list, len);
        out->hosts[out->host_count++] = entry;
        list += len;
    }
    /* None would be taken for everybody. */
    if (out->host_count == 0)
        return complain(in, "hosts",
                        "hosts names nobody; leave the key out to show all");
    return LASTCALL_OK;
}

static enum lastcall_status read_topic(const char *key, const char *text,
                                       size_t len_max, char **out,
                                       const struct section *in)
{
    const size_t len = strlen(text);

    if (len < 1 || len > len_max || text[strspn(text, TOPIC_LETTERS)] != '\0' ||
        text[0] == '/' || text[len - 1] == '/')
        return complain(in, key,
                        "%s: \"%.80s\" is no topic: 1 to %zu letters, digits, "
                        "'.', '-', '_' and '/' in between",
                        key, text, len_max);
    return copy(text, out);
}

/* What is not said of the home's broker is the fleet's, when the broker is. */
static enum lastcall_status
read_broker(const struct controller_settings *settings,
            struct bridge_config *out)
{
    const struct bridge_settings *own = &settings->bridge;
    const bool is_fleets = own->broker == NULL;
    const bool has_user = own->username != NULL || !is_fleets;
    const bool has_cert = own->cert != NULL || !is_fleets;
    const bool has_ca = own->ca != NULL || !is_fleets;
    enum lastcall_status status =
        copy(is_fleets ? settings->broker : own->broker, &out->broker);

    if (status == LASTCALL_OK)
        status =
            copy(has_user ? own->username : settings->username, &out->username);
    if (status == LASTCALL_OK)
        status = copy(has_user ? own->password_file : settings->password_file,
                      &out->password_file);
    if (status == LASTCALL_OK)
        status = copy(has_ca ? own->ca : settings->ca, &out->ca);
    if (status == LASTCALL_OK)
        status = copy(has_cert ? own->cert : settings->cert, &out->cert);
    if (status == LASTCALL_OK)
        status =
            copy(has_cert ? own->cert_key : settings->cert_key, &out->cert_key);
    return status;
}

static enum lastcall_status check_broker(const struct bridge_config *config,
                                         const struct bridge_settings *own,
                                         const struct section *in)
{
    char detail[MQTT_DETAIL_SIZE] = "";

    if (config->broker == NULL)
        return complain(in, "broker",
                        "no broker is known; write broker = mqtts://HOST, or "
                        "uri = ... below [broker] for the fleet's");
    if (broker_uri_check(config->broker, detail) != LASTCALL_OK)
        return complain(in, "broker", "broker: %s", detail);
    if ((own->cert == NULL) != (own->cert_key == NULL))
        return complain(in, own->cert == NULL ? "cert_key" : "cert",
                        "cert and cert_key go together");
    if (own->password_file != NULL && own->username == NULL)
        return complain(in, "password_file", "password_file needs a username");
    return LASTCALL_OK;
}

static enum lastcall_status
read_bridge(const struct controller_settings *settings,
            struct bridge_config *out, const struct section *in)
{
    const struct bridge_settings *own = &settings->bridge;
    enum lastcall_status status = read_broker(settings, out);

    out->fleet = settings->fleet;
    out->quiet_ms = own->quiet_ms;
    if (status == LASTCALL_OK)
        status = check_broker(out, own, in);
    if (status == LASTCALL_OK)
        status = read_topic("discovery_prefix", own->discovery_prefix,
                            HOME_PREFIX_LEN_MAX, &out->discovery_prefix, in);
    if (status == LASTCALL_OK)
        status = read_topic("birth_topic", own->birth_topic, HOME_BIRTH_LEN_MAX,
                            &out->birth_topic, in);
    if (status == LASTCALL_OK)
        status = read_hosts(own->hosts, out, in);
    return status;
}

/* [button "..."] */

static enum lastcall_status read_title(const struct button_settings *from,
                                       struct home_button *out,
                                       const struct section *in)
{
    const char *title = from->title == NULL ? from->id.text : from->title;
    const char *icon = from->icon;
    enum lastcall_status status = LASTCALL_OK;

    if (title[0] == '\0' || strlen(title) > HOME_TITLE_LEN_MAX ||
        !text_is_clean(title))
        return complain(in, "name", "name is 1 to %d bytes of plain text",
                        HOME_TITLE_LEN_MAX);
    if (icon != NULL &&
        (strlen(icon) > HOME_ICON_LEN_MAX || strchr(icon, ':') == NULL ||
         icon[strspn(icon, ICON_LETTERS)] != '\0'))
        return complain(in, "icon",
                        "icon: \"%.80s\" is no icon such as mdi:stop", icon);
    status = copy(title, &out->title);
    return status == LASTCALL_OK ? copy(icon, &out->icon) : status;
}

static enum lastcall_status read_target(const struct button_settings *from,
                                        struct home_button *out,
                                        const struct section *in)
{
    const char *target = from->target == NULL ? "" : from->target;

    if (strcmp(target, "all") == 0) {
        out->scope = ADDRESS_ALL;
        return LASTCALL_OK;
    }
    if (strncmp(target, "group:", 6) == 0 &&
        name_parse(target + 6, strlen(target + 6), &out->group) ==
            LASTCALL_OK) {
        out->scope = ADDRESS_GROUP;
        return LASTCALL_OK;
    }
    if (strncmp(target, "host:", 5) == 0 &&
        is_pattern(target + 5, strlen(target + 5))) {
        out->scope = ADDRESS_HOST;
        return copy(target + 5, &out->pattern);
    }
    return complain(in, "target",
                    "target = host:NAME, host:PATTERN, group:NAME or all is "
                    "needed, not \"%.80s\"",
                    target);
}

/* A filter passes over what is nobody's session, as the command's does. */
static enum lastcall_status read_where(const struct button_settings *from,
                                       struct request *out,
                                       const struct section *in)
{
    const char *where = from->every ? SELECT_WHERE_EVERY : from->where;
    struct filter_error why = {0};
    struct filter alone = {0};
    struct bytes whole;
    enum lastcall_status status = LASTCALL_OK;

    if (from->every == (from->where != NULL))
        return complain(in, "where",
                        "which sessions? write where = EXPRESSION or "
                        "every = yes, one of them");
    /* By itself first: "a) or (b" is no expression. */
    status = filter_parse(where, &alone, &why);
    filter_deinit(&alone);
    bytes_init(&whole, 2 * (size_t)FILTER_TEXT_MAX);
    if (status == LASTCALL_OK)
        status = out->action == ACTION_STOP
                     ? bytes_append_text(&whole, where)
                     : bytes_append_format(
                           &whole, "(%s) and " SELECT_WHERE_SOMEBODY, where);
    if (status == LASTCALL_OK)
        status = filter_parse((const char *)whole.data, &out->where, &why);
    bytes_deinit(&whole);
    out->has_where = true;
    if (status == LASTCALL_OK || status == LASTCALL_E_NOMEM)
        return status;
    return complain(in, "where", "where: %s, at character %zu",
                    why.text[0] != '\0' ? why.text : status_text(status),
                    why.position + 1);
}

/* Copy a text of 1 to chars_max characters, or none. */
static enum lastcall_status read_text(const char *key, const char *text,
                                      size_t chars_max, char **out,
                                      const struct section *in)
{
    const size_t chars = text == NULL ? 1 : text_count_chars(text);

    if (chars < 1 || chars > chars_max)
        return complain(in, key, "%s is 1 to %zu characters, not %zu", key,
                        chars_max, chars);
    return copy(text, out);
}

static enum lastcall_status read_message(const struct button_settings *from,
                                         struct request *out,
                                         const struct section *in)
{
    const char *title = from->message_title;
    enum lastcall_status status = LASTCALL_OK;

    if (out->action != ACTION_MESSAGE)
        return from->message == NULL && title == NULL
                   ? LASTCALL_OK
                   : complain(in, from->message == NULL ? "title" : "message",
                              "title and message go with action = message");
    if (from->message == NULL)
        return complain(in, "message", "message = TEXT is needed");
    status = read_text("message", from->message, REQUEST_MESSAGE_CHARS_MAX,
                       &out->message, in);
    if (status == LASTCALL_OK)
        status =
            read_text("title", title == NULL ? MESSAGE_TITLE_PRESET : title,
                      REQUEST_TITLE_CHARS_MAX, &out->title, in);
    return status;
}

static enum lastcall_status read_request(const struct button_settings *from,
                                         struct request *out,
                                         const struct section *in)
{
    enum lastcall_status status = LASTCALL_OK;

    out->backends = BACKEND_SET_ALL;
    out->limit =
        from->limit == SETTINGS_UNSET ? REQUEST_LIMIT_NONE : from->limit;
    if (from->action == SETTINGS_UNSET)
        return complain(in, "action",
                        "action = end, stop, disconnect, logoff or message is "
                        "needed");
    status = action_parse(settings_button_actions[from->action], &out->action);
    if (status == LASTCALL_OK)
        status = read_where(from, out, in);
    if (status == LASTCALL_OK)
        status = read_text("reason", from->reason, REQUEST_REASON_CHARS_MAX,
                           &out->reason, in);
    if (status == LASTCALL_OK)
        status = read_message(from, out, in);
    return status;
}

static enum lastcall_status read_button(const struct button_settings *from,
                                        struct home_button *out,
                                        const struct section *in)
{
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct home_button){
        .id = from->id,
        .min_interval_ms = from->min_interval_ms,
        .timeout_ms = from->timeout_ms,
    };
    status = read_title(from, out, in);
    if (status == LASTCALL_OK)
        status = read_target(from, out, in);
    if (status == LASTCALL_OK)
        status = read_request(from, &out->request, in);
    return status;
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(((const struct home_button *)left)->id.text,
                  ((const struct home_button *)right)->id.text);
}

enum lastcall_status
bridge_config_make(const struct controller_settings *settings,
                   struct bridge_config *out, struct config_error *error)
{
    const struct section in = {NULL, &settings->bridge.places, error};
    enum lastcall_status status = LASTCALL_E_NOMEM;

    *out = (struct bridge_config){0};
    *error = (struct config_error){0};
    status = read_bridge(settings, out, &in);
    if (status == LASTCALL_OK && settings->button_count > 0) {
        out->buttons = calloc(settings->button_count, sizeof *out->buttons);
        if (out->buttons == NULL)
            return LASTCALL_E_NOMEM;
    }
    for (size_t i = 0; i < settings->button_count && status == LASTCALL_OK;
         i++) {
        const struct button_settings *from = &settings->buttons[i];
        const struct section own = {from->id.text, &from->places, error};

        status = read_button(from, &out->buttons[out->button_count++], &own);
    }
    if (status == LASTCALL_OK && out->button_count > 0)
        qsort(out->buttons, out->button_count, sizeof *out->buttons,
              compare_ids);
    return status;
}

static void button_deinit(struct home_button *button)
{
    free(button->title);
    free(button->icon);
    free(button->pattern);
    request_deinit(&button->request);
}

void bridge_config_deinit(struct bridge_config *config)
{
    free(config->broker);
    free(config->username);
    free(config->password_file);
    free(config->ca);
    free(config->cert);
    free(config->cert_key);
    free(config->discovery_prefix);
    free(config->birth_topic);
    for (size_t i = 0; i < config->host_count; i++)
        free(config->hosts[i]);
    free(config->hosts);
    for (size_t i = 0; i < config->button_count; i++)
        button_deinit(&config->buttons[i]);
    free(config->buttons);
    *config = (struct bridge_config){0};
}

bool bridge_config_shows(const struct bridge_config *config,
                         const struct name *host)
{
    bool is_shown = config->host_count == 0;

    for (size_t i = 0; i < config->host_count && !is_shown; i++)
        is_shown = name_glob(config->hosts[i], host->text, GLOB_CASE_EXACT);
    return is_shown;
}

bool home_button_is_on(const struct home_button *button,
                       const struct name *host)
{
    if (button->scope != ADDRESS_HOST)
        return host->text[0] == '\0';
    return host->text[0] != '\0' &&
           name_glob(button->pattern, host->text, GLOB_CASE_EXACT);
}
