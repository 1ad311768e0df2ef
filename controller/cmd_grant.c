/* lastcall grant: the root signs what another key may do */
#include <stdlib.h>

#include "controller/command.h"
#include "controller/identity.h"
#include "controller/issue.h"
#include "controller/say.h"
#include "protocol/io/keyfile.h"

static enum lastcall_status read_subject(const struct options *options,
                                         struct grant *grant)
{
    const char *subject = options_value(options, OPTION_SUBJECT);

    if (subject != NULL &&
        subject_parse(subject, &grant->kind, &grant->name) == LASTCALL_OK)
        return LASTCALL_OK;
    say_error("--subject is needed: controller:NAME or host:NAME%s%s",
              subject == NULL ? "" : ", not ", subject == NULL ? "" : subject);
    return LASTCALL_E_SYNTAX;
}

static enum lastcall_status read_key(const struct options *options,
                                     struct grant *grant)
{
    const char *path = options_value(options, OPTION_SUBJECT_KEY);
    struct platform_error error = {0};

    if (path == NULL) {
        say_error("--key FILE.pub is needed: the public key that is granted");
        return LASTCALL_E_SYNTAX;
    }
    if (keyfile_read_any(path, &grant->key, &error) == LASTCALL_OK)
        return LASTCALL_OK;
    say_error("%s", error.text);
    return LASTCALL_E_SYNTAX;
}

static enum lastcall_status read_permits(const struct options *options,
                                         struct grant *grant)
{
    size_t cursor = 0;
    const char *text = NULL;

    grant->rules = calloc(GRANT_RULE_COUNT_MAX, sizeof *grant->rules);
    if (grant->rules == NULL)
        return LASTCALL_E_NOMEM;
    while ((text = options_next(options, OPTION_PERMIT, &cursor)) != NULL) {
        if (grant->rule_count >= GRANT_RULE_COUNT_MAX) {
            say_error("--permit: more than %d rules", GRANT_RULE_COUNT_MAX);
            return LASTCALL_E_SYNTAX;
        }
        if (permit_rule_parse(text, &grant->rules[grant->rule_count]) !=
            LASTCALL_OK) {
            say_error("--permit: \"%s\" does not read "
                      "BACKENDS:ACTIONS@AUDIENCES, such as "
                      "plex:stop,list@all,group:lobby,host:web-*",
                      text);
            return LASTCALL_E_SYNTAX;
        }
        grant->rule_count++;
    }
    return LASTCALL_OK;
}

/* What belongs to controllers is refused for hosts, and the reverse. */
static enum lastcall_status check_kind(const struct options *options,
                                       const struct grant *grant)
{
    if (grant->kind == SUBJECT_HOST && options_has(options, OPTION_PERMIT)) {
        say_error("--permit is for controllers; a host has --groups");
        return LASTCALL_E_SYNTAX;
    }
    if (grant->kind == SUBJECT_HOST)
        return LASTCALL_OK;
    if (options_has(options, OPTION_GROUPS)) {
        say_error("--groups is for hosts; a controller has --permit");
        return LASTCALL_E_SYNTAX;
    }
    if (!options_has(options, OPTION_PERMIT)) {
        say_error("--permit is needed: without a rule a controller may do "
                  "nothing");
        say_mend("for example --permit 'plex:stop,list@all'; '*' stands for "
                 "all");
        return LASTCALL_E_SYNTAX;
    }
    return LASTCALL_OK;
}

static enum exit_code usage_or_fault(enum lastcall_status status)
{
    if (status == LASTCALL_OK)
        return EXIT_CODE_OK;
    if (status == LASTCALL_E_NOMEM || status == LASTCALL_E_INTERNAL)
        return EXIT_CODE_BROKER;
    return EXIT_CODE_USAGE;
}

enum exit_code cmd_grant(const struct options *options)
{
    struct key root = {0};
    struct grant grant = {0};
    struct bytes token = {0};
    enum lastcall_status status = read_subject(options, &grant);

    if (status == LASTCALL_OK)
        status = check_kind(options, &grant);
    if (status == LASTCALL_OK)
        status = read_permits(options, &grant);
    if (status == LASTCALL_OK)
        status = read_key(options, &grant);
    if (status == LASTCALL_OK)
        status = issue_fill(options, &grant);
    if (status == LASTCALL_OK)
        status = identity_load_root_key(options, &root);
    if (status == LASTCALL_OK)
        status = issue_sign(&root, &grant, &token);
    if (status == LASTCALL_OK)
        status = issue_write(options_value(options, OPTION_OUT), &token);
    bytes_deinit(&token);
    grant_deinit(&grant);
    key_deinit(&root);
    return usage_or_fault(status);
}
