#include "protocol/topic.h"

#include <assert.h>
#include <string.h>

#define VERSION "/v1/"

/*
 * The topics below "<fleet>/v1/", for parsing and building alike.  In a form,
 * '%' and a letter stand for a member of struct topic_parts:
 * a the name of the address, H host, S server, C controller, P plan,
 * I request_id.
 */
struct topic_form {
    enum topic_kind kind;
    enum address_kind address; /* where the kind uses an address */
    const char *form;
};

static const struct topic_form forms[] = {
    {TOPIC_COMMAND, ADDRESS_ALL, "all/command"},
    {TOPIC_COMMAND, ADDRESS_GROUP, "group/%a/command"},
    {TOPIC_COMMAND, ADDRESS_HOST, "host/%a/command"},
    {TOPIC_RESULT, ADDRESS_ALL, "host/%H/result/%C/%I"},
    {TOPIC_STATUS, ADDRESS_ALL, "host/%H/status"},
    {TOPIC_SESSIONS, ADDRESS_ALL, "host/%H/sessions/%S"},
    {TOPIC_EVENT, ADDRESS_ALL, "host/%H/event/%S"},
    {TOPIC_MAINTENANCE, ADDRESS_ALL, "all/maintenance/%P"},
    {TOPIC_MAINTENANCE, ADDRESS_GROUP, "group/%a/maintenance/%P"},
    {TOPIC_MAINTENANCE, ADDRESS_HOST, "host/%a/maintenance/%P"},
    {TOPIC_REVOKED, ADDRESS_ALL, "trust/revoked"},
};

#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

static const char *const address_prefixes[] = {
    [ADDRESS_ALL] = "all",
    [ADDRESS_GROUP] = "group:",
    [ADDRESS_HOST] = "host:",
};

/* Append to text that has room for size bytes and holds len characters. */
static size_t append(char *text, size_t size, size_t len, const char *more)
{
    size_t more_len = strlen(more);

    assert(more_len < size - len);
    if (more_len >= size - len)
        return len; /* never beyond the end, even without assertions */
    memcpy(text + len, more, more_len + 1);
    return len + more_len;
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
    size_t len =
        append(text, ADDRESS_TEXT_SIZE, 0, address_prefixes[address->kind]);

    if (address->kind != ADDRESS_ALL)
        (void)append(text, ADDRESS_TEXT_SIZE, len, address->name.text);
}

enum lastcall_status address_parse(const char *text, struct address *out)
{
    *out = (struct address){.kind = ADDRESS_ALL};
    if (strcmp(text, address_prefixes[ADDRESS_ALL]) == 0)
        return LASTCALL_OK;
    for (int kind = ADDRESS_GROUP; kind <= ADDRESS_HOST; kind++) {
        size_t len = strlen(address_prefixes[kind]);

        if (strncmp(text, address_prefixes[kind], len) != 0)
            continue;
        if (name_parse(text + len, strlen(text + len), &out->name) !=
            LASTCALL_OK)
            break;
        out->kind = (enum address_kind)kind;
        return LASTCALL_OK;
    }
    return LASTCALL_E_SYNTAX;
}

bool address_is_equal(const struct address *a, const struct address *b)
{
    return a->kind == b->kind && strcmp(a->name.text, b->name.text) == 0;
}

/* The name that a letter of a form stands for. */
static struct name *member(struct topic_parts *parts, char letter)
{
    switch (letter) {
    case 'a':
        return &parts->address.name;
    case 'H':
        return &parts->host;
    case 'S':
        return &parts->server;
    case 'C':
        return &parts->controller;
    default:
        assert(letter == 'P');
        return &parts->plan;
    }
}

static bool take_member(struct topic_parts *parts, char letter,
                        const char *text, size_t len)
{
    if (letter == 'I')
        return request_id_parse(text, len, &parts->request_id) == LASTCALL_OK;
    return name_parse(text, len, member(parts, letter)) == LASTCALL_OK;
}

/* Say whether a topic has a form, filling the parts on the way. */
static bool is_form(const char *topic, const char *form,
                    struct topic_parts *parts)
{
    while (*form != '\0') {
        size_t len;

        if (*form != '%') {
            if (*form++ != *topic++)
                return false;
            continue;
        }
        len = strcspn(topic, "/");
        if (!take_member(parts, form[1], topic, len))
            return false;
        topic += len;
        form += 2;
    }
    return *topic == '\0';
}

enum lastcall_status topic_parse(const char *fleet, const char *topic,
                                 struct topic_parts *out)
{
    size_t fleet_len = strlen(fleet);

    *out = (struct topic_parts){0};
    if (strncmp(topic, fleet, fleet_len) != 0 ||
        strncmp(topic + fleet_len, VERSION, strlen(VERSION)) != 0)
        return LASTCALL_E_SYNTAX;
    topic += fleet_len + strlen(VERSION);

    for (size_t i = 0; i < FORM_COUNT; i++) {
        struct topic_parts parts = {
            .kind = forms[i].kind,
            .address = {.kind = forms[i].address},
        };

        if (is_form(topic, forms[i].form, &parts)) {
            *out = parts;
            return LASTCALL_OK;
        }
    }
    return LASTCALL_E_SYNTAX;
}

static const struct topic_form *find_form(const struct topic_parts *parts)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        bool has_address =
            parts->kind == TOPIC_COMMAND || parts->kind == TOPIC_MAINTENANCE;

        if (forms[i].kind == parts->kind &&
            (!has_address || forms[i].address == parts->address.kind))
            return &forms[i];
    }
    return NULL;
}

void topic_format(const char *fleet, const struct topic_parts *parts,
                  struct topic *out)
{
    const struct topic_form *found = find_form(parts);
    struct topic_parts copy = *parts;
    size_t len;

    assert(found != NULL);
    len = append(out->text, sizeof(out->text), 0, fleet);
    len = append(out->text, sizeof(out->text), len, VERSION);
    for (const char *form = found->form; *form != '\0'; form++) {
        const char one[2] = {*form, '\0'};
        const char *more = one;

        if (*form == '%') {
            form++;
            more = *form == 'I' ? copy.request_id.text
                                : member(&copy, *form)->text;
        }
        len = append(out->text, sizeof(out->text), len, more);
    }
}
