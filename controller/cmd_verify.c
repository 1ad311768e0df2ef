/* lastcall verify [FILE|-]: is this token genuine, and what does it say? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/command.h"
#include "controller/identity.h"
#include "controller/say.h"
#include "controller/settings.h"
#include "protocol/io/platform.h"
#include "protocol/moment.h"

/* A token's longest form, and white space around it. */
#define VERIFY_BYTES_MAX (TOKEN_RESULT_BYTES_MAX + 1024u)

static enum lastcall_status read_stream(FILE *stream, struct bytes *out)
{
    char chunk[4096];
    enum lastcall_status status = LASTCALL_OK;
    size_t len = 0;

    while (status == LASTCALL_OK &&
           (len = fread(chunk, 1, sizeof chunk, stream)) > 0)
        status = bytes_append(out, chunk, len);
    if (status == LASTCALL_OK && ferror(stream))
        status = LASTCALL_E_IO;
    return status;
}

static enum lastcall_status read_token(const struct options *options,
                                       struct bytes *out)
{
    const char *path =
        options->argument_count > 0 ? options->arguments[0] : "-";
    struct platform_error error = {0};
    enum lastcall_status status = LASTCALL_E_IO;

    if (strcmp(path, "-") == 0) {
        bytes_init(out, VERIFY_BYTES_MAX);
        status = read_stream(stdin, out);
        if (status != LASTCALL_OK)
            say_error("standard input: %s", status_text(status));
        return status;
    }
    status =
        platform_read_file(path, FILE_PUBLIC, VERIFY_BYTES_MAX, out, &error);
    if (status != LASTCALL_OK)
        say_error("%s", error.text);
    return status;
}

/* A file ends its line; a token does not. */
static void trim(const struct bytes *text, const char **begin, size_t *len)
{
    const char *at = (const char *)text->data;
    size_t left = text->len;

    while (left > 0 && strchr(" \t\r\n", at[left - 1]) != NULL)
        left--;
    while (left > 0 && strchr(" \t\r\n", at[0]) != NULL) {
        at++;
        left--;
    }
    *begin = at;
    *len = left;
}

static enum lastcall_status print_claims(FILE *stream, const json_t *claims)
{
    char *text = json_dumps(claims, JSON_INDENT(2));

    if (text == NULL)
        return LASTCALL_E_NOMEM;
    fprintf(stream, "%s\n", text);
    free(text);
    return LASTCALL_OK;
}

/* Prove a token of any type with the trust that its type asks for. */
static enum lastcall_status prove(struct trust *trust,
                                  const struct token *token, int64_t now_s,
                                  struct verified *out, struct json_error *why)
{
    const struct grant *grant = NULL;
    enum lastcall_status status = LASTCALL_E_SIGNATURE;

    switch (token->type) {
    case TOKEN_GRANT:
        status = trust_verify_grant(trust, token->text, now_s, &grant, why);
        if (status == LASTCALL_OK)
            status = token_verify(token, &trust->root, out);
        break;
    case TOKEN_REVOCATION:
        status = trust_adopt_revocation(trust, token->text, token->text_len);
        if (status == LASTCALL_OK)
            status = token_verify(token, &trust->root, out);
        break;
    case TOKEN_COMMAND:
    case TOKEN_MAINTENANCE:
    case TOKEN_RESULT:
    case TOKEN_SESSIONS:
    case TOKEN_EVENT:
    case TOKEN_STATUS:
        status = trust_verify(trust, token, now_s, out, &grant, why);
        break;
    case TOKEN_TYPE_COUNT:
        break;
    }
    return status;
}

/* A command or grant is over when its exp is; a result never is. */
static void say_times(const struct verified *verified, int64_t now_s)
{
    int64_t exp_s = 0;
    char text[MOMENT_TEXT_SIZE];

    if (json_get_integer(verified->claims, "exp", JSON_REQUIRED, 0, INT64_MAX,
                         &exp_s, NULL) != LASTCALL_OK)
        return;
    moment_format(exp_s < MOMENT_MS_MAX / 1000 ? exp_s * 1000 : MOMENT_MS_MAX,
                  text);
    say_mend("%s %s", exp_s <= now_s ? "its time ended at" : "good until",
             text);
}

static enum exit_code verify(struct trust *trust, const struct token *token)
{
    struct verified verified = {0};
    struct json_error why = {0};
    json_t *claims = NULL;
    int64_t now_s = platform_clock.wall_ms(platform_clock.state) / 1000;
    enum lastcall_status status = prove(trust, token, now_s, &verified, &why);
    enum exit_code code = EXIT_CODE_REFUSED;

    if (status == LASTCALL_OK) {
        say("valid: %s by %s (key %s)", token_type_name(token->type),
            verified.iss, verified.kid);
        say_times(&verified, now_s);
        status = print_claims(stdout, verified.claims);
        code = status == LASTCALL_OK ? EXIT_CODE_OK : EXIT_CODE_BROKER;
    } else {
        say_error("not valid: %s: %s", token_type_name(token->type),
                  why.text[0] != '\0' ? why.text : status_text(status));
        /* What nobody vouches for must not look like data. */
        if (json_parse_object(token->payload.data, token->payload.len, &claims,
                              NULL) == LASTCALL_OK) {
            say("its claims, which prove nothing:");
            if (print_claims(stderr, claims) != LASTCALL_OK)
                code = EXIT_CODE_BROKER;
        }
        json_decref(claims);
    }
    verified_deinit(&verified);
    return code;
}

enum exit_code cmd_verify(const struct options *options)
{
    struct controller_settings settings = {0};
    struct config_error error = {0};
    struct trust trust = {0};
    struct bytes text = {0};
    struct token token = {0};
    const char *begin = NULL;
    size_t len = 0;
    enum lastcall_status status = LASTCALL_E_CONFIG;
    enum exit_code code = EXIT_CODE_USAGE;

    if (controller_settings_load(options, &controller_sources, &settings,
                                 &error) != LASTCALL_OK) {
        say_error("%s", error.text);
        goto out;
    }
    if (identity_load_trust(&settings, &trust) != LASTCALL_OK ||
        read_token(options, &text) != LASTCALL_OK)
        goto out;
    trim(&text, &begin, &len);
    status = token_decode(begin, len, &token);
    if (status != LASTCALL_OK) {
        say_error("this is no token of ours: %s", status_text(status));
        goto out;
    }
    code = verify(&trust, &token);
out:
    token_deinit(&token);
    bytes_deinit(&text);
    trust_deinit(&trust);
    controller_settings_deinit(&settings);
    return code;
}
