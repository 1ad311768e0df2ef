#include "tests/standin/plex_routes.h"

#include "tests/standin/query.h"
#include "tests/standin/render.h"
#include "tests/standin/stream.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

static const char XML_TYPE[] = "text/xml;charset=utf-8";

static const char *header_of(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND,
                                       name);
}

static bool wants_json(const struct exchange *exchange)
{
    const char *accept = header_of(exchange, "Accept");

    return accept != NULL && strstr(accept, "application/json") != NULL;
}

/* Takes over container. */
static void answer_container(struct exchange *exchange, json_t *container,
                             struct answer *answer)
{
    if (wants_json(exchange)) {
        answer_body(answer, 200, "application/json", "");
        render_json(container, &answer->body);
    } else {
        answer_body(answer, 200, XML_TYPE, "");
        render_xml(container, &answer->body);
    }
    json_decref(container);
}

enum token_class plex_token_class(const struct exchange *exchange)
{
    const char *header = header_of(exchange, "X-Plex-Token");
    struct text token = {0};
    enum token_class class;

    if (header != NULL)
        return tokens_class(&exchange->standin->tokens, header);
    (void)query_find(exchange->query, "X-Plex-Token", &token);
    class = tokens_class(&exchange->standin->tokens, text_get(&token));
    text_deinit(&token);
    return class;
}

/* Whether a list of names, separated by commas, has this one. */
static bool list_has(const char *list, const char *name, size_t len)
{
    while (*list != '\0') {
        size_t own = strcspn(list, ",");

        if (own == len && strncmp(list, name, len) == 0)
            return true;
        list += own + (list[own] == ',');
    }
    return false;
}

/* An unknown domain name makes a local request a remote one. */
static bool host_is_known(const struct exchange *exchange)
{
    const char *host = header_of(exchange, "Host");
    size_t len = host != NULL ? strcspn(host, ":") : 0;
    unsigned char address[sizeof(struct in_addr)];
    char literal[INET_ADDRSTRLEN] = "";

    if (host == NULL || host[0] == '[')
        return true;
    if (len < sizeof(literal))
        memcpy(literal, host, len);
    return inet_pton(AF_INET, literal, address) == 1 ||
           list_has("localhost", host, len) ||
           list_has(options_word(&exchange->standin->options, "known_hosts"),
                    host, len);
}

/* The port is bound to 127.0.0.1, so that is where a client comes from. */
static bool owner_without_token(const struct exchange *exchange)
{
    const struct options *options = &exchange->standin->options;
    const char *networks = options_word(options, "allowed_networks");

    if (options_is(options, "profile", "unclaimed"))
        return true;
    return list_has(networks, "127.0.0.1", strlen("127.0.0.1")) &&
           host_is_known(exchange);
}

static void answer_401(struct exchange *exchange, struct answer *answer)
{
    answer_html(answer, 401);
    if (!options_bool(&exchange->standin->options, "long_401"))
        return;
    answer_body(answer, 401, "text/html",
                "<html><head><script>"
                "window.location.assign(new URL(\"web/index.html\", "
                "location.origin+location.pathname));</script>"
                "<title>Unauthorized</title></head>"
                "<body><h1>401 Unauthorized</h1></body></html>");
}

/* Whether the request is the owner's; otherwise it is answered. */
static bool owner_or_answered(struct exchange *exchange, enum token_class class,
                              struct answer *answer)
{
    const struct options *options = &exchange->standin->options;

    switch (class) {
    case TOKEN_OWNER:
    case TOKEN_LOCAL:
        return true;
    case TOKEN_NONE:
        if (owner_without_token(exchange))
            return true;
        break;
    case TOKEN_SHARED:
        if (options_number(options, "non_owner_status") == 403) {
            answer_html(answer, 403);
            return false;
        }
        break;
    case TOKEN_UNKNOWN:
    case TOKEN_REVOKED:
    case TOKEN_EXPIRED:
        break;
    }
    answer_401(exchange, answer);
    return false;
}

static void route_identity(struct exchange *exchange, struct answer *answer)
{
    const struct options *options = &exchange->standin->options;

    answer_container(exchange,
                     json_pack("{sisbssss}", "size", 0, "claimed",
                               options_is(options, "profile", "claimed"),
                               "machineIdentifier",
                               options_word(options, "machine_identifier"),
                               "version", options_word(options, "version")),
                     answer);
}

static void route_root(struct exchange *exchange, struct answer *answer)
{
    const struct options *options = &exchange->standin->options;
    bool pass = options_bool(options, "pass");
    const char *features =
        pass ? "adaptive_bitrate,hardware_transcoding,lyrics,pass,"
               "session_bandwidth_restrictions,session_kick,sync,webhooks"
             : "adaptive_bitrate,sync";

    answer_container(
        exchange,
        json_pack("{sisb"
                  "ssss"
                  "sb"
                  "ssssssssssss"
                  "s[{sissss}]}",
                  "size", 1, "eventStream", 1, "friendlyName",
                  options_word(options, "friendly_name"), "machineIdentifier",
                  options_word(options, "machine_identifier"),
                  "myPlexSubscription", pass, "myPlexSigninState", "ok",
                  "myPlexUsername", "owner@example.invalid", "ownerFeatures",
                  features, "platform", "Linux", "platformVersion", "6.8.0",
                  "version", options_word(options, "version"), "Directory",
                  "count", 1, "key", "library", "title", "library"),
        answer);
}

/* The array of items in the dialect that is set; the caller owns it. */
static json_t *items_to_list(const struct standin *standin, bool json)
{
    json_t *items = lifecycle_empty(&standin->life, clock_ms())
                        ? json_array()
                        : sessions_listed(&standin->sessions);
    json_t *copies;
    json_t *item;
    size_t i;

    if (!json || options_is(&standin->options, "dialect", "a"))
        return items;
    copies = json_array();
    json_array_foreach(items, i, item)
        json_array_append_new(copies, render_dialect_b(item));
    json_decref(items);
    return copies;
}

static json_t *list_container(const struct standin *standin, bool json)
{
    const struct options *options = &standin->options;
    json_t *items = items_to_list(standin, json);
    json_int_t count = (json_int_t)json_array_size(items);
    json_int_t size = options_number(options, "size");
    json_int_t total = options_number(options, "total_size");
    json_t *container = json_pack("{sI}", "size", size >= 0 ? size : count);

    if (total >= 0)
        json_object_set_new(container, "totalSize", json_integer(total));
    if (count != 0 || options_is(options, "empty_form", "array"))
        json_object_set(container, "Metadata", items);
    json_decref(items);
    return container;
}

static void route_list(struct exchange *exchange, struct answer *answer)
{
    struct standin *standin = exchange->standin;
    bool json = wants_json(exchange);
    struct list_cache *cache =
        json ? &standin->cache_json : &standin->cache_xml;
    bool emptied = lifecycle_empty(&standin->life, clock_ms());

    standin->record.lists_count++;
    /* Versions start at 1, so that a cache of zeros matches none. */
    if (emptied || cache->version != standin->sessions.version + 1) {
        json_t *container = list_container(standin, json);

        text_deinit(&cache->body);
        if (json)
            render_json(container, &cache->body);
        else
            render_xml(container, &cache->body);
        json_decref(container);
        cache->version = emptied ? 0 : standin->sessions.version + 1;
    }
    answer_body(answer, 200, json ? "application/json" : XML_TYPE, "");
    text_append(&answer->body, cache->body.data, cache->body.len);
    if (!emptied)
        sessions_after_list(&standin->sessions);
}

void route_note_terminate(struct exchange *exchange, enum token_class class,
                          unsigned status, json_t *matched, const char *result)
{
    struct text id;
    struct text reason;
    bool has_id = query_find(exchange->query, "sessionId", &id);
    bool has_reason = query_find(exchange->query, "reason", &reason);
    struct termination termination = {
        .method = exchange->method,
        .id = has_id ? &id : NULL,
        .reason = has_reason ? &reason : NULL,
        .class = class,
        .matched = matched,
        .status = status,
        .result = result,
    };

    record_termination(&exchange->standin->record, &termination);
    text_deinit(&id);
    text_deinit(&reason);
}

/* What the accepted terminate of a session leads to; the word for it. */
static const char *kill_answer(const struct kill *kill, struct answer *answer)
{
    answer_body(answer, 200, NULL, "");
    switch (kill->react) {
    case REACT_LOST:
        answer->way = ANSWER_RESET;
        return "lost";
    case REACT_RACE404:
        answer_html(answer, 404);
        return "race404";
    case REACT_SLOW200:
        answer->delay_ms = kill->wait_ms;
        return "accepted";
    case REACT_PROMPT:
    case REACT_DELAYED:
    case REACT_IGNORE:
    case REACT_ZOMBIE:
    case REACT_RESUME:
    case REACT_SWAP:
    case REACT_NOEFFECT:
        return "accepted";
    }
    return "accepted";
}

static const char *terminate(struct exchange *exchange, struct kill *kill,
                             struct answer *answer)
{
    struct standin *standin = exchange->standin;
    const char *result;
    struct text id;

    if (!query_find(exchange->query, "sessionId", &id)) {
        answer_html(answer, 400);
        result = "missing_id";
    } else if (id.len == 0) {
        answer_html(answer, 403);
        result = "empty_id";
    } else if (!options_bool(&standin->options, "pass")) {
        answer_401(exchange, answer);
        result = "no_pass";
    } else {
        *kill = sessions_kill(
            &standin->sessions, &id,
            options_is(&standin->options, "duplicate_policy", "all"),
            clock_ms());
        if (kill->found) {
            result = kill_answer(kill, answer);
        } else {
            answer_html(answer, 404);
            result = "not_found";
        }
    }
    text_deinit(&id);
    return result;
}

static void route_terminate(struct exchange *exchange, enum token_class class,
                            struct answer *answer)
{
    const struct options *options = &exchange->standin->options;
    const char *only = options_word(options, "accept_only");
    bool known = strcmp(exchange->method, "GET") == 0 ||
                 strcmp(exchange->method, "POST") == 0;
    struct kill kill = {0};
    const char *result = "wrong_method";

    if (!owner_or_answered(exchange, class, answer)) {
        result = answer->status == 403 ? "not_owner" : "unauthorised";
    } else if (!known || (strcmp(only, "any") != 0 &&
                          strcmp(only, exchange->method) != 0)) {
        answer_html(answer,
                    (unsigned)options_number(options, "wrong_method_status"));
    } else {
        result = terminate(exchange, &kill, answer);
    }
    route_note_terminate(exchange, class,
                         answer->way == ANSWER_SEND ? answer->status : 0,
                         kill.matched, result);
    json_decref(kill.matched);
}

static void route_transcodes(struct exchange *exchange, struct answer *answer)
{
    json_t *all = sessions_transcodes(&exchange->standin->sessions);
    json_t *container =
        json_pack("{sI}", "size", (json_int_t)json_array_size(all));

    if (json_array_size(all) != 0)
        json_object_set(container, "TranscodeSession", all);
    json_decref(all);
    answer_container(exchange, container, answer);
}

static void route_nothing(struct exchange *exchange, struct answer *answer)
{
    answer_container(exchange, json_pack("{si}", "size", 0), answer);
}

static void route_stop_transcode(struct exchange *exchange,
                                 struct answer *answer)
{
    const char *id = text_get(&exchange->path) + strlen("/transcode/sessions/");

    if (sessions_stop_transcode(&exchange->standin->sessions, id))
        answer_body(answer, 200, NULL, "");
    else
        answer_html(answer, 404);
}

/* What an owner can ask for. */
static const struct {
    const char *method;
    const char *path;
    void (*answer)(struct exchange *exchange, struct answer *answer);
} ROUTES[] = {
    {"GET", "/", route_root},
    {"GET", "/status/sessions", route_list},
    {"GET", STREAM_PATH, stream_route},
    {"GET", "/transcode/sessions", route_transcodes},
    {"GET", "/accounts", route_nothing},
    {"GET", "/:/prefs", route_nothing},
    {"GET", "/livetv/sessions", route_nothing},
    {"GET", "/status/sessions/background", route_nothing},
    {"GET", "/status/sessions/history/all", route_nothing},
};

static void route_owner(struct exchange *exchange, struct answer *answer)
{
    const char *path = text_get(&exchange->path);
    bool transcode = strncmp(path, "/transcode/sessions/",
                             strlen("/transcode/sessions/")) == 0;

    for (size_t i = 0; i < sizeof(ROUTES) / sizeof(ROUTES[0]); i++) {
        if (strcmp(ROUTES[i].path, path) == 0 &&
            strcmp(ROUTES[i].method, exchange->method) == 0) {
            ROUTES[i].answer(exchange, answer);
            return;
        }
    }
    if (transcode && strcmp(exchange->method, "DELETE") == 0)
        route_stop_transcode(exchange, answer);
    else
        answer_html(answer, 404);
}

void plex_route(struct exchange *exchange, struct answer *answer)
{
    const char *path = text_get(&exchange->path);
    enum token_class class = plex_token_class(exchange);

    if (strcmp(path, TERMINATE_PATH) == 0)
        route_terminate(exchange, class, answer);
    else if (strcmp(path, "/identity") == 0 &&
             strcmp(exchange->method, "GET") == 0)
        route_identity(exchange, answer);
    else if (owner_or_answered(exchange, class, answer))
        route_owner(exchange, answer);
}
