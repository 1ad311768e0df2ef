#include "tests/standin/wts/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/standin/wts/buffer.h"

#define FIELD_COUNT_MAX 32
#define NUMBER_SIZE 24

enum kind {
    KIND_TEXT,
    KIND_NUMBER,
    KIND_STATE, /* a number that mostly has a name */
    KIND_AGE,   /* seconds ago; only read, into a time */
};

struct field {
    const char *key;
    enum kind kind;
    size_t offset;
    int64_t least, most;
    int64_t preset;
};

#define U32 0, UINT32_MAX
#define TIME 0, INT64_MAX
#define SWITCH 0, 1
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#define S(member) offsetof(struct state_session, member)
static const struct field session_fields[] = {
    {"server", KIND_TEXT, S(server), 0, 0, 0},
    {"id", KIND_NUMBER, S(id), U32, 0},
    {"state", KIND_STATE, S(state), INT32_MIN, INT32_MAX, 0},
    {"name", KIND_TEXT, S(name), 0, 0, 0},
    {"user", KIND_TEXT, S(user), 0, 0, 0},
    {"domain", KIND_TEXT, S(domain), 0, 0, 0},
    {"client", KIND_TEXT, S(client), 0, 0, 0},
    {"addr", KIND_TEXT, S(addr), 0, 0, 0},
    {"dir", KIND_TEXT, S(dir), 0, 0, 0},
    {"proto", KIND_NUMBER, S(proto), 0, UINT16_MAX, 0},
    {"locked", KIND_NUMBER, S(locked), -1, 1, 0},
    {"build", KIND_NUMBER, S(build), U32, 0},
    {"width", KIND_NUMBER, S(width), 0, UINT16_MAX, 0},
    {"height", KIND_NUMBER, S(height), 0, UINT16_MAX, 0},
    {"depth", KIND_NUMBER, S(depth), 0, UINT16_MAX, 0},
    {"reply", KIND_NUMBER, S(reply), U32, 0},
    {"reply_ms", KIND_NUMBER, S(reply_ms), U32, 0},
    {"logoff_ms", KIND_NUMBER, S(logoff_ms), U32, 0},
    {"input_ft", KIND_NUMBER, S(input_ft), TIME, 0},
    {"logon_ft", KIND_NUMBER, S(logon_ft), TIME, 0},
    {"connect_ft", KIND_NUMBER, S(connect_ft), TIME, 0},
    {"disc_ft", KIND_NUMBER, S(disc_ft), TIME, 0},
    {"ends_ft", KIND_NUMBER, S(ends_ft), TIME, 0},
    {"idle_s", KIND_AGE, S(input_ft), U32, 0},
    {"logon_age_s", KIND_AGE, S(logon_ft), U32, 0},
    {"connect_age_s", KIND_AGE, S(connect_ft), U32, 0},
    {"disc_age_s", KIND_AGE, S(disc_ft), U32, 0},
};

static const struct field server_fields[] = {
    {"name", KIND_TEXT, offsetof(struct state_server, name), 0, 0, 0},
};

#define F(member) offsetof(struct state_failure, member)
static const struct field failure_fields[] = {
    {"fn", KIND_TEXT, F(fn), 0, 0, 0},
    {"session", KIND_NUMBER, F(session), STATE_ANY, UINT32_MAX, STATE_ANY},
    {"class", KIND_NUMBER, F(class), STATE_ANY, UINT32_MAX, STATE_ANY},
    {"error", KIND_NUMBER, F(error), U32, 0},
    {"count", KIND_NUMBER, F(count), -1, UINT32_MAX, -1},
    {"delay_ms", KIND_NUMBER, F(delay_ms), 0, 600000, 0},
    {"after", KIND_NUMBER, F(after), SWITCH, 0},
    {"nochange", KIND_NUMBER, F(nochange), SWITCH, 0},
    {"level", KIND_NUMBER, F(level), U32, 0},
    {"nullptr", KIND_NUMBER, F(nullptr_), SWITCH, 0},
    {"bytes", KIND_NUMBER, F(bytes), -1, UINT32_MAX, -1},
};

#define H(member) offsetof(struct state_host, member)
static const struct field host_fields[] = {
    {"name", KIND_TEXT, H(name), 0, 0, 0},
    {"notfound", KIND_NUMBER, H(notfound), U32, 2},
    {"own", KIND_NUMBER, H(own), U32, 1},
    {"reversed", KIND_NUMBER, H(reversed), SWITCH, 0},
};

enum record {
    RECORD_HOST,
    RECORD_SERVER,
    RECORD_SESSION,
    RECORD_FAILURE,
    RECORD_COUNT
};

static const struct shape {
    const char *name;
    const struct field *fields;
    size_t field_count;
    size_t size;
    size_t records; /* offset of its list in struct state; 0: the host */
} shapes[RECORD_COUNT] = {
    {"host", host_fields, ARRAY_LEN(host_fields), sizeof(struct state_host), 0},
    {"server", server_fields, ARRAY_LEN(server_fields),
     sizeof(struct state_server), offsetof(struct state, servers)},
    {"session", session_fields, ARRAY_LEN(session_fields),
     sizeof(struct state_session), offsetof(struct state, sessions)},
    {"fail", failure_fields, ARRAY_LEN(failure_fields),
     sizeof(struct state_failure), offsetof(struct state, failures)},
};

/* By enum wts_state. */
static const char *const state_names[] = {
    "active", "connected", "connect_query", "shadow", "disconnected",
    "idle",   "listen",    "reset",         "down",   "init"};

static char **text_of(void *record, const struct field *field)
{
    return (char **)(void *)((char *)record + field->offset);
}

static int64_t *number_of(void *record, const struct field *field)
{
    return (int64_t *)(void *)((char *)record + field->offset);
}

static struct state_records *records_of(struct state *state,
                                        const struct shape *shape)
{
    return (struct state_records *)(void *)((char *)state + shape->records);
}

static void record_init(void *record, const struct shape *shape)
{
    memset(record, 0, shape->size);
    for (size_t i = 0; i < shape->field_count; i++)
        if (shape->fields[i].kind == KIND_NUMBER)
            *number_of(record, &shape->fields[i]) = shape->fields[i].preset;
}

static void record_deinit(void *record, const struct shape *shape)
{
    for (size_t i = 0; i < shape->field_count; i++)
        if (shape->fields[i].kind == KIND_TEXT)
            free(*text_of(record, &shape->fields[i]));
}

/* ---- reading ---- */

/* Undo \t \n \r \\ in place; false for another backslash. */
static bool unescape(char *text)
{
    static const char letters[] = "tnr\\", values[] = "\t\n\r\\";
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        const char *letter;

        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        from++;
        letter = *from == '\0' ? NULL : strchr(letters, *from);
        if (letter == NULL)
            return false;
        *to++ = values[letter - letters];
    }
    *to = '\0';
    return true;
}

static bool parse_number(const char *text, const struct field *field,
                         int64_t *out)
{
    char *end = NULL;
    long long value;

    if (field->kind == KIND_STATE)
        for (size_t i = 0; i < ARRAY_LEN(state_names); i++)
            if (strcmp(text, state_names[i]) == 0) {
                *out = (int64_t)i;
                return true;
            }
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < field->least ||
        value > field->most)
        return false;
    *out = value;
    return true;
}

static bool parse_value(void *record, const struct field *field, char *text,
                        int64_t now_ft, struct state *state)
{
    int64_t value;

    if (field->kind == KIND_TEXT) {
        char **slot = text_of(record, field);

        if (strlen(text) > STATE_TEXT_BYTES_MAX || !unescape(text))
            return false;
        *slot = malloc(strlen(text) + 1);
        if (*slot != NULL)
            memcpy(*slot, text, strlen(text) + 1);
        return *slot != NULL;
    }
    if (!parse_number(text, field, &value))
        return false;
    if (field->kind == KIND_AGE) {
        state->is_relative = true;
        value = now_ft - value * STATE_FT_PER_S;
    }
    *number_of(record, field) = value;
    return true;
}

/* The key's place in the table, or field_count. */
static size_t field_index(const struct shape *shape, const char *key)
{
    size_t i = 0;

    while (i < shape->field_count && strcmp(shape->fields[i].key, key) != 0)
        i++;
    return i;
}

/* Room at the end of a list; NULL when it is full or memory is. */
static void *grow(struct state_records *records, size_t size)
{
    const size_t count = records->count;
    char *items = records->items;

    if (count == STATE_RECORD_COUNT_MAX)
        return NULL;
    /* Room doubles at each power of two; a list is read for every call. */
    if ((count & (count - 1)) == 0)
        items = realloc(items, (count > 0 ? 2 * count : 1) * size);
    if (items == NULL)
        return NULL;
    records->items = items;
    records->count++;
    return items + count * size;
}

static char *next_word(char **rest, char separator)
{
    char *word = *rest;
    char *end;

    if (word == NULL)
        return NULL;
    end = strchr(word, separator);
    *rest = end == NULL ? NULL : end + 1;
    if (end != NULL)
        *end = '\0';
    return word;
}

/* The record type's shape, and room for what it says; NULL when unknown. */
static void *record_for(const char *name, struct state *state,
                        const struct shape **shape)
{
    void *record;

    for (size_t i = 0; i < RECORD_COUNT; i++) {
        *shape = &shapes[i];
        if (strcmp(name, shapes[i].name) != 0)
            continue;
        if (i == RECORD_HOST)
            return &state->host;
        record = grow(records_of(state, *shape), shapes[i].size);
        if (record != NULL)
            record_init(record, *shape);
        return record;
    }
    return NULL;
}

static bool parse_line(char *line, int64_t now_ft, struct state *state,
                       char *error, size_t size)
{
    bool seen[FIELD_COUNT_MAX] = {false};
    const struct shape *shape;
    char *rest = line;
    char *word = next_word(&rest, '\t');
    void *record = record_for(word, state, &shape);

    if (record == NULL) {
        snprintf(error, size, "\"%.40s\" is no kind of record", word);
        return false;
    }
    while ((word = next_word(&rest, '\t')) != NULL) {
        char *value = word;
        const char *key = next_word(&value, '=');
        size_t index = field_index(shape, key);

        if (index == shape->field_count || value == NULL || seen[index]) {
            snprintf(error, size, "a %s has no key \"%.40s\", or has it twice",
                     shape->name, key);
            return false;
        }
        seen[index] = true;
        if (!parse_value(record, &shape->fields[index], value, now_ft, state)) {
            snprintf(error, size, "\"%.40s\" is no value for %s", value, key);
            return false;
        }
    }
    return true;
}

static bool parse_lines(char *text, int64_t now_ft, struct state *out,
                        char error[STATE_ERROR_SIZE])
{
    char *rest = text;
    char *line;

    for (unsigned number = 1; (line = next_word(&rest, '\n')) != NULL;
         number++) {
        int used = snprintf(error, STATE_ERROR_SIZE, "line %u: ", number);

        if (*line != '\0' && *line != '#' &&
            !parse_line(line, now_ft, out, error + used,
                        STATE_ERROR_SIZE - (size_t)used))
            return false;
    }
    error[0] = '\0';
    return true;
}

bool state_parse(const char *text, size_t len, int64_t now_ft,
                 struct state *out, char error[STATE_ERROR_SIZE])
{
    bool is_good = false;
    char *copy = NULL;

    *out = (struct state){0};
    record_init(&out->host, &shapes[RECORD_HOST]);
    snprintf(error, STATE_ERROR_SIZE, "the file is too long, or holds a NUL");
    if (len > STATE_BYTES_MAX || memchr(text, '\0', len) != NULL)
        return false;
    copy = malloc(len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    is_good = parse_lines(copy, now_ft, out, error);
    free(copy);
    if (!is_good)
        state_deinit(out);
    return is_good;
}

/* ---- writing ---- */

static void format_text(struct buffer *buffer, const char *text)
{
    static const char letters[] = "tnr\\", values[] = "\t\n\r\\";

    for (; *text != '\0'; text++) {
        const char *value = strchr(values, *text);

        if (value == NULL)
            buffer_add(buffer, text, 1);
        else
            buffer_format(buffer, "\\%c", letters[value - values]);
    }
}

static void format_record(struct buffer *buffer, const struct shape *shape,
                          void *record)
{
    buffer_format(buffer, "%s", shape->name);
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];

        if (field->kind == KIND_AGE)
            continue;
        if (field->kind != KIND_TEXT) {
            if (*number_of(record, field) != field->preset)
                buffer_format(buffer, "\t%s=%lld", field->key,
                              (long long)*number_of(record, field));
        } else if (*text_of(record, field) != NULL) {
            buffer_format(buffer, "\t%s=", field->key);
            format_text(buffer, *text_of(record, field));
        }
    }
    buffer_add(buffer, "\n", 1);
}

char *state_format(const struct state *state, size_t *len)
{
    struct state copy = *state; /* only the lists' heads */
    struct buffer buffer = {0};

    format_record(&buffer, &shapes[RECORD_HOST], &copy.host);
    for (size_t i = RECORD_SERVER; i < RECORD_COUNT; i++) {
        const struct state_records *records = records_of(&copy, &shapes[i]);

        for (size_t k = 0; k < records->count; k++)
            format_record(&buffer, &shapes[i],
                          (char *)records->items + k * shapes[i].size);
    }
    if (buffer.is_broken) {
        buffer_deinit(&buffer);
        return NULL;
    }
    *len = buffer.len;
    return buffer.data;
}

void state_deinit(struct state *state)
{
    record_deinit(&state->host, &shapes[RECORD_HOST]);
    for (size_t i = RECORD_SERVER; i < RECORD_COUNT; i++) {
        struct state_records *records = records_of(state, &shapes[i]);

        for (size_t k = 0; k < records->count; k++)
            record_deinit((char *)records->items + k * shapes[i].size,
                          &shapes[i]);
        free(records->items);
    }
    *state = (struct state){0};
}

/* ---- finding ---- */

struct state_session *state_session_at(const struct state *state, size_t index)
{
    return (struct state_session *)state->sessions.items + index;
}

static bool is_same(const char *one, const char *other)
{
    if (one == NULL || other == NULL)
        return one == other;
    return strcmp(one, other) == 0;
}

struct state_session *state_find_session(const struct state *state,
                                         const char *server, uint32_t id)
{
    for (size_t i = 0; i < state->sessions.count; i++) {
        struct state_session *session = state_session_at(state, i);

        if (session->id == id && is_same(session->server, server))
            return session;
    }
    return NULL;
}

bool state_has_server(const struct state *state, const char *name)
{
    const struct state_server *servers = state->servers.items;

    for (size_t i = 0; i < state->servers.count; i++)
        if (is_same(servers[i].name, name))
            return true;
    return name == NULL;
}

void state_remove_session(struct state *state, struct state_session *session)
{
    size_t index = (size_t)(session - state_session_at(state, 0));

    record_deinit(session, &shapes[RECORD_SESSION]);
    state->sessions.count--;
    memmove(session, session + 1,
            (state->sessions.count - index) * sizeof(*session));
}

bool state_remove_ended(struct state *state, int64_t now_ft)
{
    size_t before = state->sessions.count;

    for (size_t i = before; i > 0; i--) {
        struct state_session *session = state_session_at(state, i - 1);

        if (session->ends_ft != 0 && session->ends_ft <= now_ft)
            state_remove_session(state, session);
    }
    return state->sessions.count != before;
}

struct state_failure *state_find_failure(const struct state *state,
                                         const char *fn, int64_t session,
                                         int64_t class)
{
    struct state_failure *failures = state->failures.items;

    for (size_t i = 0; i < state->failures.count; i++) {
        struct state_failure *failure = &failures[i];

        if (failure->count != 0 && is_same(failure->fn, fn) &&
            (failure->session == STATE_ANY || failure->session == session) &&
            (failure->class == STATE_ANY || failure->class == class))
            return failure;
    }
    return NULL;
}
