/* lastcall enroll HOST: everything that a new host needs, in one directory */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/command.h"
#include "controller/identity.h"
#include "controller/issue.h"
#include "controller/say.h"
#include "controller/select.h"
#include "protocol/io/broker_uri.h"
#include "protocol/io/keyfile.h"
#include "protocol/io/platform.h"

#define ENROLL_PATH_SIZE 1024
#define ENROLL_CONF_BYTES_MAX ((size_t)16 * 1024)
#define WINDOWS_DIR "C:\\ProgramData\\Lastcall"

/* The files of an enrolment, all below --out. */
struct enrolment {
    const struct options *options;
    const char *directory;
    struct key root;
    struct grant grant; /* key: the host's own, with its private half */
};

/* Write DIR/NAME. */
static enum lastcall_status path_of(const struct enrolment *enrolment,
                                    const char *name,
                                    char path[ENROLL_PATH_SIZE])
{
    int len = snprintf(path, ENROLL_PATH_SIZE, "%s%s%s", enrolment->directory,
                       platform_separator, name);

    if (len > 0 && len < ENROLL_PATH_SIZE)
        return LASTCALL_OK;
    say_error("--out: the path is too long");
    return LASTCALL_E_SYNTAX;
}

static enum lastcall_status report(enum lastcall_status status,
                                   const struct platform_error *error)
{
    if (status != LASTCALL_OK)
        say_error("%s",
                  error->text[0] != '\0' ? error->text : status_text(status));
    return status;
}

static enum lastcall_status write_keys(struct enrolment *enrolment)
{
    char path[ENROLL_PATH_SIZE];
    struct platform_error error = {0};
    enum lastcall_status status = path_of(enrolment, "host.key", path);

    if (status == LASTCALL_OK)
        status = key_generate(&enrolment->grant.key);
    if (status == LASTCALL_OK)
        status = report(keyfile_write_pair(path, &enrolment->grant.key, &error),
                        &error);
    if (status == LASTCALL_E_EXISTS)
        say_mend("a host's key is never overwritten; give another --out, or "
                 "move that folder away");
    if (status == LASTCALL_OK)
        status = path_of(enrolment, "root.pub", path);
    if (status == LASTCALL_OK)
        status = report(keyfile_write_public(path, &enrolment->root, &error),
                        &error);
    return status;
}

static enum lastcall_status write_grant(const struct enrolment *enrolment)
{
    char path[ENROLL_PATH_SIZE];
    struct bytes token = {0};
    enum lastcall_status status =
        issue_sign(&enrolment->root, &enrolment->grant, &token);

    if (status == LASTCALL_OK)
        status = path_of(enrolment, "host.grant", path);
    if (status == LASTCALL_OK)
        status = issue_write(path, &token);
    bytes_deinit(&token);
    return status;
}

static bool is_for_windows(const struct enrolment *enrolment)
{
    return options_has(enrolment->options, OPTION_WTS);
}

static enum lastcall_status append_worker(const struct enrolment *enrolment,
                                          struct bytes *out)
{
    return bytes_append_format(
        out,
        "; %s, enrolled by lastcall enroll.  lastcall-worker --check says "
        "what is still wrong.\n"
        "[worker]\n"
        "host = %s\n"
        "fleet = %s\n"
        "; state_dir = %s\n"
        "; these three lie beside this file, wherever the folder is copied\n"
        "key = host.key\n"
        "grant = host.grant\n"
        "root = root.pub\n",
        enrolment->grant.name.text, enrolment->grant.name.text,
        enrolment->grant.fleet.text,
        is_for_windows(enrolment) ? WINDOWS_DIR "\\state"
                                  : platform_state_dir());
}

/* One line of worker.conf; mark is "; " for a line that is to be filled in. */
static enum lastcall_status append_line(struct bytes *out, const char *mark,
                                        const char *key, const char *value)
{
    return bytes_append_format(out, "%s%s = %s\n", mark, key, value);
}

/* The same for a file, by the path that holds from anywhere. */
static enum lastcall_status append_file(struct bytes *out, const char *key,
                                        const char *path)
{
    char *full = platform_full_path(path);
    enum lastcall_status status =
        append_line(out, "", key, full == NULL ? path : full);

    free(full);
    return status;
}

static enum lastcall_status append_broker(const struct options *options,
                                          struct bytes *out)
{
    static const struct {
        enum option_id id;
        bool is_file;
        const char *key;
        const char *example;
    } rows[] = {
        {OPTION_BROKER, false, "uri", "mqtts://broker.example:8883"},
        {OPTION_CA, true, "ca", "ca.pem"},
        {OPTION_CERT, true, "cert", "host.crt"},
        {OPTION_CERT_KEY, true, "cert_key", "host.tls.key"},
        {OPTION_USERNAME, false, "username", "the host's name"},
        {OPTION_PASSWORD_FILE, true, "password_file", "password"},
    };
    enum lastcall_status status = bytes_append_text(out, "\n[broker]\n");

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *value = options_value(options, rows[i].id);

        if (status != LASTCALL_OK)
            return status;
        if (value == NULL)
            status = append_line(out, "; ", rows[i].key, rows[i].example);
        else if (rows[i].is_file)
            status = append_file(out, rows[i].key, value);
        else
            status = append_line(out, "", rows[i].key, value);
    }
    return status;
}

static enum lastcall_status append_server(const struct options *options,
                                          struct bytes *out)
{
    const char *url = options_value(options, OPTION_PLEX);
    const char *file = options_value(options, OPTION_PLEX_TOKEN_FILE);
    const char *mark = url == NULL ? "; " : "";
    enum lastcall_status status = LASTCALL_OK;

    if (options_has(options, OPTION_WTS))
        status =
            bytes_append_text(out, "\n[server \"desktop\"]\nbackend = wts\n");
    if (status == LASTCALL_OK)
        status = bytes_append_format(out, "\n%s[server \"plex\"]\n", mark);

    if (status == LASTCALL_OK)
        status = append_line(out, mark, "backend", "plex");
    if (status == LASTCALL_OK)
        status = append_line(out, mark, "url",
                             url == NULL ? "http://127.0.0.1:32400" : url);
    if (status != LASTCALL_OK)
        return status;
    return file == NULL ? append_line(out, mark, "token", "auto")
                        : append_file(out, "token_file", file);
}

/* End lines as the Notepad of older servers wants them to tell them apart. */
static enum lastcall_status end_lines_for_windows(struct bytes *text)
{
    enum lastcall_status status = LASTCALL_OK;
    struct bytes out;

    bytes_init(&out, ENROLL_CONF_BYTES_MAX);
    for (size_t i = 0; i < text->len && status == LASTCALL_OK; i++) {
        if (text->data[i] == '\n')
            status = bytes_append(&out, "\r", 1);
        if (status == LASTCALL_OK)
            status = bytes_append(&out, &text->data[i], 1);
    }
    bytes_deinit(text);
    *text = out;
    return status;
}

static enum lastcall_status write_conf(const struct enrolment *enrolment)
{
    char path[ENROLL_PATH_SIZE];
    struct bytes text;
    struct platform_error error = {0};
    enum lastcall_status status = path_of(enrolment, "worker.conf", path);

    bytes_init(&text, ENROLL_CONF_BYTES_MAX);
    if (status == LASTCALL_OK)
        status = append_worker(enrolment, &text);
    if (status == LASTCALL_OK)
        status = append_broker(enrolment->options, &text);
    if (status == LASTCALL_OK)
        status = append_server(enrolment->options, &text);
    if (status == LASTCALL_OK && is_for_windows(enrolment))
        status = end_lines_for_windows(&text);
    if (status == LASTCALL_OK)
        status = report(platform_create_file(path, FILE_PUBLIC, text.data,
                                             text.len, &error),
                        &error);
    bytes_deinit(&text);
    return status;
}

static enum lastcall_status check(struct enrolment *enrolment)
{
    const struct options *options = enrolment->options;
    const char *host = options->arguments[0];
    const char *broker = options_value(options, OPTION_BROKER);
    char detail[MQTT_DETAIL_SIZE];
    char error[SELECT_ERROR_SIZE];

    if (name_parse(host, strlen(host), &enrolment->grant.name) != LASTCALL_OK) {
        target_refuse_host(host, strlen(host), error);
        say_error("%s", error);
        return LASTCALL_E_SYNTAX;
    }
    if (enrolment->directory == NULL) {
        say_error("--out DIR is needed: where the host's files go");
        return LASTCALL_E_SYNTAX;
    }
    if (broker != NULL && broker_uri_check(broker, detail) != LASTCALL_OK) {
        say_error("--broker: %s", detail);
        return LASTCALL_E_SYNTAX;
    }
    if (options_has(options, OPTION_PLEX_TOKEN_FILE) &&
        !options_has(options, OPTION_PLEX)) {
        say_error("--plex-token-file needs a --plex URL");
        return LASTCALL_E_SYNTAX;
    }
    return LASTCALL_OK;
}

/* Make the directory; its full path is for the person who is told of it. */
static enum lastcall_status prepare(struct enrolment *enrolment,
                                    char **directory)
{
    struct platform_error error = {0};
    enum lastcall_status status =
        report(platform_make_directory(enrolment->directory, &error), &error);

    if (status != LASTCALL_OK)
        return status;
    *directory = platform_full_path(enrolment->directory);
    if (*directory == NULL) {
        say_error("%s: the full path could not be found out",
                  enrolment->directory);
        return LASTCALL_E_IO;
    }
    enrolment->directory = *directory;
    return LASTCALL_OK;
}

static void say_done(const struct enrolment *enrolment)
{
    printf("%s\n", enrolment->grant.key.thumbprint);
    say("%s is enrolled: host.key, host.key.pub, host.grant, root.pub and "
        "worker.conf are in %s",
        enrolment->grant.name.text, enrolment->directory);
    if (is_for_windows(enrolment))
        say_mend("bring them to the host as " WINDOWS_DIR
                 "; there: lastcall-worker --check");
    else
        say_mend("lastcall-worker --config %s%sworker.conf --check",
                 enrolment->directory, platform_separator);
}

enum exit_code cmd_enroll(const struct options *options)
{
    struct enrolment enrolment = {
        .options = options,
        .directory = options_value(options, OPTION_OUT),
        .grant = {.kind = SUBJECT_HOST},
    };
    char *directory = NULL;
    enum lastcall_status status = check(&enrolment);

    if (status == LASTCALL_OK)
        status = issue_fill(options, &enrolment.grant);
    if (status == LASTCALL_OK)
        status = identity_load_root_key(options, &enrolment.root);
    if (status == LASTCALL_OK)
        status = prepare(&enrolment, &directory);
    if (status == LASTCALL_OK)
        status = write_keys(&enrolment);
    if (status == LASTCALL_OK)
        status = write_grant(&enrolment);
    if (status == LASTCALL_OK)
        status = write_conf(&enrolment);
    if (status == LASTCALL_OK)
        say_done(&enrolment);
    free(directory);
    grant_deinit(&enrolment.grant);
    key_deinit(&enrolment.root);
    if (status == LASTCALL_E_NOMEM || status == LASTCALL_E_INTERNAL)
        return EXIT_CODE_BROKER;
    return status == LASTCALL_OK ? EXIT_CODE_OK : EXIT_CODE_USAGE;
}
