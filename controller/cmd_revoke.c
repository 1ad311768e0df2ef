/* lastcall revoke: the root says which keys are no longer good */
#include <stdio.h>
#include <string.h>

#include "controller/command.h"
#include "controller/identity.h"
#include "controller/present.h"
#include "controller/retain.h"
#include "controller/say.h"
#include "protocol/io/keyfile.h"
#include "protocol/moment.h"

struct revoking {
    const struct options *options;
    struct present present;
    struct key root; /* with its private half */
    struct controller_settings settings;
    struct trust trust; /* holds the present list once it was read */
    struct fleet_link *link;
    int64_t before_s;
    enum lastcall_status refused; /* why the retained list was, or OK */
};

static const struct output_column revocation_columns[] = {
    {"KEY", "key", CELL_TEXT},
    {"VOID BEFORE", "before", CELL_TEXT},
    {"SINCE", "before", CELL_AGE},
};
static const struct output_column revocation_csv[] = {
    {"key", "key", CELL_TEXT},
    {"before", "before", CELL_TEXT},
};
static const struct output_block revocation_blocks[] = {
    {NULL, NULL, NULL, revocation_columns,
     sizeof revocation_columns / sizeof revocation_columns[0], NULL},
};
static const struct output_layout revocation_layout = {
    .noun = "revoked",
    .type = "revoked",
    .name = "key",
    .blocks = revocation_blocks,
    .block_count = 1,
    .csv = {NULL, NULL, NULL, revocation_csv,
            sizeof revocation_csv / sizeof revocation_csv[0], NULL},
};

static enum lastcall_status read_before(struct revoking *revoking)
{
    const char *text = options_value(revoking->options, OPTION_BEFORE);
    int64_t ms = fleet_wall_ms();

    if (text != NULL && moment_parse(text, &ms) != LASTCALL_OK) {
        say_error("--before: \"%s\" is no time such as 2026-11-21T08:30:00Z",
                  text);
        return LASTCALL_E_SYNTAX;
    }
    /* What was signed within this second is void, too. */
    revoking->before_s = ms / 1000 + 1;
    return LASTCALL_OK;
}

/*
 * Whoever may publish the list could bury the fleet's under one that nobody
 * accepts: where the root is known, only its own key signs.
 */
static enum lastcall_status check_root(const struct revoking *revoking)
{
    const char *path = revoking->settings.root;
    struct platform_error error = {0};
    struct key known = {0};
    bool is_same = false;

    if (path == NULL)
        return LASTCALL_OK;
    if (keyfile_read_public(path, &known, &error) != LASTCALL_OK) {
        say_error("%s", error.text);
        return LASTCALL_E_CONFIG;
    }
    is_same = strcmp(known.thumbprint, revoking->root.thumbprint) == 0;
    key_deinit(&known);
    if (is_same)
        return LASTCALL_OK;
    say_error("--root-key is not the private half of %s, the fleet's root",
              path);
    say_mend("give the root key of this fleet, or the --root of another one");
    return LASTCALL_E_CONFIG;
}

/* To look at the list is anybody's, and no reason to have the key at hand. */
static bool signs(const struct revoking *revoking)
{
    return revoking->options->argument_count > 0 ||
           options_value(revoking->options, OPTION_ROOT_KEY) != NULL;
}

/* The root's public half is in its private key: --root is not needed. */
static enum lastcall_status trust_root_key(struct revoking *revoking)
{
    struct key root = {0};
    enum lastcall_status status = check_root(revoking);

    if (status == LASTCALL_OK)
        status = key_from_public(revoking->root.public_raw, &root);
    if (status == LASTCALL_OK)
        status = trust_init(&revoking->trust, &revoking->settings.fleet, &root,
                            IDENTITY_SKEW_S, 1);
    return status;
}

static enum lastcall_status prepare_trust(struct revoking *revoking)
{
    struct config_error error = {0};
    enum lastcall_status status = controller_settings_load(
        revoking->options, &controller_sources, &revoking->settings, &error);

    if (status == LASTCALL_OK)
        status = controller_settings_check_broker(&revoking->settings, &error);
    if (status != LASTCALL_OK) {
        say_error("%s", error.text);
        return LASTCALL_E_CONFIG;
    }
    return signs(revoking)
               ? trust_root_key(revoking)
               : identity_load_trust(&revoking->settings, &revoking->trust);
}

/* Find whom a KEY means: a thumbprint, '*', or the key in a file. */
static enum lastcall_status read_thumbprint(const char *text,
                                            char out[KEY_THUMBPRINT_SIZE])
{
    struct key key = {0};
    struct platform_error error = {0};
    enum lastcall_status status = LASTCALL_OK;

    if (strcmp(text, REVOCATION_EVERY_KEY) == 0 ||
        key_thumbprint_is_valid(text)) {
        snprintf(out, KEY_THUMBPRINT_SIZE, "%s", text);
        return LASTCALL_OK;
    }
    status = keyfile_read_any(text, &key, &error);
    if (status == LASTCALL_OK) {
        memcpy(out, key.thumbprint, KEY_THUMBPRINT_SIZE);
    } else {
        say_error("%s", error.text);
        say_mend("a key is named by its thumbprint (lastcall key show FILE), "
                 "its public file, or '*' for every key");
        status = LASTCALL_E_SYNTAX;
    }
    key_deinit(&key);
    return status;
}

static void take_list(struct revoking *revoking,
                      const struct fleet_event *event)
{
    enum lastcall_status status = trust_adopt_revocation(
        &revoking->trust, event->payload.data, event->payload.len);

    if (status != LASTCALL_OK && status != LASTCALL_ALREADY_GONE &&
        event->payload.len > 0)
        revoking->refused = status;
}

/*
 * A list that our root did not sign: anybody's, when we know that ours is the
 * fleet's root; else perhaps the fleet's own, which we must not replace.
 */
static enum exit_code judge_refused(const struct revoking *revoking)
{
    if (revoking->refused == LASTCALL_OK)
        return EXIT_CODE_OK;
    say_error("the retained list is refused: %s",
              status_text(revoking->refused));
    if (revoking->settings.root != NULL ||
        revoking->options->argument_count == 0)
        return EXIT_CODE_OK;
    say_mend("to replace it, prove with --root FILE that this root key is the "
             "fleet's");
    return EXIT_CODE_USAGE;
}

/* Read the present list; see fleet.h for how its end is known. */
static enum exit_code read_list(struct revoking *revoking)
{
    struct topic topic;
    const struct topic_parts parts = {.kind = TOPIC_REVOKED};
    struct mqtt_subscription subscription = {.filter = topic.text, .qos = 1};
    struct fleet_link_options options = {.subscriptions = &subscription,
                                         .subscription_count = 1};
    struct fleet_event event = {0};
    enum fleet_event_kind kind = FLEET_READY;
    enum lastcall_status status = LASTCALL_OK;

    topic_format(revoking->settings.fleet.text, &parts, &topic);
    options.settings = &revoking->settings;
    options.timeout_ms = revoking->present.timeout_ms;
    status = fleet_link_open(&options, &revoking->link);
    if (status == LASTCALL_E_CLOSED)
        return EXIT_CODE_INTERRUPTED;
    if (status != LASTCALL_OK)
        return status == LASTCALL_E_CONFIG ? EXIT_CODE_USAGE : EXIT_CODE_BROKER;
    status = fleet_link_subscribe(revoking->link, topic.text,
                                  revoking->present.timeout_ms);
    while (status == LASTCALL_OK && kind != FLEET_TIMEOUT) {
        fleet_link_next(revoking->link, fleet_now_ms() + FLEET_QUIET_MS,
                        &event);
        kind = event.kind;
        if (kind == FLEET_MESSAGE)
            take_list(revoking, &event);
        if (kind == FLEET_INTERRUPTED)
            status = LASTCALL_E_CLOSED;
        fleet_event_deinit(&event);
    }
    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    if (status == LASTCALL_E_CLOSED)
        return EXIT_CODE_INTERRUPTED;
    say_error("the broker did not answer: %s", status_text(status));
    return EXIT_CODE_BROKER;
}

static enum lastcall_status add_keys(struct revoking *revoking)
{
    const struct options *options = revoking->options;
    struct revocation_list *list = &revoking->trust.revoked;
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < options->argument_count; i++) {
        char thumbprint[KEY_THUMBPRINT_SIZE];

        if (status == LASTCALL_OK)
            status = read_thumbprint(options->arguments[i], thumbprint);
        if (status == LASTCALL_OK)
            status = revocation_add(list, thumbprint, revoking->before_s);
    }
    return status;
}

static enum lastcall_status sign_list(struct revoking *revoking,
                                      struct bytes *out)
{
    struct revocation_list *list = &revoking->trust.revoked;
    struct request_id id = {0};
    json_t *claims = NULL;
    enum lastcall_status status = platform_random_id(&id);

    list->seq++;
    list->iat_s = fleet_wall_ms() / 1000;
    snprintf(list->fleet, sizeof list->fleet, "%s",
             revoking->settings.fleet.text);
    if (status != LASTCALL_OK)
        return status;
    claims = revocation_encode(list, id.text);
    status = claims == NULL ? LASTCALL_E_NOMEM
                            : token_sign(TOKEN_REVOCATION, &revoking->root,
                                         NULL, claims, out);
    json_decref(claims);
    return status;
}

static enum exit_code publish_list(struct revoking *revoking)
{
    struct topic topic;
    const struct topic_parts parts = {.kind = TOPIC_REVOKED};
    struct bytes token = {0};
    enum lastcall_status status = sign_list(revoking, &token);

    topic_format(revoking->settings.fleet.text, &parts, &topic);
    if (status == LASTCALL_OK)
        status = retain_publish(revoking->link, topic.text, &token, 0, 1);
    if (status == LASTCALL_OK)
        status =
            retain_await(revoking->link, NULL, 1, revoking->present.timeout_ms);
    bytes_deinit(&token);
    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    say_error("the list could not be published: %s", status_text(status));
    if (status == LASTCALL_FORBIDDEN)
        say_mend("the broker's access rules must let you publish %s",
                 topic.text);
    return status == LASTCALL_E_CLOSED ? EXIT_CODE_INTERRUPTED
                                       : EXIT_CODE_BROKER;
}

static json_t *record_of_entry(const struct revocation_entry *entry)
{
    json_t *record = json_object();
    char before[MOMENT_TEXT_SIZE];

    moment_format(entry->before_s * 1000, before);
    if (record == NULL ||
        json_put(record, "key", json_string(entry->thumbprint)) !=
            LASTCALL_OK ||
        json_put(record, "before", json_string(before)) != LASTCALL_OK) {
        json_decref(record);
        return NULL;
    }
    return record;
}

static enum exit_code show_list(const struct revoking *revoking)
{
    const bool is_forged = revoking->refused != LASTCALL_OK &&
                           revoking->options->argument_count == 0;
    const struct revocation_list *list = &revoking->trust.revoked;
    struct output output;
    json_t *summary = json_object();

    present_begin(&revoking->present, &revocation_layout, present_colour(),
                  stdout, &output);
    for (size_t i = 0; i < list->count; i++)
        output_record(&output, record_of_entry(&list->entries[i]));
    if (summary != NULL &&
        json_put(summary, "seq", json_integer(list->seq)) != LASTCALL_OK) {
        json_decref(summary);
        summary = NULL;
    }
    return present_end(&output, summary,
                       is_forged ? EXIT_CODE_REFUSED : EXIT_CODE_OK);
}

enum exit_code cmd_revoke(const struct options *options)
{
    struct revoking revoking = {.options = options};
    enum exit_code code = EXIT_CODE_USAGE;

    if (present_read(options, &revoking.present) != LASTCALL_OK ||
        read_before(&revoking) != LASTCALL_OK ||
        (signs(&revoking) &&
         identity_load_root_key(options, &revoking.root) != LASTCALL_OK) ||
        prepare_trust(&revoking) != LASTCALL_OK)
        goto out;
    code = read_list(&revoking);
    if (code == EXIT_CODE_OK)
        code = judge_refused(&revoking);
    if (code == EXIT_CODE_OK && options->argument_count > 0) {
        code = add_keys(&revoking) == LASTCALL_OK ? publish_list(&revoking)
                                                  : EXIT_CODE_USAGE;
    }
    if (code == EXIT_CODE_OK)
        code = show_list(&revoking);
out:
    fleet_link_close(revoking.link);
    trust_deinit(&revoking.trust);
    controller_settings_deinit(&revoking.settings);
    key_deinit(&revoking.root);
    return code;
}
