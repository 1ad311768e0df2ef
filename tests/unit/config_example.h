/*
 * A table of keys of every type, for tests of the configuration reader and
 * its fuzz target.
 */
#ifndef LASTCALL_TESTS_CONFIG_EXAMPLE_H
#define LASTCALL_TESTS_CONFIG_EXAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "protocol/io/config.h"
#include "protocol/name.h"

#define EXAMPLE_SERVER_COUNT 3

struct example_main {
    struct name host;
    char *path;
    int64_t expiry_s;
    int64_t pause_ms;
    int64_t count;
    bool is_on;
};

struct example_server {
    struct name label;
    int64_t kind;
    char *url;
};

struct example {
    struct example_main main;
    struct example_server servers[EXAMPLE_SERVER_COUNT];
    size_t server_count;
};

static const char *const example_kinds[] = {"plex", "wts", NULL};

static const struct config_key example_keys[] = {
    {"main", "host", CONFIG_NAME, offsetof(struct example_main, host), NULL, 0,
     0, NULL, "a name"},
    {"main", "path", CONFIG_TEXT, offsetof(struct example_main, path), "/tmp",
     0, 0, NULL, "a text"},
    {"main", "expiry", CONFIG_DURATION_S,
     offsetof(struct example_main, expiry_s), "2m", 1, 86400, NULL, "seconds"},
    {"main", "pause", CONFIG_DURATION_MS,
     offsetof(struct example_main, pause_ms), "250ms", 0, 60000, NULL,
     "milliseconds"},
    {"main", "count", CONFIG_INTEGER, offsetof(struct example_main, count), "5",
     -10, 100, NULL, "a number"},
    {"main", "enabled", CONFIG_BOOL, offsetof(struct example_main, is_on),
     "yes", 0, 0, NULL, "a switch"},
    {"server", "kind", CONFIG_CHOICE, offsetof(struct example_server, kind),
     NULL, 0, 0, example_kinds, "a choice"},
    {"server", "url", CONFIG_TEXT, offsetof(struct example_server, url), NULL,
     0, 0, NULL, "a text"},
};

#define EXAMPLE_KEY_COUNT (sizeof(example_keys) / sizeof(example_keys[0]))

static void *example_section(void *state, const char *section,
                             const char *label)
{
    struct example *example = state;
    struct example_server *server;

    if (strcmp(section, "main") == 0)
        return label == NULL ? &example->main : NULL;
    if (label == NULL || example->server_count == EXAMPLE_SERVER_COUNT)
        return NULL;
    server = &example->servers[example->server_count++];
    memcpy(server->label.text, label, strlen(label) + 1);
    return server;
}

static enum lastcall_status example_read(const char *text, size_t len,
                                         struct example *out,
                                         struct config_error *error)
{
    const struct config_target target = {.section = example_section,
                                         .state = out};
    enum lastcall_status status;

    *out = (struct example){0};
    *error = (struct config_error){0};
    status = config_preset(example_keys, EXAMPLE_KEY_COUNT, "main", &out->main);
    if (status != LASTCALL_OK)
        return status;
    return config_read_text("test.conf", text, len, example_keys,
                            EXAMPLE_KEY_COUNT, &target, error);
}

static void example_deinit(struct example *example)
{
    config_deinit(example_keys, EXAMPLE_KEY_COUNT, "main", &example->main);
    for (size_t i = 0; i < example->server_count; i++)
        config_deinit(example_keys, EXAMPLE_KEY_COUNT, "server",
                      &example->servers[i]);
}

#endif
