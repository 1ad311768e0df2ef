/*
 * lastcall: the operator's command.  main() finds the subcommand, has its
 * flags parsed and runs it; everything else is in cmd_<name>.c.
 */
#include <stdio.h>
#include <string.h>

#include "controller/command.h"
#include "controller/output.h"
#include "controller/say.h"
#include "protocol/io/platform.h"

#define USAGE_BYTES_MAX ((size_t)64 * 1024)

/* clang-format off */
static enum exit_code (*const run[COMMAND_COUNT])(const struct options *) = {
    [COMMAND_KEY] = cmd_key,
    [COMMAND_GRANT] = cmd_grant,
    [COMMAND_ENROLL] = cmd_enroll,
    [COMMAND_REVOKE] = cmd_revoke,
    [COMMAND_HOSTS] = cmd_hosts,
    [COMMAND_SESSIONS] = cmd_sessions,
    [COMMAND_STOP] = cmd_end,
    [COMMAND_DISCONNECT] = cmd_end,
    [COMMAND_LOGOFF] = cmd_end,
    [COMMAND_MESSAGE] = cmd_end,
    [COMMAND_END] = cmd_end,
    [COMMAND_PING] = cmd_ping,
    [COMMAND_WATCH] = cmd_watch,
    [COMMAND_JOBS] = cmd_jobs,
    [COMMAND_MAINTENANCE] = cmd_maintenance,
    [COMMAND_BRIDGE] = cmd_bridge,
    [COMMAND_VERIFY] = cmd_verify,
    [COMMAND_COMPLETION] = cmd_completion,
};
/* clang-format on */

static enum exit_code print_usage(const struct options *options)
{
    struct bytes text;
    enum lastcall_status status = LASTCALL_E_NOMEM;

    bytes_init(&text, USAGE_BYTES_MAX);
    status = options == NULL ? options_usage(&text)
                             : options_command_usage(options->command, &text);
    if (status == LASTCALL_OK)
        fputs((const char *)text.data, stdout);
    bytes_deinit(&text);
    return status == LASTCALL_OK ? EXIT_CODE_OK : EXIT_CODE_BROKER;
}

static enum exit_code run_command(enum command_id command, int argc,
                                  char *const *argv)
{
    struct options options = {0};
    enum lastcall_status status = options_parse(command, argc, argv, &options);
    enum exit_code code = EXIT_CODE_USAGE;

    if (status == LASTCALL_E_SYNTAX) {
        say_error("%s", options.error);
        say_mend("lastcall %s --help shows its flags",
                 command_table[command].name);
    } else if (status != LASTCALL_OK) {
        say_error("%s", status_text(status));
        code = EXIT_CODE_BROKER;
    } else if (options_has(&options, OPTION_HELP)) {
        code = print_usage(&options);
    } else {
        code = run[command](&options);
    }
    options_deinit(&options);
    return code;
}

static enum exit_code run_word(int argc, char **argv)
{
    enum command_id command = COMMAND_COUNT;

    if (argc < 2) {
        say_error("which command? lastcall --help lists them");
        return EXIT_CODE_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("lastcall %s\n", LASTCALL_VERSION);
        return EXIT_CODE_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return print_usage(NULL);
    if (command_parse(argv[1], &command) != LASTCALL_OK) {
        say_error("no such command: %s", argv[1]);
        say_mend("lastcall --help lists them");
        return EXIT_CODE_USAGE;
    }
    return run_command(command, argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
    enum exit_code code = EXIT_CODE_USAGE;

    platform_hold_standard_files();
    if (platform_arguments(&argc, &argv) != LASTCALL_OK) {
        say_error("the arguments could not be read");
        return EXIT_CODE_BROKER;
    }
    platform_clean_environment();
    platform_share_heap();
    code = run_word(argc, argv);
    if (output_stream_flush(stdout) == LASTCALL_E_IO && code == EXIT_CODE_OK) {
        say_error("standard output could not be written");
        code = EXIT_CODE_BROKER;
    }
    return (int)code;
}
