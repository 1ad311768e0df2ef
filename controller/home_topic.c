#include "controller/home_topic.h"

#include <stdio.h>
#include <string.h>

#define DEVICE_WORD "/device/"
#define CONFIG_WORD "/config"
#define OBJECT_WORD "lastcall_"

/* What stands behind "F/ha/", or behind the host's name. */
enum form_of { OF_BRIDGE, OF_HOST, OF_SERVER };

static const struct form {
    const char *word;
    enum home_topic_kind kind;
    enum form_of of;
} forms[] = {
    {"state", HOME_BRIDGE_STATE, OF_BRIDGE},
    {"press", HOME_BRIDGE_PRESS, OF_BRIDGE},
    {"result", HOME_BRIDGE_RESULT, OF_BRIDGE},
    {"state", HOME_HOST_STATE, OF_HOST},
    {"sessions", HOME_HOST_SESSIONS, OF_SERVER},
    {"event", HOME_HOST_EVENT, OF_HOST},
    {"press", HOME_HOST_PRESS, OF_HOST},
    {"result", HOME_HOST_RESULT, OF_HOST},
};
#define FORM_COUNT (sizeof forms / sizeof forms[0])

static const struct form *form_of(enum home_topic_kind kind)
{
    const struct form *found = &forms[0];

    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (forms[i].kind == kind)
            found = &forms[i];
    }
    return found;
}

void home_topic_format(const char *fleet, const struct home_topic *parts,
                       struct topic *out)
{
    const struct form *form = form_of(parts->kind);

    if (form->of == OF_BRIDGE)
        snprintf(out->text, sizeof out->text, "%s/ha/bridge/%s", fleet,
                 form->word);
    else
        snprintf(out->text, sizeof out->text, "%s/ha/host/%s/%s%s%s", fleet,
                 parts->host.text, form->word, form->of == OF_SERVER ? "/" : "",
                 parts->server.text);
}

/* What follows a word that a text begins with, or NULL. */
static const char *skip(const char *text, const char *word)
{
    const size_t len = strlen(word);

    return text != NULL && strncmp(text, word, len) == 0 ? text + len : NULL;
}

/* Read the behind part of a host's topic: a word, and where the word's form
 * has one the server. */
static enum lastcall_status parse_of_host(const char *rest,
                                          struct home_topic *out)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        const char *behind = skip(rest, forms[i].word);

        if (behind == NULL || forms[i].of == OF_BRIDGE)
            continue;
        out->kind = forms[i].kind;
        if (forms[i].of == OF_HOST && *behind == '\0')
            return LASTCALL_OK;
        if (forms[i].of == OF_SERVER && *behind == '/')
            return name_parse(behind + 1, strlen(behind + 1), &out->server);
    }
    return LASTCALL_E_SYNTAX;
}

static enum lastcall_status parse_of_bridge(const char *word,
                                            struct home_topic *out)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (forms[i].of == OF_BRIDGE && strcmp(forms[i].word, word) == 0) {
            out->kind = forms[i].kind;
            return LASTCALL_OK;
        }
    }
    return LASTCALL_E_SYNTAX;
}

enum lastcall_status home_topic_parse(const char *fleet, const char *topic,
                                      struct home_topic *out)
{
    const char *rest = skip(skip(topic, fleet), "/ha/");
    const char *of_bridge = skip(rest, "bridge/");
    const char *of_host = skip(rest, "host/");
    enum lastcall_status status = LASTCALL_E_SYNTAX;

    *out = (struct home_topic){0};
    if (of_bridge != NULL)
        status = parse_of_bridge(of_bridge, out);
    if (of_host != NULL) {
        const size_t len = strcspn(of_host, "/");

        status = name_parse(of_host, len, &out->host);
        if (status == LASTCALL_OK && of_host[len] == '/')
            status = parse_of_host(of_host + len + 1, out);
        else
            status = LASTCALL_E_SYNTAX;
    }
    if (status != LASTCALL_OK)
        *out = (struct home_topic){0};
    return status;
}

/* Write a name, "." as "__"; returns the length. */
static size_t write_name(const char *name, char *out)
{
    size_t len = 0;

    for (; *name != '\0'; name++) {
        out[len] = *name;
        if (*name == '.') {
            out[len++] = '_';
            out[len] = '_';
        }
        len++;
    }
    return len;
}

void home_object_id(const char *fleet, const struct name *host,
                    char out[HOME_OBJECT_ID_SIZE])
{
    size_t len = sizeof OBJECT_WORD - 1;

    memcpy(out, OBJECT_WORD, len);
    len += write_name(fleet, out + len);
    if (host->text[0] != '\0') {
        out[len++] = '_';
        len += write_name(host->text, out + len);
    }
    out[len] = '\0';
}

void home_discovery_topic_format(const char *prefix, const char *fleet,
                                 const struct name *host, struct topic *out)
{
    char id[HOME_OBJECT_ID_SIZE];

    home_object_id(fleet, host, id);
    snprintf(out->text, sizeof out->text, "%s" DEVICE_WORD "%s" CONFIG_WORD,
             prefix, id);
}

/* Read a host's name in which "." is "__". */
static enum lastcall_status read_name(const char *text, size_t len,
                                      struct name *out)
{
    char plain[2 * NAME_LEN_MAX];
    size_t plain_len = 0;

    if (len > sizeof plain)
        return LASTCALL_E_SYNTAX;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' ||
            (text[i] == '_' && (i + 1 == len || text[i + 1] != '_')))
            return LASTCALL_E_SYNTAX;
        plain[plain_len] = text[i];
        if (text[i] == '_') {
            plain[plain_len] = '.';
            i++;
        }
        plain_len++;
    }
    return name_parse(plain, plain_len, out);
}

enum lastcall_status home_discovery_topic_parse(const char *prefix,
                                                const char *fleet,
                                                const char *topic,
                                                struct name *host)
{
    const struct name nobody = {""};
    char own[HOME_OBJECT_ID_SIZE];
    const char *id = skip(skip(topic, prefix), DEVICE_WORD);
    const char *rest = NULL;
    size_t len = 0;

    *host = nobody;
    home_object_id(fleet, &nobody, own);
    rest = skip(id, own);
    len = rest == NULL ? 0 : strcspn(rest, "/");
    if (rest == NULL || strcmp(rest + len, CONFIG_WORD) != 0)
        return LASTCALL_E_SYNTAX;
    if (len == 0)
        return LASTCALL_OK;
    return rest[0] == '_' ? read_name(rest + 1, len - 1, host)
                          : LASTCALL_E_SYNTAX;
}
