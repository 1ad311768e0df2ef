#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/select.h"
#include "protocol/io/platform.h"

void target_refuse_host(const char *text, size_t len,
                        char error[SELECT_ERROR_SIZE])
{
    struct name meant;

    if (name_parse_lowered(text, len, &meant) == LASTCALL_OK)
        snprintf(error, SELECT_ERROR_SIZE,
                 "\"%.*s\" is no host's name, for a name has no capitals; is "
                 "%s meant?",
                 (int)len, text, meant.text);
    else
        snprintf(error, SELECT_ERROR_SIZE,
                 "\"%.*s\" is no host's name; a name is up to %d of a-z, 0-9, "
                 "dot and dash",
                 (int)(len > 80 ? 80 : len), text, NAME_LEN_MAX);
}

static const char *entry_at(const void *entries, size_t index)
{
    return ((char *const *)entries)[index];
}

/* Add what is not there yet; the entry is taken over. */
static enum lastcall_status add_new(struct target *target, char *entry)
{
    enum lastcall_status status = LASTCALL_OK;

    if (text_index_find(&target->by_text, target->entries, entry) !=
        TEXT_INDEX_NONE) {
        free(entry);
        return LASTCALL_OK;
    }
    target->entries[target->entry_count] = entry;
    target->by_text.text_at = entry_at;
    status =
        text_index_add(&target->by_text, target->entries, target->entry_count);
    target->entry_count++; /* in any case: it is freed with the others */
    target->pattern_count += target_is_pattern(entry);
    return status;
}

static enum lastcall_status add_entry(struct target *target, const char *text,
                                      size_t len, char error[SELECT_ERROR_SIZE])
{
    struct name name;
    char *entry = NULL;
    bool is_pattern = memchr(text, '*', len) != NULL;

    if (len > NAME_LEN_MAX ||
        (!is_pattern && name_parse(text, len, &name) != LASTCALL_OK)) {
        target_refuse_host(text, len, error);
        return LASTCALL_E_SYNTAX;
    }
    if (target->entry_count >= TARGET_ENTRY_MAX) {
        snprintf(error, SELECT_ERROR_SIZE, "more than %d hosts are named",
                 TARGET_ENTRY_MAX);
        return LASTCALL_E_SYNTAX;
    }
    entry = calloc(1, len + 1);
    if (entry == NULL)
        return LASTCALL_E_NOMEM;
    memcpy(entry, text, len);
    return add_new(target, entry);
}

/* Add the names of a text, separated by any of the characters given. */
static enum lastcall_status add_list(struct target *target, const char *text,
                                     const char *separators,
                                     char error[SELECT_ERROR_SIZE])
{
    enum lastcall_status status = LASTCALL_OK;

    while (*text != '\0' && status == LASTCALL_OK) {
        const size_t len = strcspn(text, separators);

        if (len > 0)
            status = add_entry(target, text, len, error);
        text += len + (text[len] != '\0');
    }
    return status;
}

static enum lastcall_status read_stream(FILE *stream, struct bytes *out)
{
    char chunk[4096];
    enum lastcall_status status = LASTCALL_OK;
    size_t len = 0;

    bytes_init(out, TARGET_FILE_BYTES_MAX);
    while (status == LASTCALL_OK &&
           (len = fread(chunk, 1, sizeof chunk, stream)) > 0)
        status = bytes_append(out, chunk, len);
    return status == LASTCALL_OK && ferror(stream) ? LASTCALL_E_IO : status;
}

static void blank_comments(char *text)
{
    for (char *at = strchr(text, '#'); at != NULL; at = strchr(at, '#')) {
        while (*at != '\0' && *at != '\n')
            *at++ = ' ';
    }
}

/* Add line by line, so that a bad one is named by its number. */
static enum lastcall_status add_lines(struct target *target, const char *path,
                                      char *text, char error[SELECT_ERROR_SIZE])
{
    char why[SELECT_ERROR_SIZE] = "";
    enum lastcall_status status = LASTCALL_OK;
    size_t number = 1;

    for (char *line = text; line != NULL; number++) {
        char *end = strchr(line, '\n');

        if (end != NULL)
            *end++ = '\0';
        status = add_list(target, line, ", \t\r", why);
        if (status != LASTCALL_OK)
            break;
        line = end;
    }
    if (status == LASTCALL_E_SYNTAX)
        snprintf(error, SELECT_ERROR_SIZE,
                 "--hosts-file %.120s, line %zu: %.240s", path, number, why);
    return status;
}

/* What would end the list in the middle. */
static enum lastcall_status check_file(const struct bytes *text,
                                       const char *path,
                                       char error[SELECT_ERROR_SIZE])
{
    if (memchr(text->data, '\0', text->len) == NULL &&
        !bytes_is_utf16(text->data, text->len))
        return LASTCALL_OK;
    snprintf(
        error, SELECT_ERROR_SIZE,
        "--hosts-file %.120s: written in UTF-16, or no text at all; save it "
        "as UTF-8",
        path);
    return LASTCALL_E_SYNTAX;
}

static enum lastcall_status add_file(struct target *target, const char *path,
                                     char error[SELECT_ERROR_SIZE])
{
    struct bytes text = {0};
    struct platform_error why = {0};
    enum lastcall_status status =
        strcmp(path, "-") == 0
            ? read_stream(stdin, &text)
            : platform_read_file(path, FILE_PUBLIC, TARGET_FILE_BYTES_MAX,
                                 &text, &why);

    if (status != LASTCALL_OK) {
        snprintf(error, SELECT_ERROR_SIZE, "--hosts-file: %.360s",
                 why.text[0] != '\0' ? why.text : status_text(status));
        status = LASTCALL_E_SYNTAX;
    } else if (text.data != NULL) {
        status = check_file(&text, path, error);
        blank_comments((char *)text.data);
        if (status == LASTCALL_OK)
            status = add_lines(
                target, path,
                (char *)text.data + bytes_mark_len(text.data, text.len), error);
    }
    bytes_deinit(&text);
    return status;
}

static enum lastcall_status read_hosts(const struct options *options,
                                       struct target *out,
                                       char error[SELECT_ERROR_SIZE])
{
    const char *file = options_value(options, OPTION_HOSTS_FILE);
    const char *list = NULL;
    size_t cursor = 0;
    enum lastcall_status status = LASTCALL_OK;

    out->kind = TARGET_HOSTS;
    out->entries = calloc(TARGET_ENTRY_MAX, sizeof *out->entries);
    if (out->entries == NULL)
        return LASTCALL_E_NOMEM;
    while (status == LASTCALL_OK &&
           (list = options_next(options, OPTION_HOST, &cursor)) != NULL)
        status = add_list(out, list, ",", error);
    if (status == LASTCALL_OK && file != NULL)
        status = add_file(out, file, error);
    if (status == LASTCALL_OK && out->entry_count == 0) {
        snprintf(error, SELECT_ERROR_SIZE, "no host is named");
        status = LASTCALL_E_SYNTAX;
    }
    return status;
}

enum lastcall_status target_parse(const struct options *options,
                                  struct target *out,
                                  char error[SELECT_ERROR_SIZE])
{
    const char *group = options_value(options, OPTION_GROUP);
    bool has_hosts = options_has(options, OPTION_HOST) ||
                     options_has(options, OPTION_HOSTS_FILE);
    bool has_all = options_has(options, OPTION_ALL);

    *out = (struct target){0};
    if (has_all + (group != NULL) + has_hosts > 1) {
        snprintf(error, SELECT_ERROR_SIZE,
                 "--all, --group and --host are different targets; give one");
        return LASTCALL_E_SYNTAX;
    }
    if (has_hosts)
        return read_hosts(options, out, error);
    if (has_all)
        out->kind = TARGET_ALL;
    if (group == NULL)
        return LASTCALL_OK;
    out->kind = TARGET_GROUP;
    if (name_parse(group, strlen(group), &out->group) == LASTCALL_OK)
        return LASTCALL_OK;
    snprintf(error, SELECT_ERROR_SIZE, "--group: \"%.80s\" is no name", group);
    return LASTCALL_E_SYNTAX;
}

void target_deinit(struct target *target)
{
    for (size_t i = 0; i < target->entry_count; i++)
        free(target->entries[i]);
    free(target->entries);
    text_index_deinit(&target->by_text);
    *target = (struct target){0};
}

bool target_is_pattern(const char *entry)
{
    return strchr(entry, '*') != NULL;
}

static bool is_listed(const struct target *target, const struct name *host)
{
    size_t left = target->pattern_count;

    if (text_index_find(&target->by_text, target->entries, host->text) !=
        TEXT_INDEX_NONE)
        return true;
    for (size_t i = 0; left > 0; i++) {
        if (!target_is_pattern(target->entries[i]))
            continue;
        left--;
        if (name_glob(target->entries[i], host->text, GLOB_CASE_EXACT))
            return true;
    }
    return false;
}

bool target_includes(const struct target *target, const struct name *host,
                     const struct name *groups, size_t group_count)
{
    switch (target->kind) {
    case TARGET_NONE:
    case TARGET_ALL:
        return true;
    case TARGET_HOSTS:
        return is_listed(target, host);
    case TARGET_GROUP:
        break;
    }
    for (size_t i = 0; i < group_count; i++) {
        if (strcmp(groups[i].text, target->group.text) == 0)
            return true;
    }
    return false;
}
