#include "controller/issue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/say.h"
#include "protocol/io/platform.h"
#include "protocol/moment.h"

#define FLEET_PRESET "lastcall"

static enum lastcall_status add_group(struct grant *grant, const char *text,
                                      size_t len)
{
    if (grant->group_count >= GRANT_GROUP_COUNT_MAX) {
        say_error("--groups: more than %d groups", GRANT_GROUP_COUNT_MAX);
        return LASTCALL_E_SYNTAX;
    }
    if (grant->groups == NULL) {
        grant->groups = calloc(GRANT_GROUP_COUNT_MAX, sizeof *grant->groups);
        if (grant->groups == NULL)
            return LASTCALL_E_NOMEM;
    }
    struct name *group = &grant->groups[grant->group_count];
    if (name_parse(text, len, group) != LASTCALL_OK) {
        say_error("--groups: \"%.*s\" is no name; a name is up to 63 of a-z, "
                  "0-9, dot and dash",
                  (int)len, text);
        return LASTCALL_E_SYNTAX;
    }
    for (size_t i = 0; i < grant->group_count; i++) {
        if (strcmp(grant->groups[i].text, group->text) == 0)
            return LASTCALL_OK;
    }
    grant->group_count++;
    return LASTCALL_OK;
}

static enum lastcall_status fill_groups(const struct options *options,
                                        struct grant *grant)
{
    size_t cursor = 0;
    const char *list = NULL;

    while ((list = options_next(options, OPTION_GROUPS, &cursor)) != NULL) {
        for (const char *at = list; *at != '\0';) {
            size_t len = strcspn(at, ",");
            enum lastcall_status status = add_group(grant, at, len);

            if (status != LASTCALL_OK)
                return status;
            at += len + (at[len] == ',');
        }
    }
    return LASTCALL_OK;
}

enum lastcall_status issue_fill(const struct options *options,
                                struct grant *grant)
{
    const char *fleet = options_value(options, OPTION_FLEET);
    struct request_id id = {0};
    int64_t expires_ms = 0;
    enum lastcall_status status = options_duration_ms(
        options, OPTION_EXPIRES, ISSUE_EXPIRES_PRESET_MS, &expires_ms);

    if (status != LASTCALL_OK)
        return status;
    if (fleet == NULL)
        fleet = FLEET_PRESET;
    if (name_parse(fleet, strlen(fleet), &grant->fleet) != LASTCALL_OK) {
        say_error("--fleet: \"%s\" is no name", fleet);
        return LASTCALL_E_SYNTAX;
    }
    if (expires_ms >
        MOMENT_MS_MAX - platform_clock.wall_ms(platform_clock.state)) {
        say_error("--expires: that is beyond the year 9999");
        return LASTCALL_E_SYNTAX;
    }
    grant->iat_s = platform_clock.wall_ms(platform_clock.state) / 1000;
    grant->exp_s = grant->iat_s + (expires_ms + 999) / 1000;
    subject_format(grant->kind, &grant->name, grant->subject);
    status = platform_random_id(&id);
    if (status != LASTCALL_OK)
        return status;
    snprintf(grant->jti, sizeof grant->jti, "%s", id.text);
    return fill_groups(options, grant);
}

enum lastcall_status issue_sign(const struct key *root,
                                const struct grant *grant, struct bytes *out)
{
    json_t *claims = grant_encode(grant);
    enum lastcall_status status = LASTCALL_E_NOMEM;

    bytes_init(out, TOKEN_GRANT_BYTES_MAX);
    if (claims != NULL)
        status = token_sign(TOKEN_GRANT, root, NULL, claims, out);
    json_decref(claims);
    if (status != LASTCALL_OK)
        say_error("the grant could not be signed: %s", status_text(status));
    return status;
}

enum lastcall_status issue_write(const char *path, struct bytes *token)
{
    struct platform_error error = {0};
    enum lastcall_status status = LASTCALL_OK;

    if (path == NULL) {
        printf("%s\n", (const char *)token->data);
        return LASTCALL_OK;
    }
    token->max += 1; /* the line's end is no part of the token */
    status = bytes_append_text(token, "\n");
    if (status == LASTCALL_OK)
        status = platform_create_file(path, FILE_PUBLIC, token->data,
                                      token->len, &error);
    if (status != LASTCALL_OK)
        say_error("%s",
                  error.text[0] != '\0' ? error.text : status_text(status));
    return status;
}
