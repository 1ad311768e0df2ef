#include "controller/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/say.h"
#include "protocol/io/config.h"

/* A flag begins a column of help text this wide. */
#define HELP_INDENT 30

static const struct option_info *find_long(enum command_id command,
                                           const char *name, size_t len)
{
    uint32_t groups = command_table[command].groups;

    for (size_t i = 0; i < option_table_count; i++) {
        const struct option_info *row = &option_table[i];

        if ((row->groups & groups) == 0)
            continue;
        if (strlen(row->name) == len && memcmp(row->name, name, len) == 0)
            return row;
        if (row->alias != NULL && strlen(row->alias) == len &&
            memcmp(row->alias, name, len) == 0)
            return row;
    }
    return NULL;
}

static const struct option_info *find_letter(enum command_id command,
                                             char letter)
{
    uint32_t groups = command_table[command].groups;

    for (size_t i = 0; i < option_table_count; i++) {
        const struct option_info *row = &option_table[i];

        if (row->letter == letter && (row->groups & groups) != 0)
            return row;
    }
    return NULL;
}

/* The words of the line, and where the reading stands. */
struct line {
    int argc;
    char *const *argv;
    int at;
};

static enum lastcall_status refuse(struct options *out, const char *what,
                                   const char *word)
{
    snprintf(out->error, sizeof out->error, "%s: %s", what, word);
    return LASTCALL_E_SYNTAX;
}

static enum lastcall_status
give(struct options *out, const struct option_info *row, const char *value)
{
    if (!row->repeatable && options_has(out, row->id)) {
        snprintf(out->error, sizeof out->error, "--%s may be given once only",
                 row->name);
        return LASTCALL_E_SYNTAX;
    }
    out->given[out->given_count].id = row->id;
    out->given[out->given_count].value = value;
    out->given_count++;
    return LASTCALL_OK;
}

/* A value that was not joined to its flag is the next word, whatever it
 * looks like: session ids may begin with a dash. */
static enum lastcall_status
give_next(struct options *out, const struct option_info *row, struct line *line)
{
    if (line->at + 1 >= line->argc) {
        snprintf(out->error, sizeof out->error, "--%s needs a value: %s",
                 row->name, row->value);
        return LASTCALL_E_SYNTAX;
    }
    line->at++;
    return give(out, row, line->argv[line->at]);
}

static enum lastcall_status read_long(struct options *out, struct line *line)
{
    const char *word = line->argv[line->at];
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    const struct option_info *row = find_long(out->command, name, len);

    if (row == NULL)
        return refuse(out, "no such flag here", word);
    if (row->kind == VALUE_IS_NONE) {
        if (name[len] == '=')
            return refuse(out, "this flag takes no value", word);
        return give(out, row, "");
    }
    if (name[len] == '=')
        return give(out, row, name + len + 1);
    return give_next(out, row, line);
}

static enum lastcall_status read_short(struct options *out, struct line *line)
{
    const char *word = line->argv[line->at];
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 1; word[i] != '\0' && status == LASTCALL_OK; i++) {
        const struct option_info *row = find_letter(out->command, word[i]);

        if (row == NULL)
            return refuse(out, "no such flag here", word);
        if (row->kind == VALUE_IS_NONE) {
            status = give(out, row, "");
            continue;
        }
        if (word[i + 1] != '\0')
            return give(out, row, word + i + 1);
        return give_next(out, row, line);
    }
    return status;
}

static enum lastcall_status check_arguments(struct options *out)
{
    const struct command_info *info = &command_table[out->command];

    if (options_has(out, OPTION_HELP))
        return LASTCALL_OK;
    if (out->argument_count < info->argument_min) {
        snprintf(out->error, sizeof out->error, "something is missing: %s %s",
                 info->name, info->arguments);
        return LASTCALL_E_SYNTAX;
    }
    if (out->argument_count > info->argument_max)
        return refuse(out, "one word too many",
                      out->arguments[info->argument_max]);
    return LASTCALL_OK;
}

enum lastcall_status options_parse(enum command_id command, int argc,
                                   char *const *argv, struct options *out)
{
    struct line line = {argc, argv, 0};
    bool only_arguments = false;
    enum lastcall_status status = LASTCALL_OK;

    *out = (struct options){.command = command};
    if (argc <= 0)
        return check_arguments(out);
    /* A joined word such as -ny holds as many flags as letters. */
    size_t room = 0;
    for (int i = 0; i < argc; i++)
        room += strlen(argv[i]) + 1;
    out->given = calloc(room, sizeof *out->given);
    out->arguments = calloc((size_t)argc, sizeof *out->arguments);
    if (out->given == NULL || out->arguments == NULL)
        return LASTCALL_E_NOMEM;

    for (; line.at < argc && status == LASTCALL_OK; line.at++) {
        const char *word = argv[line.at];

        if (only_arguments || word[0] != '-' || word[1] == '\0')
            out->arguments[out->argument_count++] = word;
        else if (strcmp(word, "--") == 0)
            only_arguments = true;
        else if (word[1] == '-')
            status = read_long(out, &line);
        else
            status = read_short(out, &line);
    }
    return status == LASTCALL_OK ? check_arguments(out) : status;
}

void options_deinit(struct options *options)
{
    free(options->given);
    free(options->arguments);
    *options = (struct options){0};
}

enum lastcall_status command_parse(const char *name, enum command_id *out)
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(command_table[i].name, name) == 0) {
            *out = (enum command_id)i;
            return LASTCALL_OK;
        }
    }
    return LASTCALL_E_SYNTAX;
}

bool options_has(const struct options *options, enum option_id id)
{
    return options_value(options, id) != NULL;
}

const char *options_value(const struct options *options, enum option_id id)
{
    for (size_t i = options->given_count; i > 0; i--) {
        if (options->given[i - 1].id == id)
            return options->given[i - 1].value;
    }
    return NULL;
}

const char *options_next(const struct options *options, enum option_id id,
                         size_t *cursor)
{
    while (*cursor < options->given_count) {
        const struct option_given *given = &options->given[(*cursor)++];

        if (given->id == id)
            return given->value;
    }
    return NULL;
}

static const char *option_name(enum option_id id)
{
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_table[i].id == id)
            return option_table[i].name;
    }
    return "?";
}

enum lastcall_status options_duration_ms(const struct options *options,
                                         enum option_id id, int64_t preset_ms,
                                         int64_t *out)
{
    const char *value = options_value(options, id);

    *out = preset_ms;
    if (value == NULL)
        return LASTCALL_OK;
    if (config_parse_duration(value, out) == LASTCALL_OK && *out > 0)
        return LASTCALL_OK;
    say_error("--%s: \"%s\" is no length of time; write 90, 250ms, 30s, 5m, "
              "24h or 7d",
              option_name(id), value);
    return LASTCALL_E_SYNTAX;
}

enum lastcall_status options_count(const struct options *options,
                                   enum option_id id, int64_t max, int64_t *out)
{
    const char *value = options_value(options, id);
    char *end = NULL;

    if (value == NULL)
        return LASTCALL_OK;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 &&
        number <= max) {
        *out = number;
        return LASTCALL_OK;
    }
    say_error("--%s: \"%s\" is no number from 0 to %lld", option_name(id),
              value, (long long)max);
    return LASTCALL_E_SYNTAX;
}

enum lastcall_status options_usage(struct bytes *out)
{
    enum lastcall_status status = bytes_append_text(
        out, "usage: lastcall COMMAND [FLAG...]\n\ncommands:\n");

    for (unsigned i = 0; i < COMMAND_COUNT && status == LASTCALL_OK; i++)
        status = bytes_append_format(out, "  %-12s %s\n", command_table[i].name,
                                     command_table[i].summary);
    if (status == LASTCALL_OK)
        status = bytes_append_text(
            out, "\nlastcall COMMAND --help shows a command's flags; "
                 "lastcall --version the version;\nlastcall(1) says the "
                 "rest.\n");
    return status;
}

static enum lastcall_status append_flag(const struct option_info *row,
                                        struct bytes *out)
{
    char flag[80];
    char letter[8] = "    ";
    enum lastcall_status status = LASTCALL_OK;

    if (row->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    snprintf(
        flag, sizeof flag, "  %s--%s%s%s%s%s", letter, row->name,
        row->alias == NULL ? "" : ", --", row->alias == NULL ? "" : row->alias,
        row->value == NULL ? "" : " ", row->value == NULL ? "" : row->value);
    if (strlen(flag) >= HELP_INDENT - 1)
        status = bytes_append_format(out, "%s\n%*s%s\n", flag, HELP_INDENT, "",
                                     row->help);
    else
        status =
            bytes_append_format(out, "%-*s%s\n", HELP_INDENT, flag, row->help);
    return status;
}

enum lastcall_status options_command_usage(enum command_id command,
                                           struct bytes *out)
{
    const struct command_info *info = &command_table[command];
    enum lastcall_status status =
        bytes_append_format(out, "usage: lastcall %s %s\n\n%s\n\nflags:\n",
                            info->name, info->arguments, info->summary);

    for (size_t i = 0; i < option_table_count && status == LASTCALL_OK; i++) {
        if ((option_table[i].groups & info->groups) != 0)
            status = append_flag(&option_table[i], out);
    }
    return status;
}
