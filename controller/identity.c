#include "controller/identity.h"

#include <stdlib.h>
#include <string.h>

#include "controller/say.h"
#include "protocol/io/keyfile.h"

enum lastcall_status
identity_load_trust(const struct controller_settings *settings,
                    struct trust *out)
{
    struct key root = {0};
    struct platform_error error = {0};

    *out = (struct trust){0};
    if (settings->root == NULL) {
        say_error("the fleet's public root key is not known");
        say_mend("give --root FILE, set LASTCALL_ROOT, or write root = ... "
                 "below [controller] in controller.conf");
        return LASTCALL_E_CONFIG;
    }
    if (keyfile_read_public(settings->root, &root, &error) != LASTCALL_OK) {
        say_error("%s", error.text);
        say_mend("the public root key is the FILE.pub beside the fleet's "
                 "root key; lastcall key new FILE makes a pair");
        return LASTCALL_E_CONFIG;
    }
    return trust_init(out, &settings->fleet, &root, IDENTITY_SKEW_S,
                      IDENTITY_CACHE_MAX);
}

static enum lastcall_status load_key(const struct controller_settings *settings,
                                     struct identity *out)
{
    struct platform_error error = {0};
    enum lastcall_status status = LASTCALL_E_CONFIG;

    if (settings->key == NULL) {
        say_error("no key of ours is known");
        say_mend("lastcall key new FILE makes one; then give --key FILE, set "
                 "LASTCALL_KEY, or write key = ... in controller.conf");
        return LASTCALL_E_CONFIG;
    }
    status = keyfile_read_private(settings->key, &out->key, &error);
    if (status == LASTCALL_OK)
        return LASTCALL_OK;
    say_error("%s", error.text);
    if (status == LASTCALL_E_MISSING)
        say_mend("lastcall key new %s makes it", settings->key);
    return LASTCALL_E_CONFIG;
}

static enum lastcall_status
load_grant(const struct controller_settings *settings, struct identity *out)
{
    struct platform_error error = {0};
    struct bytes text = {0};
    enum lastcall_status status = LASTCALL_E_CONFIG;

    if (settings->grant == NULL) {
        say_error("no grant of ours is known");
        say_mend("who holds the root key makes it: lastcall grant --root-key "
                 "FILE --subject controller:NAME --key %s.pub --permit ...",
                 settings->key);
        return LASTCALL_E_CONFIG;
    }
    status = keyfile_read_line(settings->grant, FILE_PUBLIC,
                               TOKEN_GRANT_BYTES_MAX, &text, &error);
    if (status == LASTCALL_OK) {
        out->grant = bytes_take(&text);
        status = out->grant == NULL ? LASTCALL_E_NOMEM : LASTCALL_OK;
    } else {
        say_error("%s", error.text);
        if (status == LASTCALL_E_MISSING)
            say_mend("lastcall grant --root-key FILE --subject "
                     "controller:NAME --key %s.pub --permit ... --out %s "
                     "makes it",
                     settings->key, settings->grant);
        status = LASTCALL_E_CONFIG;
    }
    bytes_deinit(&text);
    return status;
}

/* Hosts would refuse what does not hold together; say so before they do. */
static enum lastcall_status check_grant(const struct controller_settings *from,
                                        struct trust *trust, int64_t now_s,
                                        struct identity *out)
{
    const struct grant *grant = NULL;
    struct json_error why = {0};
    enum lastcall_status status =
        trust_verify_grant(trust, out->grant, now_s, &grant, &why);

    if (status != LASTCALL_OK) {
        say_error("%s: %s", from->grant,
                  why.text[0] != '\0' ? why.text : status_text(status));
        say_mend("ask who holds the root key for a new grant, or check --root "
                 "and --fleet");
        return LASTCALL_E_CONFIG;
    }
    if (grant->kind != SUBJECT_CONTROLLER) {
        say_error("%s is the grant of %s, not of a controller", from->grant,
                  grant->subject);
        return LASTCALL_E_CONFIG;
    }
    if (strcmp(grant->key.thumbprint, out->key.thumbprint) != 0) {
        say_error("%s is a grant for another key than %s", from->grant,
                  from->key);
        say_mend("compare lastcall key show %s with lastcall verify %s",
                 from->key, from->grant);
        return LASTCALL_E_CONFIG;
    }
    out->name = grant->name;
    subject_format(SUBJECT_CONTROLLER, &grant->name, out->issuer);
    return LASTCALL_OK;
}

enum lastcall_status identity_load(const struct controller_settings *settings,
                                   struct trust *trust, int64_t now_s,
                                   struct identity *out)
{
    enum lastcall_status status = LASTCALL_E_CONFIG;

    *out = (struct identity){0};
    status = load_key(settings, out);
    if (status == LASTCALL_OK)
        status = load_grant(settings, out);
    if (status == LASTCALL_OK)
        status = check_grant(settings, trust, now_s, out);
    if (status != LASTCALL_OK)
        identity_deinit(out);
    return status;
}

void identity_deinit(struct identity *identity)
{
    key_deinit(&identity->key);
    free(identity->grant);
    *identity = (struct identity){0};
}

enum lastcall_status identity_load_root_key(const struct options *options,
                                            struct key *out)
{
    struct platform_error error = {0};
    const char *path = options_value(options, OPTION_ROOT_KEY);

    *out = (struct key){0};
    if (path == NULL) {
        say_error("--root-key FILE is needed: only the fleet's root signs "
                  "this");
        say_mend("lastcall key new root.key makes a root key; keep it "
                 "offline, and give every machine root.key.pub");
        return LASTCALL_E_CONFIG;
    }
    if (keyfile_read_private(path, out, &error) != LASTCALL_OK) {
        say_error("%s", error.text);
        return LASTCALL_E_CONFIG;
    }
    return LASTCALL_OK;
}
