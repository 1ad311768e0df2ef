#include "protocol/io/config.h"

#include <ini.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/io/platform.h"
#include "protocol/name.h"

#define SECTION_LEN_MAX 32
/* libinih wants room for line, "\r\n" and NUL. */
#define INI_LINE_SIZE (CONFIG_LINE_MAX + 3)
#define SUGGEST_LEN_MAX 40

/* A section that was seen: "server" and "home". */
struct seen {
    char section[SECTION_LEN_MAX + 1];
    struct name label; /* "" when it has none */
    unsigned line;
};

/*
 * libinih pulls lines from read_line() and hands keys to take_key().  Sections
 * are read here: libinih cuts their names at 50 characters and keeps quiet
 * about an empty one.
 */
struct reading {
    const char *path;
    const char *next; /* unread text */
    const char *end;
    unsigned line;  /* the number of the line being read, from 1 */
    bool wants_key; /* the line must reach take_key() */
    const struct config_key *keys;
    size_t key_count;
    const struct config_target *target;
    unsigned *key_lines;   /* owned; where each key was given in this section */
    struct seen *sections; /* owned */
    size_t section_count;
    void *structure; /* of the current section; NULL before the first */
    enum lastcall_status status;
    struct config_error *error;
};

/* The first error wins. */
LASTCALL_PRINTF(2, 3)
static void complain(struct reading *reading, const char *format, ...)
{
    va_list arguments;
    char text[sizeof(reading->error->text)];

    if (reading->status != LASTCALL_OK)
        return;
    reading->status = LASTCALL_E_CONFIG;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    reading->error->line = reading->line;
    /* A very long path must not push the mend out of the sentence. */
    if (reading->line > 0)
        snprintf(reading->error->text, sizeof(reading->error->text),
                 "%.160s:%u: %.220s", reading->path, reading->line, text);
    else
        snprintf(reading->error->text, sizeof(reading->error->text),
                 "%.160s: %.220s", reading->path, text);
}

/* Levenshtein distance of two short texts. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[SUGGEST_LEN_MAX + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len > SUGGEST_LEN_MAX || b_len > SUGGEST_LEN_MAX)
        return SUGGEST_LEN_MAX;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_len];
}

/*
 * The known name next to a misspelt one, or NULL when none is near.
 *
 *   section  among the keys of this one; NULL: among the sections
 */
static const char *nearest(const struct reading *reading, const char *section,
                           const char *name)
{
    const char *best = NULL;
    size_t best_distance = strlen(name) / 3 + 2;

    for (size_t i = 0; i < reading->key_count; i++) {
        const struct config_key *key = &reading->keys[i];
        const char *candidate = section != NULL ? key->name : key->section;
        size_t distance;

        if (section != NULL && strcmp(key->section, section) != 0)
            continue;
        distance = edit_distance(name, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

static bool is_known_section(const struct reading *reading, const char *section)
{
    for (size_t i = 0; i < reading->key_count; i++)
        if (strcmp(reading->keys[i].section, section) == 0)
            return true;
    return false;
}

static void tell_place(const struct reading *reading,
                       const struct config_key *key)
{
    const struct config_target *target = reading->target;

    if (target->placed != NULL)
        target->placed(target->state, reading->structure, key, reading->line);
}

/* Begin a section whose name and label have been read. */
static void enter_section(struct reading *reading, const struct seen *now)
{
    const char *label = now->label.text[0] != '\0' ? now->label.text : NULL;
    const char *suggestion;

    for (size_t i = 0; i < reading->section_count; i++) {
        const struct seen *earlier = &reading->sections[i];

        if (strcmp(earlier->section, now->section) == 0 &&
            strcmp(earlier->label.text, now->label.text) == 0) {
            complain(reading,
                     "this section stands in line %u already; put its "
                     "keys there",
                     earlier->line);
            return;
        }
    }
    if (!is_known_section(reading, now->section)) {
        suggestion = nearest(reading, NULL, now->section);
        complain(reading, "unknown section [%s]%s%s%s", now->section,
                 suggestion != NULL ? "; did you mean [" : "",
                 suggestion != NULL ? suggestion : "",
                 suggestion != NULL ? "]?" : "");
        return;
    }
    if (reading->section_count == CONFIG_SECTION_COUNT_MAX) {
        complain(reading, "more than %d sections", CONFIG_SECTION_COUNT_MAX);
        return;
    }
    reading->structure =
        reading->target->section(reading->target->state, now->section, label);
    if (reading->structure == NULL) {
        complain(reading,
                 "section [%s%s%s%s] may not be here: it has a name "
                 "too many or none, or is one too many",
                 now->section, label != NULL ? " \"" : "",
                 label != NULL ? label : "", label != NULL ? "\"" : "");
        return;
    }
    reading->sections[reading->section_count] = *now;
    reading->sections[reading->section_count].line = reading->line;
    reading->section_count++;
    memset(reading->key_lines, 0,
           reading->key_count * sizeof(reading->key_lines[0]));
    tell_place(reading, NULL);
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/*
 * Read a label's text and closing quotation mark.
 *
 *   at  behind the opening one
 *
 * Returns what follows, or NULL after a complaint.
 */
static const char *read_label(struct reading *reading, const char *at,
                              struct seen *now)
{
    size_t len = strcspn(at, "\"");

    if (at[len] == '"' && name_parse(at, len, &now->label) == LASTCALL_OK)
        return at + len + 1;
    complain(reading,
             "the name in [%s \"name\"] is 1 to %d characters of a-z, 0-9, "
             "'.' and '-' between quotation marks",
             now->section, NAME_LEN_MAX);
    return NULL;
}

/* Say whether a line holds nothing more but a comment. */
static bool is_line_end(const char *at)
{
    at = skip_blanks(at);
    return *at == '\0' || *at == ';' || *at == '#';
}

/*
 * Read `section` or `section "label"` and what closes it.
 *
 *   at  behind the '['
 */
static void read_section(struct reading *reading, const char *at)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    struct seen now = {0};
    size_t len = strspn(at, word);

    if (len > 0 && len <= SECTION_LEN_MAX) {
        memcpy(now.section, at, len);
        at = skip_blanks(at + len);
        if (*at == '"')
            at = read_label(reading, at + 1, &now);
        if (at == NULL)
            return;
        at = skip_blanks(at);
    }
    if (now.section[0] != '\0' && *at == ']' && is_line_end(at + 1))
        enter_section(reading, &now);
    else
        complain(reading, "not a section; write [section] or "
                          "[section \"name\"]");
}

/* Refuse what libinih would take for something else than it looks like. */
static void check_line(struct reading *reading, const char *line, size_t len,
                       size_t room)
{
    if (len > CONFIG_LINE_MAX || len + 3 > room) {
        complain(reading, "longer than %zu characters",
                 room - 3 < CONFIG_LINE_MAX ? room - 3 : CONFIG_LINE_MAX);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            complain(reading, "a control character (code %u) in column %zu", c,
                     i + 1);
            return;
        }
    }
    if (!bytes_is_utf8(line, len))
        complain(reading, "not valid UTF-8");
}

/* Decide what a sound line is; libinih then sees it, or a blank one. */
static void classify_line(struct reading *reading, char *line)
{
    const char *first = skip_blanks(line);
    bool is_blank = *first == '\0' || *first == ';' || *first == '#';

    if (!is_blank && first != line) {
        complain(reading, "the line is indented; a value stands in one line, "
                          "and a line begins at the margin");
    } else if (*first == '[') {
        read_section(reading, first + 1);
        is_blank = true;
    }
    reading->wants_key = !is_blank;
    if (is_blank)
        line[0] = '\0';
}

/* The last line came to nothing: it was no key = value. */
static void check_key_taken(struct reading *reading)
{
    if (reading->wants_key)
        complain(reading, "expected \"key = value\", a [section] or a comment");
    reading->wants_key = false;
}

/* libinih's reader: fgets() over the text, refusing what would not fit. */
static char *read_line(char *out, int size, void *state)
{
    struct reading *reading = state;
    const char *start = reading->next;
    const char *end;
    size_t len;

    check_key_taken(reading);
    if (reading->status != LASTCALL_OK || start == reading->end)
        return NULL;
    end = memchr(start, '\n', (size_t)(reading->end - start));
    reading->next = end != NULL ? end + 1 : reading->end;
    len = (size_t)((end != NULL ? end : reading->end) - start);
    if (len > 0 && start[len - 1] == '\r')
        len--;
    reading->line++;

    check_line(reading, start, len, (size_t)size);
    if (reading->status != LASTCALL_OK)
        return NULL;
    memcpy(out, start, len);
    out[len] = '\0';
    classify_line(reading, out);
    if (reading->status != LASTCALL_OK)
        return NULL;
    len = strlen(out);
    out[len] = '\n';
    out[len + 1] = '\0';
    return out;
}

/*
 * Set a path.  What does not begin at the root begins where the configuration
 * lies, so that a folder with both can be copied to another machine.
 */
static enum lastcall_status set_path(const struct reading *reading,
                                     const struct config_key *key,
                                     const char *value,
                                     struct config_error *why)
{
    const size_t folder_len = platform_folder_len(reading->path);
    struct bytes path;
    enum lastcall_status status;

    if (value[0] == '"') {
        snprintf(why->text, sizeof(why->text),
                 "%s: a path stands without quotation marks, also one with "
                 "blanks",
                 key->name);
        return LASTCALL_E_CONFIG;
    }
    if (value[0] == '\0' || platform_is_absolute(value) || folder_len == 0)
        return config_set(key, reading->structure, value, why);
    bytes_init(&path, strlen(reading->path) + strlen(value) + 1);
    status = bytes_append_format(&path, "%.*s%s", (int)folder_len,
                                 reading->path, value);
    if (status == LASTCALL_OK)
        status =
            config_set(key, reading->structure, (const char *)path.data, why);
    bytes_deinit(&path);
    return status;
}

static void set_key(struct reading *reading, size_t index, const char *value)
{
    const struct config_key *key = &reading->keys[index];
    struct config_error why = {0};
    enum lastcall_status status;

    if (reading->key_lines[index] != 0) {
        complain(reading, "%s is given twice, first in line %u", key->name,
                 reading->key_lines[index]);
        return;
    }
    reading->key_lines[index] = reading->line;
    status = key->type == CONFIG_PATH
                 ? set_path(reading, key, value, &why)
                 : config_set(key, reading->structure, value, &why);
    if (status == LASTCALL_OK)
        tell_place(reading, key);
    if (status == LASTCALL_E_CONFIG)
        complain(reading, "%s", why.text);
    else
        reading->status = status;
}

/* libinih's handler; non-zero is success. */
static int take_key(void *state, const char *ini_section, const char *name,
                    const char *value)
{
    struct reading *reading = state;
    const char *section;
    const char *suggestion;

    (void)ini_section; /* never set: it does not see our sections */
    reading->wants_key = false;
    if (reading->status != LASTCALL_OK)
        return 0;
    if (reading->structure == NULL) {
        complain(reading, "%.60s stands before the first [section]", name);
        return 0;
    }
    section = reading->sections[reading->section_count - 1].section;
    for (size_t i = 0; i < reading->key_count; i++) {
        if (strcmp(reading->keys[i].section, section) == 0 &&
            strcmp(reading->keys[i].name, name) == 0) {
            set_key(reading, i, value);
            return reading->status == LASTCALL_OK;
        }
    }
    suggestion = nearest(reading, section, name);
    complain(reading, "unknown key \"%.60s\" in [%s]%s%s%s", name, section,
             suggestion != NULL ? "; did you mean \"" : "",
             suggestion != NULL ? suggestion : "",
             suggestion != NULL ? "\"?" : "");
    return 0;
}

#if defined(LASTCALL_INIH_RUNTIME_LIMITS)
static void raise_limits(void)
{
    ini_use_stack = false;
    ini_allow_realloc = false;
    ini_max_line = INI_LINE_SIZE;
    ini_initial_alloc = INI_LINE_SIZE;
}
#endif

enum lastcall_status config_read_text(const char *path, const char *text,
                                      size_t len, const struct config_key *keys,
                                      size_t key_count,
                                      const struct config_target *target,
                                      struct config_error *error)
{
    struct reading reading = {
        .path = path,
        .next = text,
        .end = text + len,
        .keys = keys,
        .key_count = key_count,
        .target = target,
        .error = error,
        .status = LASTCALL_OK,
    };
    int parsed = 0;

    *error = (struct config_error){0};
#if defined(LASTCALL_INIH_RUNTIME_LIMITS)
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, raise_limits);
#endif
    if (len > CONFIG_FILE_BYTES_MAX)
        complain(&reading, "larger than %zu bytes", CONFIG_FILE_BYTES_MAX);
    if (bytes_is_utf16(text, len))
        complain(&reading, "written in UTF-16; save it as UTF-8");
    reading.next += bytes_mark_len(text, len);
    reading.key_lines = calloc(key_count + 1, sizeof(*reading.key_lines));
    reading.sections =
        calloc(CONFIG_SECTION_COUNT_MAX, sizeof(*reading.sections));
    if (reading.key_lines == NULL || reading.sections == NULL)
        reading.status = LASTCALL_E_NOMEM;
    if (reading.status == LASTCALL_OK)
        parsed = ini_parse_stream(read_line, &reading, take_key, &reading);
    check_key_taken(&reading);
    if (reading.status == LASTCALL_OK && parsed != 0)
        reading.status = LASTCALL_E_NOMEM; /* its only error left */
    if (reading.status == LASTCALL_E_NOMEM)
        snprintf(error->text, sizeof(error->text), "%.160s: out of memory",
                 path);
    free(reading.key_lines);
    free(reading.sections);
    return reading.status;
}

enum lastcall_status config_read_file(const char *path,
                                      const struct config_key *keys,
                                      size_t key_count,
                                      const struct config_target *target,
                                      struct config_error *error)
{
    enum lastcall_status status;
    struct platform_error why;
    struct bytes file;

    *error = (struct config_error){0};
    status = platform_read_file(path, FILE_GUARDED, CONFIG_FILE_BYTES_MAX,
                                &file, &why);
    if (status != LASTCALL_OK) {
        snprintf(error->text, sizeof(error->text), "%.*s",
                 (int)sizeof(error->text) - 1, why.text);
        if (status == LASTCALL_E_TOO_LARGE || status == LASTCALL_E_IO)
            status = LASTCALL_E_CONFIG;
        goto out;
    }
    status = config_read_text(path, file.data != NULL ? (char *)file.data : "",
                              file.len, keys, key_count, target, error);

out:
    bytes_deinit(&file);
    return status;
}
