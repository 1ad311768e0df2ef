#include "worker/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/platform.h"

#define GO_ON (-1)
#define SERVICE_NAME_LEN_MAX 80

static const char name_characters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

static void print_help(void)
{
    printf(
        "Usage: lastcall-worker [--config FILE] [--log-level L]\n"
        "       lastcall-worker [--config FILE] --check\n"
        "       lastcall-worker [--config FILE] --history [N] [--verify]\n"
        "       lastcall-worker [--config FILE] service install\n"
        "       lastcall-worker service uninstall\n"
        "\n"
        "Runs commands that controllers of the fleet sign on this host's\n"
        "servers, in the foreground.\n"
        "\n"
        "  --config FILE    default: %s%sworker.conf\n"
        "  --log-level L    error, warn, info (default) or debug\n"
        "  --check          check the file, the keys, the broker and each\n"
        "                   server; exit 0 when all is well, else 1\n"
        "  --history [N]    print the newest N lines of the audit trail\n"
        "  --history --verify\n"
        "                   check its hash chain; exit 0 when it is whole\n"
        "  service install, service uninstall\n"
        "                   make or remove the Windows service, as an\n"
        "                   administrator; installing again updates it\n"
        "  --name NAME      the service's name; default: lastcall-worker\n"
        "  --service        how the Windows service manager starts it\n"
        "  --version\n"
        "  --help\n"
        "\n"
        "SIGTERM ends it after what runs has finished; SIGHUP reads the\n"
        "file again.  On Windows: Ctrl-C or sc.exe stop, and sc.exe control\n"
        "lastcall-worker paramchange.\n",
        platform_config_dir(), platform_separator);
}

enum option_code {
    OPTION_CONFIG = 1,
    OPTION_LEVEL,
    OPTION_CHECK,
    OPTION_HISTORY,
    OPTION_VERIFY,
    OPTION_NAME,
    OPTION_SERVICE,
    OPTION_VERSION,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"log-level", required_argument, NULL, OPTION_LEVEL},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"history", no_argument, NULL, OPTION_HISTORY},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"name", required_argument, NULL, OPTION_NAME},
    {"service", no_argument, NULL, OPTION_SERVICE},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool parse_count(const char *text, int64_t *out)
{
    char *end = NULL;
    const long long value = strtoll(text, &end, 10);

    if (end == text || *end != '\0' || value < 1)
        return false;
    *out = value;
    return true;
}

static int usage(const char *text, const char *what)
{
    fprintf(stderr, "lastcall-worker: %s%s; see --help\n", text, what);
    return EXIT_USAGE;
}

/* A service's name becomes a registry key and part of command lines. */
static bool is_service_name(const char *text)
{
    const size_t len = strlen(text);

    return len > 0 && len <= SERVICE_NAME_LEN_MAX &&
           strspn(text, name_characters) == len;
}

static int parse_name(struct arguments *out)
{
    if (!is_service_name(optarg))
        return usage("not a service's name (letters, digits, \".\", \"_\" and "
                     "\"-\"): ",
                     optarg);
    out->name = optarg;
    return GO_ON;
}

static int set_mode(struct arguments *out, enum mode mode)
{
    if (out->mode != MODE_RUN && out->mode != mode)
        return usage("--check, --history, --service and service ask for "
                     "different things",
                     "");
    out->mode = mode;
    return GO_ON;
}

static int parse_option(int code, struct arguments *out)
{
    switch (code) {
    case OPTION_CONFIG:
        out->config = optarg;
        return GO_ON;
    case OPTION_LEVEL:
        if (log_level_parse(optarg, &out->level) != LASTCALL_OK)
            return usage("no such log level: ", optarg);
        out->level_text = optarg;
        return GO_ON;
    case OPTION_CHECK:
        return set_mode(out, MODE_CHECK);
    case OPTION_HISTORY:
        return set_mode(out, MODE_HISTORY);
    case OPTION_SERVICE:
        return set_mode(out, MODE_MANAGED);
    case OPTION_VERIFY:
        out->verify = true;
        return GO_ON;
    case OPTION_NAME:
        return parse_name(out);
    case OPTION_VERSION:
        puts("lastcall-worker " LASTCALL_VERSION);
        return EXIT_SUCCESS;
    case OPTION_HELP:
        print_help();
        return EXIT_SUCCESS;
    default:
        return usage("that is no option of mine", "");
    }
}

/* "service install", "service uninstall" */
static int parse_service(int argc, char **argv, struct arguments *out)
{
    if (optind + 2 == argc && strcmp(argv[optind + 1], "install") == 0)
        return set_mode(out, MODE_INSTALL);
    if (optind + 2 == argc && strcmp(argv[optind + 1], "uninstall") == 0)
        return set_mode(out, MODE_UNINSTALL);
    return usage("service wants install or uninstall behind it", "");
}

/* Take what stands behind the options. */
static int parse_rest(int argc, char **argv, struct arguments *out)
{
    if (out->verify && out->mode != MODE_HISTORY)
        return usage("--verify goes with --history", "");
    if (optind == argc)
        return GO_ON;
    if (strcmp(argv[optind], "service") == 0)
        return parse_service(argc, argv, out);
    if (out->mode != MODE_HISTORY || optind + 1 != argc)
        return usage("unexpected argument: ", argv[optind]);
    if (!parse_count(argv[optind], &out->history_count))
        return usage("not a number of lines: ", argv[optind]);
    return GO_ON;
}

int arguments_parse(int argc, char **argv, struct arguments *out)
{
    int code = GO_ON;
    int option = 0;

    *out = (struct arguments){.mode = MODE_RUN, .level = LOG_LEVEL_INFO};
    snprintf(out->default_config, sizeof(out->default_config),
             "%s%sworker.conf", platform_config_dir(), platform_separator);
    out->config = out->default_config;
    opterr = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        code = parse_option(option, out);
        if (code != GO_ON)
            return code;
    }
    code = parse_rest(argc, argv, out);
    if (code != GO_ON)
        return code;
    if (out->name != NULL && out->mode != MODE_INSTALL &&
        out->mode != MODE_UNINSTALL)
        return usage("--name goes with service install and uninstall", "");
    return GO_ON;
}
