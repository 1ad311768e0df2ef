/* lastcall key new FILE, lastcall key show FILE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/command.h"
#include "controller/say.h"
#include "protocol/io/keyfile.h"

static enum exit_code key_new(const char *path)
{
    struct key key = {0};
    struct platform_error error = {0};
    enum lastcall_status status = key_generate(&key);
    enum exit_code code = EXIT_CODE_BROKER;

    if (status != LASTCALL_OK) {
        say_error("no key could be made: %s", status_text(status));
        goto out;
    }
    status = keyfile_write_pair(path, &key, &error);
    if (status != LASTCALL_OK) {
        say_error("%s",
                  error.text[0] != '\0' ? error.text : status_text(status));
        if (status == LASTCALL_E_EXISTS)
            say_mend("a key is never overwritten; choose another name, or "
                     "move that file away");
        code = EXIT_CODE_USAGE;
        goto out;
    }
    printf("%s\n", key.thumbprint);
    code = EXIT_CODE_OK;
out:
    key_deinit(&key);
    return code;
}

static enum exit_code key_show(const char *path)
{
    struct key key = {0};
    struct platform_error error = {0};
    json_t *jwk = NULL;
    char *text = NULL;
    enum exit_code code = EXIT_CODE_USAGE;

    if (keyfile_read_any(path, &key, &error) != LASTCALL_OK) {
        say_error("%s", error.text);
        goto out;
    }
    code = EXIT_CODE_BROKER;
    jwk = key_to_jwk(&key);
    text = jwk == NULL ? NULL : json_dumps(jwk, JSON_COMPACT);
    if (text == NULL) {
        say_error("%s", status_text(LASTCALL_E_NOMEM));
        goto out;
    }
    printf("%s\n%s\n", key.thumbprint, text);
    code = EXIT_CODE_OK;
out:
    free(text);
    json_decref(jwk);
    key_deinit(&key);
    return code;
}

enum exit_code cmd_key(const struct options *options)
{
    const char *verb = options->arguments[0];

    if (strcmp(verb, "new") == 0)
        return key_new(options->arguments[1]);
    if (strcmp(verb, "show") == 0)
        return key_show(options->arguments[1]);
    say_error("lastcall key knows new and show, not \"%s\"", verb);
    return EXIT_CODE_USAGE;
}
