#include "worker/plex_token.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/keyfile.h"
#include "worker/plex_local.h"
#include "worker/plex_xml.h"

#define PATH_BYTES_MAX 4096

/* Take a token over: visible ASCII, or a header could be forged with it. */
static enum lastcall_status take(const char *text, size_t len,
                                 char value[PLEX_TOKEN_LEN_MAX + 1])
{
    static const char blanks[] = " \t\r\n";

    while (len > 0 && strchr(blanks, text[len - 1]) != NULL)
        len--;
    while (len > 0 && strchr(blanks, text[0]) != NULL) {
        text++;
        len--;
    }
    if (len == 0 || len > PLEX_TOKEN_LEN_MAX)
        return LASTCALL_E_CONFIG;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '!' || text[i] > '~')
            return LASTCALL_E_CONFIG;
    }
    memcpy(value, text, len);
    value[len] = '\0';
    return LASTCALL_OK;
}

static enum lastcall_status read_own_file(const struct plex_token *token,
                                          char value[PLEX_TOKEN_LEN_MAX + 1],
                                          struct platform_error *error)
{
    struct bytes content = {0};
    enum lastcall_status status = keyfile_read_line(
        token->file, FILE_SECRET, PLEX_TOKEN_LEN_MAX, &content, error);

    if (status == LASTCALL_OK) {
        status = take((const char *)content.data, content.len, value);
        if (status != LASTCALL_OK)
            snprintf(error->text, sizeof(error->text),
                     "%.300s: holds no token; write the token of the server's "
                     "owner into it, alone on one line",
                     token->file);
    } else if (status == LASTCALL_E_MISSING) {
        snprintf(error->text, sizeof(error->text),
                 "%.300s: is not there; write the token of the server's owner "
                 "into it, alone on one line",
                 token->file);
    }
    bytes_deinit(&content);
    switch ((int)status) {
    case LASTCALL_OK:
    case LASTCALL_E_PERMISSION:
    case LASTCALL_E_NOMEM:
        return status;
    default:
        return LASTCALL_E_CONFIG;
    }
}

/* Read a file of the local server; its permissions are the server's affair. */
static enum lastcall_status read_server_file(const struct plex_token *token,
                                             const char *name,
                                             struct bytes *out)
{
    char path[PATH_BYTES_MAX];
    int len = snprintf(path, sizeof(path), "%s/%s", token->folder, name);

    if (len < 0 || (size_t)len >= sizeof(path))
        return LASTCALL_E_TOO_LARGE;
    return platform_read_file(path, FILE_PUBLIC, PLEX_PREFERENCES_BYTES_MAX,
                              out, NULL);
}

static enum lastcall_status read_preferences(const struct plex_token *token,
                                             char value[PLEX_TOKEN_LEN_MAX + 1])
{
    struct bytes content = {0};
    struct json_error ignored = {0};
    json_t *tree = NULL;
    const char *found = NULL;
    enum lastcall_status status =
        read_server_file(token, "Preferences.xml", &content);

    if (status == LASTCALL_OK)
        status = plex_xml_parse((const char *)content.data, content.len, &tree,
                                &ignored);
    if (status == LASTCALL_OK) {
        found = json_string_value(json_object_get(
            json_object_get(tree, "Preferences"), "PlexOnlineToken"));
        status = LASTCALL_E_MISSING;
    }
    if (found != NULL) {
        status = take(found, strlen(found), value);
        /* jansson does not wipe what it frees; the copy in the tree is ours. */
        bytes_wipe((void *)(uintptr_t)found, strlen(found));
    }
    json_decref(tree);
    bytes_deinit(&content);
    return status;
}

static enum lastcall_status read_local_admin(const struct plex_token *token,
                                             char value[PLEX_TOKEN_LEN_MAX + 1])
{
    struct bytes content = {0};
    enum lastcall_status status =
        read_server_file(token, ".LocalAdminToken", &content);

    if (status == LASTCALL_OK)
        status = take((const char *)content.data, content.len, value);
    bytes_deinit(&content);
    return status;
}

static enum lastcall_status
read_local_setting(char value[PLEX_TOKEN_LEN_MAX + 1])
{
    struct bytes content;
    enum lastcall_status status;

    bytes_init(&content, PLEX_TOKEN_LEN_MAX + 2);
    status = plex_local_token(&content);
    if (status == LASTCALL_OK)
        status = take((const char *)content.data, content.len, value);
    bytes_deinit(&content);
    return status;
}

static enum lastcall_status read_value(const struct plex_token *token,
                                       char value[PLEX_TOKEN_LEN_MAX + 1],
                                       struct platform_error *error)
{
    if (token->file != NULL)
        return read_own_file(token, value, error);
    /* The file before the registry, which may be an old copy of it. */
    if (read_preferences(token, value) == LASTCALL_OK ||
        read_local_setting(value) == LASTCALL_OK ||
        read_local_admin(token, value) == LASTCALL_OK)
        return LASTCALL_OK;
    return LASTCALL_E_MISSING;
}

enum lastcall_status plex_token_init(struct plex_token *token,
                                     const struct server_settings *settings,
                                     struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_OK;

    *token = (struct plex_token){0};
    if (settings->token_file == NULL) {
        token->folder = plex_local_folder();
        if (token->folder == NULL)
            return LASTCALL_E_NOMEM;
        if (read_value(token, token->value, error) != LASTCALL_OK)
            token->value[0] = '\0';
        return status;
    }
    token->file = bytes_copy_text(settings->token_file);
    if (token->file == NULL)
        return LASTCALL_E_NOMEM;
    status = read_value(token, token->value, error);
    if (status != LASTCALL_OK)
        plex_token_deinit(token);
    return status;
}

void plex_token_deinit(struct plex_token *token)
{
    free(token->file);
    free(token->folder);
    bytes_wipe(token, sizeof(*token));
}

enum plex_token_news plex_token_refresh(struct plex_token *token)
{
    char value[PLEX_TOKEN_LEN_MAX + 1] = "";
    struct platform_error ignored = {0};
    enum plex_token_news news = PLEX_TOKEN_SAME;

    if (read_value(token, value, &ignored) == LASTCALL_OK &&
        strcmp(value, token->value) != 0) {
        memcpy(token->value, value, sizeof(value));
        news = PLEX_TOKEN_CHANGED;
    }
    bytes_wipe(value, sizeof(value));
    return news;
}

const char *plex_token_origin(const struct plex_token *token)
{
    return token->file != NULL ? token->file : token->folder;
}
