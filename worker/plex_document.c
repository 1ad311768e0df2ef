#include "worker/plex_document.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "protocol/text.h"
#include "worker/plex_value.h"
#include "worker/plex_xml.h"

enum form {
    FORM_NOTHING,
    FORM_JSON,
    FORM_XML,
    FORM_OTHER,
};

/* Step over a byte order mark and blanks. */
static struct plex_answer trim(const struct plex_answer *answer)
{
    struct plex_answer rest = *answer;
    const size_t mark_len = bytes_mark_len(rest.data, rest.len);
    const char *at = rest.data;

    at += mark_len;
    rest.len -= mark_len;
    while (rest.len > 0 &&
           (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) {
        at++;
        rest.len--;
    }
    rest.data = at;
    return rest;
}

static enum form find_form(const struct plex_answer *trimmed)
{
    const char *text = trimmed->data;

    if (trimmed->len == 0)
        return FORM_NOTHING;
    if (text[0] == '<')
        return FORM_XML;
    /* A root that is no object is still JSON, and named so. */
    if (text[0] == '{' || text[0] == '[' || text[0] == '"')
        return FORM_JSON;
    if (trimmed->len >= 4 && memcmp(text, "null", 4) == 0)
        return FORM_JSON;
    return FORM_OTHER;
}

/* The length of the UTF-8 character at data, or 0 where there is none. */
static size_t char_len(const unsigned char *data, size_t len)
{
    size_t wanted = 1;

    if (data[0] >= 0xF0)
        wanted = 4;
    else if (data[0] >= 0xE0)
        wanted = 3;
    else if (data[0] >= 0xC0)
        wanted = 2;
    return wanted <= len && bytes_is_utf8(data, wanted) ? wanted : 0;
}

/* Copy an answer, replacing what is no character. */
static enum lastcall_status repair(const struct plex_answer *answer,
                                   struct bytes *out)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    const unsigned char *data = answer->data;
    size_t at = 0;

    bytes_init(out, answer->len * (sizeof(replacement) - 1));
    while (at < answer->len) {
        enum lastcall_status status = LASTCALL_OK;
        size_t from = at;
        size_t len = 0;

        while (at < answer->len && data[at] >= ' ' &&
               (len = char_len(data + at, answer->len - at)) > 0)
            at += len;
        if (at > from)
            status = bytes_append(out, data + from, at - from);
        if (status == LASTCALL_OK && at < answer->len) {
            bool is_control = data[at] < ' ';

            status = is_control ? bytes_append(out, " ", 1)
                                : bytes_append_text(out, replacement);
            at++;
        }
        if (status != LASTCALL_OK)
            return status;
    }
    return LASTCALL_OK;
}

/* Say whether an answer needs repair() before a parser may see it. */
static bool is_sound(const struct plex_answer *answer)
{
    const unsigned char *data = answer->data;

    for (size_t i = 0; i < answer->len; i++) {
        if (data[i] < ' ' && data[i] != '\n' && data[i] != '\r' &&
            data[i] != '\t')
            return false;
    }
    return bytes_is_utf8(answer->data, answer->len);
}

static void name_unexpected(const struct plex_answer *answer, const char *what,
                            struct json_error *error)
{
    snprintf(error->text, sizeof(error->text),
             "Plex answered with %s where a MediaContainer was expected%s%.40s",
             what, answer->content_type[0] != '\0' ? ": content type " : "",
             answer->content_type);
}

/* jansson takes ten times a document's size when it is full of containers. */
static bool is_within_bounds(const struct plex_answer *answer)
{
    const char *data = answer->data;
    size_t count = 0;

    for (size_t i = 0; i < answer->len; i++)
        count += data[i] == '{' || data[i] == '[';
    return count <= PLEX_CONTAINER_COUNT_MAX;
}

static enum lastcall_status parse(const struct plex_answer *answer,
                                  enum form form, json_t **out,
                                  struct json_error *error)
{
    if (form == FORM_XML)
        return plex_xml_parse(answer->data, answer->len, out, error);
    if (!is_within_bounds(answer)) {
        *out = NULL;
        snprintf(error->text, sizeof(error->text), "it has over %d parts",
                 PLEX_CONTAINER_COUNT_MAX);
        return LASTCALL_E_TOO_LARGE;
    }
    return json_parse_lenient(answer->data, answer->len, out, error);
}

/* Read into a tree with any root; SERVER_ERROR has its sentence. */
static enum lastcall_status read_tree(const struct plex_answer *answer,
                                      json_t **out, struct json_error *error)
{
    enum lastcall_status status = LASTCALL_OK;
    struct plex_answer trimmed = trim(answer);
    enum form form = find_form(&trimmed);
    struct bytes repaired = {0};
    struct json_error why = {0};

    *out = NULL;
    if (form == FORM_NOTHING || form == FORM_OTHER) {
        name_unexpected(answer,
                        form == FORM_NOTHING
                            ? "nothing"
                            : "something that is neither JSON nor XML",
                        error);
        return LASTCALL_SERVER_ERROR;
    }
    if (!is_sound(&trimmed)) {
        status = repair(&trimmed, &repaired);
        trimmed.data = repaired.data;
        trimmed.len = repaired.len;
    }
    if (status == LASTCALL_OK)
        status = parse(&trimmed, form, out, &why);
    bytes_deinit(&repaired);
    if (status == LASTCALL_OK || status == LASTCALL_E_NOMEM)
        return status;
    snprintf(error->text, sizeof(error->text),
             "Plex's answer is not sound %s: %.100s",
             form == FORM_XML ? "XML" : "JSON", why.text);
    return LASTCALL_SERVER_ERROR;
}

/* HTML is told apart even where it is no sound XML. */
static bool is_html(const struct plex_answer *answer)
{
    static const char *const starts[] = {"<html", "<HTML", "<!doctype",
                                         "<!DOCTYPE"};
    struct plex_answer trimmed = trim(answer);

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        size_t len = strlen(starts[i]);

        if (trimmed.len >= len && memcmp(trimmed.data, starts[i], len) == 0)
            return true;
    }
    return false;
}

enum lastcall_status plex_document_read(const struct plex_answer *answer,
                                        json_t **out, struct json_error *error)
{
    enum lastcall_status status = LASTCALL_SERVER_ERROR;
    json_t *tree = NULL;
    json_t *container = NULL;

    *out = NULL;
    error->text[0] = '\0';
    if (is_html(answer)) {
        name_unexpected(answer, "an HTML page", error);
        return LASTCALL_SERVER_ERROR;
    }
    status = read_tree(answer, &tree, error);
    if (status != LASTCALL_OK)
        return status;
    container = json_object_get(tree, "MediaContainer");
    /* An XML root without attributes or children is an object as well. */
    if (json_is_object(container)) {
        *out = json_incref(container);
    } else {
        name_unexpected(answer, "another document", error);
        status = LASTCALL_SERVER_ERROR;
    }
    json_decref(tree);
    return status;
}

void plex_document_excuse(const struct plex_answer *answer, char *text,
                          size_t size)
{
    struct json_error ignored = {0};
    struct plex_text scratch = {{0}};
    json_t *tree = NULL;
    const json_t *response = NULL;
    const char *excuse = NULL;

    text[0] = '\0';
    if (is_html(answer) || read_tree(answer, &tree, &ignored) != LASTCALL_OK)
        return;
    response = json_object_get(tree, "Response");
    excuse = plex_text(response, "status", &scratch);
    if (excuse == NULL)
        excuse = plex_text(response, "title", &scratch);
    if (excuse != NULL)
        text_clean(excuse, text, size);
    json_decref(tree);
}
