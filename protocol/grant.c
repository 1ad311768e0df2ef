#include "protocol/grant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/moment.h"
#include "protocol/permit.h"

static const char *const subject_prefixes[] = {
    [SUBJECT_CONTROLLER] = "controller:",
    [SUBJECT_HOST] = "host:",
};

void subject_format(enum subject_kind kind, const struct name *name,
                    char text[GRANT_SUBJECT_SIZE])
{
    (void)snprintf(text, GRANT_SUBJECT_SIZE, "%s%s", subject_prefixes[kind],
                   name->text);
}

enum lastcall_status subject_parse(const char *text, enum subject_kind *kind,
                                   struct name *name)
{
    *name = (struct name){0};
    for (unsigned i = 0;
         i < sizeof(subject_prefixes) / sizeof(subject_prefixes[0]); i++) {
        size_t len = strlen(subject_prefixes[i]);

        if (strncmp(text, subject_prefixes[i], len) == 0) {
            *kind = (enum subject_kind)i;
            return name_parse(text + len, strlen(text + len), name);
        }
    }
    return LASTCALL_E_SYNTAX;
}

void grant_deinit(struct grant *grant)
{
    key_deinit(&grant->key);
    for (size_t i = 0; i < grant->rule_count; i++)
        permit_rule_deinit(&grant->rules[i]);
    free(grant->rules);
    free(grant->groups);
    free(grant->text);
    *grant = (struct grant){0};
}

static enum lastcall_status decode_rules(const json_t *claims,
                                         struct grant *out)
{
    json_t *list = NULL;
    enum lastcall_status status = LASTCALL_OK;

    if (json_get_array(claims, "permit", JSON_REQUIRED, GRANT_RULE_COUNT_MAX,
                       &list, NULL) != LASTCALL_OK)
        return LASTCALL_E_GRANT;
    if (json_array_size(list) == 0)
        return LASTCALL_OK;
    out->rules = calloc(json_array_size(list), sizeof(*out->rules));
    if (out->rules == NULL)
        return LASTCALL_E_NOMEM;
    out->rule_count = json_array_size(list);
    for (size_t i = 0; status == LASTCALL_OK && i < out->rule_count; i++)
        status = permit_rule_decode(json_array_get(list, i), &out->rules[i]);
    return status;
}

/* A host without groups is a host of none. */
static enum lastcall_status decode_groups(const json_t *claims,
                                          struct grant *out)
{
    json_t *list = NULL;

    if (json_get_array(claims, "groups", JSON_OPTIONAL, GRANT_GROUP_COUNT_MAX,
                       &list, NULL) != LASTCALL_OK)
        return LASTCALL_E_GRANT;
    if (json_array_size(list) == 0)
        return LASTCALL_OK;
    out->groups = calloc(json_array_size(list), sizeof(*out->groups));
    if (out->groups == NULL)
        return LASTCALL_E_NOMEM;
    out->group_count = json_array_size(list);
    for (size_t i = 0; i < out->group_count; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text == NULL ||
            name_parse(text, strlen(text), &out->groups[i]) != LASTCALL_OK)
            return LASTCALL_E_GRANT;
    }
    return LASTCALL_OK;
}

/* Who the grant is for, in which fleet and until when. */
static enum lastcall_status decode_subject(const struct verified *verified,
                                           struct grant *out)
{
    const char *fleet = NULL;
    const char *subject = NULL;

    if (strcmp(verified->iss, TOKEN_ISSUER_ROOT) != 0)
        return LASTCALL_E_GRANT;
    if (json_get_text(verified->claims, "fleet", JSON_REQUIRED, NAME_LEN_MAX,
                      &fleet, NULL) != LASTCALL_OK ||
        json_get_text(verified->claims, "sub", JSON_REQUIRED,
                      GRANT_SUBJECT_SIZE - 1, &subject, NULL) != LASTCALL_OK ||
        json_get_integer(verified->claims, "exp", JSON_REQUIRED, 0,
                         MOMENT_S_MAX, &out->exp_s, NULL) != LASTCALL_OK)
        return LASTCALL_E_GRANT;
    if (name_parse(fleet, strlen(fleet), &out->fleet) != LASTCALL_OK ||
        subject_parse(subject, &out->kind, &out->name) != LASTCALL_OK)
        return LASTCALL_E_GRANT;
    subject_format(out->kind, &out->name, out->subject);
    (void)snprintf(out->jti, sizeof(out->jti), "%s", verified->jti);
    out->iat_s = verified->iat_s;
    return LASTCALL_OK;
}

static enum lastcall_status decode_key(const json_t *claims, struct grant *out)
{
    json_t *confirmation = NULL;

    if (json_get_object(claims, "cnf", JSON_REQUIRED, &confirmation, NULL) !=
        LASTCALL_OK)
        return LASTCALL_E_GRANT;
    return key_from_jwk(json_object_get(confirmation, "jwk"), &out->key);
}

enum lastcall_status grant_decode(const struct verified *verified,
                                  const char *text, struct grant *out)
{
    enum lastcall_status status = LASTCALL_E_GRANT;

    *out = (struct grant){0};
    status = decode_subject(verified, out);
    if (status == LASTCALL_OK)
        status = decode_key(verified->claims, out);
    if (status == LASTCALL_OK)
        status = out->kind == SUBJECT_CONTROLLER
                     ? decode_rules(verified->claims, out)
                     : decode_groups(verified->claims, out);
    if (status == LASTCALL_OK) {
        out->text = bytes_copy_text(text);
        status = out->text != NULL ? LASTCALL_OK : LASTCALL_E_NOMEM;
    }
    if (status != LASTCALL_OK)
        grant_deinit(out);
    return status;
}

static json_t *encode_key(const struct grant *grant)
{
    json_t *object = json_object();

    if (json_put(object, "jwk", key_to_jwk(&grant->key)) == LASTCALL_OK)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *encode_rules(const struct grant *grant)
{
    json_t *list = json_array();

    for (size_t i = 0; i < grant->rule_count; i++) {
        if (json_array_append_new(list, permit_rule_encode(&grant->rules[i])) !=
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *encode_groups(const struct grant *grant)
{
    json_t *list = json_array();

    for (size_t i = 0; i < grant->group_count; i++) {
        if (json_array_append_new(list, json_string(grant->groups[i].text)) !=
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *grant_encode(const struct grant *grant)
{
    char subject[GRANT_SUBJECT_SIZE];
    json_t *claims =
        token_claims_new(TOKEN_ISSUER_ROOT, grant->iat_s, grant->jti);
    enum lastcall_status status = LASTCALL_E_NOMEM;

    subject_format(grant->kind, &grant->name, subject);
    status = json_put(claims, "fleet", json_string(grant->fleet.text));
    if (status == LASTCALL_OK)
        status = json_put(claims, "sub", json_string(subject));
    if (status == LASTCALL_OK)
        status = json_put(claims, "exp", json_integer(grant->exp_s));
    if (status == LASTCALL_OK)
        status = json_put(claims, "cnf", encode_key(grant));
    if (status == LASTCALL_OK)
        status = grant->kind == SUBJECT_CONTROLLER
                     ? json_put(claims, "permit", encode_rules(grant))
                     : json_put(claims, "groups", encode_groups(grant));
    if (status == LASTCALL_OK)
        return claims;
    json_decref(claims);
    return NULL;
}
