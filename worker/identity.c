#include "worker/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/grant.h"
#include "protocol/io/keyfile.h"

#define PATH_SIZE 1024

static enum lastcall_status say(struct platform_error *error,
                                enum lastcall_status status, const char *path,
                                const char *text)
{
    snprintf(error->text, sizeof(error->text), "%.200s: %.280s", path, text);
    return status;
}

static enum lastcall_status revoked_path(const struct settings *settings,
                                         const char *suffix,
                                         char path[PATH_SIZE])
{
    const int len = snprintf(path, PATH_SIZE, "%s/" IDENTITY_REVOKED_FILE "%s",
                             settings->worker.state_dir, suffix);

    return len < 0 || len >= PATH_SIZE ? LASTCALL_E_TOO_LARGE : LASTCALL_OK;
}

/* Take up the list that an earlier run kept; its absence is fine. */
static enum lastcall_status revoked_load(const struct settings *settings,
                                         struct trust *trust,
                                         struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_TOO_LARGE;
    struct bytes text = {0};
    char path[PATH_SIZE];

    status = revoked_path(settings, "", path);
    if (status != LASTCALL_OK)
        return say(error, status, settings->worker.state_dir, "path too long");
    status = platform_read_file(path, FILE_PUBLIC,
                                token_type_bytes_max(TOKEN_REVOCATION), &text,
                                error);
    if (status == LASTCALL_E_MISSING)
        status = LASTCALL_OK;
    else if (status == LASTCALL_OK) {
        status = trust_adopt_revocation(trust, text.data, text.len);
        if (status == LASTCALL_ALREADY_GONE)
            status = LASTCALL_OK;
        if (status != LASTCALL_OK)
            say(error, status, path,
                "not a revocation list of this root; if the root key was "
                "replaced on purpose, remove the file");
    }
    bytes_deinit(&text);
    return status;
}

/* Copy what the rest of the program asks of our own grant. */
static enum lastcall_status grant_keep(const struct grant *grant,
                                       const char *text, struct identity *out)
{
    out->grant_exp_s = grant->exp_s;
    out->grant = bytes_copy_text(text);
    if (out->grant == NULL)
        return LASTCALL_E_NOMEM;
    if (grant->group_count == 0)
        return LASTCALL_OK;
    out->groups = calloc(grant->group_count, sizeof(*out->groups));
    if (out->groups == NULL)
        return LASTCALL_E_NOMEM;
    memcpy(out->groups, grant->groups,
           grant->group_count * sizeof(*out->groups));
    out->group_count = grant->group_count;
    return LASTCALL_OK;
}

static enum lastcall_status grant_load(const struct settings *settings,
                                       struct trust *trust,
                                       struct identity *out,
                                       struct platform_error *error)
{
    const char *path = settings->worker.grant;
    const int64_t now_s = platform_clock.wall_ms(platform_clock.state) / 1000;
    enum lastcall_status status = LASTCALL_E_GRANT;
    const struct grant *grant = NULL;
    struct json_error why = {0};
    struct bytes text = {0};

    status = keyfile_read_line(path, FILE_PUBLIC, TOKEN_GRANT_BYTES_MAX, &text,
                               error);
    if (status != LASTCALL_OK)
        goto out;
    status =
        trust_verify_grant(trust, (const char *)text.data, now_s, &grant, &why);
    if (status != LASTCALL_OK) {
        say(error, status, path,
            why.text[0] != '\0' ? why.text : status_text(status));
        goto out;
    }
    status = LASTCALL_E_GRANT;
    if (grant->kind != SUBJECT_HOST ||
        strcmp(grant->name.text, out->host.text) != 0) {
        snprintf(error->text, sizeof(error->text),
                 "%.200s: this grant is for %s, and this host is host:%s; ask "
                 "for a grant of its own, or set [worker] host",
                 path, grant->subject, out->host.text);
        goto out;
    }
    if (strcmp(grant->key.thumbprint, out->key.thumbprint) != 0) {
        say(error, status, path,
            "this grant is for another key than the one in [worker] key");
        goto out;
    }
    status = grant_keep(grant, (const char *)text.data, out);

out:
    bytes_deinit(&text);
    return status;
}

/* Who misses one of the three files has most likely not copied the folder. */
static void say_mend(struct platform_error *error)
{
    const size_t len = strlen(error->text);

    snprintf(error->text + len, sizeof(error->text) - len,
             "; lastcall enroll makes key, grant and root in one folder");
}

enum lastcall_status identity_load(const struct settings *settings,
                                   const char *boot_id, struct identity *out,
                                   struct trust *trust,
                                   struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_KEY;
    struct key root = {0};

    *out = (struct identity){0};
    *trust = (struct trust){0};
    *error = (struct platform_error){{0}};
    out->host = settings->worker.host;
    out->fleet = settings->worker.fleet;
    subject_format(SUBJECT_HOST, &out->host, out->issuer);
    snprintf(out->boot_id, sizeof(out->boot_id), "%s", boot_id);

    status = keyfile_read_private(settings->worker.key, &out->key, error);
    if (status != LASTCALL_OK)
        goto out;
    status = keyfile_read_public(settings->worker.root, &root, error);
    if (status != LASTCALL_OK)
        goto out;
    status =
        trust_init(trust, &out->fleet, &root, settings->worker.clock_skew_s,
                   IDENTITY_GRANT_CACHE_MAX);
    if (status != LASTCALL_OK)
        goto out;
    status = revoked_load(settings, trust, error);
    if (status != LASTCALL_OK)
        goto out;
    status = grant_load(settings, trust, out, error);

out:
    if (status != LASTCALL_OK) {
        trust_deinit(trust);
        identity_deinit(out);
        if (error->text[0] == '\0')
            say(error, status, settings->path, status_text(status));
        if (status == LASTCALL_E_MISSING)
            say_mend(error);
    }
    return status;
}

void identity_deinit(struct identity *identity)
{
    key_deinit(&identity->key);
    free(identity->grant);
    free(identity->groups);
    *identity = (struct identity){0};
}

enum lastcall_status identity_sign(const struct identity *identity,
                                   enum token_type type, json_t *claims,
                                   struct bytes *out)
{
    enum lastcall_status status = LASTCALL_E_NOMEM;

    bytes_init(out, 0);
    if (claims == NULL)
        return status;
    status = token_sign(type, &identity->key, identity->grant, claims, out);
    json_decref(claims);
    return status;
}

enum lastcall_status identity_keep_revoked(const struct settings *settings,
                                           const void *data, size_t len,
                                           struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_TOO_LARGE;
    char path[PATH_SIZE];
    char fresh[PATH_SIZE];

    *error = (struct platform_error){{0}};
    if (revoked_path(settings, "", path) != LASTCALL_OK ||
        revoked_path(settings, ".new", fresh) != LASTCALL_OK)
        return status;
    (void)remove(fresh); /* left by a crash, if it is there at all */
    status = platform_create_file(fresh, FILE_PUBLIC, data, len, error);
    if (status != LASTCALL_OK)
        return status;
    if (rename(fresh, path) != 0)
        return say(error, LASTCALL_E_IO, path, "cannot be replaced");
    return LASTCALL_OK;
}
