/*
 * plex-standin: the program.  Interface: README.md.
 */
#include "tests/standin/server.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_LIFETIME_S = 3600, PEM_MAX = 1024 * 1024 };

static int wake_write = -1; /* for the signal handler, which gets nothing */

/* What the command line asks for. */
struct invocation {
    unsigned long lifetime_s;
    bool exit_on_eof;
    struct text cert; /* owned */
    struct text key;  /* owned */
};

static void on_signal(int number)
{
    int kept = errno;
    ssize_t written = write(wake_write, "q", 1);

    (void)number;
    (void)written;
    errno = kept;
}

static bool read_file(const char *path, struct text *out)
{
    char block[4096];
    size_t len;
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        fprintf(stderr, "plex-standin: cannot read %s\n", path);
        return false;
    }
    while ((len = fread(block, 1, sizeof(block), file)) != 0 &&
           out->len < PEM_MAX)
        text_append(out, block, len);
    (void)fclose(file);
    return true;
}

static bool load_samples(struct standin *standin, const char *path)
{
    json_error_t error;
    const char *why = "";
    json_t *sample = json_load_file(path, 0, &error);
    int added = -1;

    if (sample == NULL)
        fprintf(stderr, "plex-standin: %s:%d: %s\n", path, error.line,
                error.text);
    else
        added = sessions_add(&standin->sessions, sample, &why);
    if (sample != NULL && added < 0)
        fprintf(stderr, "plex-standin: %s: %s\n", path, why);
    json_decref(sample);
    return added >= 0;
}

static bool set_option(struct standin *standin, const char *name, json_t *value)
{
    json_t *change = json_pack("{so}", name, value);
    bool ok = options_change(&standin->options, change) == NULL;

    if (!ok)
        fprintf(stderr, "plex-standin: bad value for --%s\n", name);
    json_decref(change);
    return ok;
}

static const char USAGE[] =
    "usage: plex-standin [--port N] [--control-port N] [--token TOKEN]\n"
    "         [--shared-token TOKEN] [--samples FILE]... [--generate N]\n"
    "         [--dialect a|b] [--profile claimed|unclaimed] [--no-pass]\n"
    "         [--scale F] [--no-log] [--lifetime SECONDS] [--exit-on-eof]\n"
    "         [--tls CERT KEY] [--tls-priorities GNUTLS]\n";

enum {
    ARG_PORT = 1,
    ARG_CONTROL_PORT,
    ARG_TOKEN,
    ARG_SHARED_TOKEN,
    ARG_SAMPLES,
    ARG_GENERATE,
    ARG_DIALECT,
    ARG_PROFILE,
    ARG_NO_PASS,
    ARG_SCALE,
    ARG_NO_LOG,
    ARG_LIFETIME,
    ARG_EXIT_ON_EOF,
    ARG_TLS,
    ARG_TLS_PRIORITIES
};

static const struct option ARGS[] = {
    {"port", required_argument, NULL, ARG_PORT},
    {"control-port", required_argument, NULL, ARG_CONTROL_PORT},
    {"token", required_argument, NULL, ARG_TOKEN},
    {"shared-token", required_argument, NULL, ARG_SHARED_TOKEN},
    {"samples", required_argument, NULL, ARG_SAMPLES},
    {"generate", required_argument, NULL, ARG_GENERATE},
    {"dialect", required_argument, NULL, ARG_DIALECT},
    {"profile", required_argument, NULL, ARG_PROFILE},
    {"no-pass", no_argument, NULL, ARG_NO_PASS},
    {"scale", required_argument, NULL, ARG_SCALE},
    {"no-log", no_argument, NULL, ARG_NO_LOG},
    {"lifetime", required_argument, NULL, ARG_LIFETIME},
    {"exit-on-eof", no_argument, NULL, ARG_EXIT_ON_EOF},
    {"tls", required_argument, NULL, ARG_TLS},
    {"tls-priorities", required_argument, NULL, ARG_TLS_PRIORITIES},
    {NULL, 0, NULL, 0},
};

/* The ports, their state and the command line. */
struct program {
    struct standin standin;
    struct server plex;
    struct server control;
    struct invocation invocation;
};

static bool parse_number(const char *text, unsigned long max,
                         unsigned long *out)
{
    char *end = NULL;

    errno = 0;
    *out = strtoul(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out <= max;
}

static bool parse_port(const char *text, uint16_t *port)
{
    unsigned long number;

    if (!parse_number(text, UINT16_MAX, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool parse_scale(struct standin *standin, const char *text)
{
    char *end = NULL;
    double scale = strtod(text, &end);

    if (end == text || *end != '\0' || !(scale >= 0 && scale <= 1000))
        return false;
    standin->scale = scale;
    standin->sessions.scale = scale;
    return true;
}

/* --tls takes two words; getopt_long hands over the first. */
static bool parse_tls(struct program *program, int argc, char **argv)
{
    const char *cert = optarg;

    if (optind >= argc)
        return false;
    if (!read_file(cert, &program->invocation.cert) ||
        !read_file(argv[optind++], &program->invocation.key))
        return false;
    program->plex.cert = text_get(&program->invocation.cert);
    program->plex.key = text_get(&program->invocation.key);
    return true;
}

static bool apply_arg(struct program *program, int arg)
{
    struct standin *standin = &program->standin;
    unsigned long number = 0;

    switch (arg) {
    case ARG_PORT:
        return parse_port(optarg, &program->plex.port);
    case ARG_CONTROL_PORT:
        return parse_port(optarg, &program->control.port);
    case ARG_TOKEN:
        tokens_set(&standin->tokens, optarg, TOKEN_OWNER);
        return true;
    case ARG_SHARED_TOKEN:
        tokens_set(&standin->tokens, optarg, TOKEN_SHARED);
        return true;
    case ARG_SAMPLES:
        return load_samples(standin, optarg);
    case ARG_GENERATE:
        if (!parse_number(optarg, 1000000, &number))
            return false;
        sessions_generate(&standin->sessions, number);
        return true;
    case ARG_DIALECT:
        return set_option(standin, "dialect", json_string(optarg));
    case ARG_PROFILE:
        return set_option(standin, "profile", json_string(optarg));
    case ARG_NO_PASS:
        return set_option(standin, "pass", json_false());
    case ARG_SCALE:
        return parse_scale(standin, optarg);
    case ARG_NO_LOG:
        standin->record.off = true;
        return true;
    case ARG_LIFETIME:
        return parse_number(optarg, 24UL * 3600,
                            &program->invocation.lifetime_s);
    case ARG_EXIT_ON_EOF:
        program->invocation.exit_on_eof = true;
        return true;
    case ARG_TLS_PRIORITIES:
        program->plex.priorities = optarg;
        return true;
    default:
        return false;
    }
}

static bool parse_args(struct program *program, int argc, char **argv)
{
    int arg;
    bool ok = true;

    while (ok && (arg = getopt_long(argc, argv, "", ARGS, NULL)) != -1)
        ok = arg == ARG_TLS ? parse_tls(program, argc, argv)
                            : apply_arg(program, arg);
    if (!ok || optind != argc) {
        fputs(USAGE, stderr);
        return false;
    }
    if (program->standin.tokens.count == 0)
        tokens_set(&program->standin.tokens, "owner-token", TOKEN_OWNER);
    return true;
}

/* Open, close or cut the Plex port as the lifecycle wants it. */
static void reconcile(struct program *program)
{
    struct standin *standin = &program->standin;
    struct lifecycle *life = &standin->life;
    bool wants;
    bool cut;

    standin_lock(standin);
    wants = lifecycle_wants_open(life, clock_ms());
    cut = life->cut;
    standin->closing = cut || !wants;
    standin_unlock(standin);

    if (program->plex.daemon != NULL && (cut || !wants))
        server_close(&program->plex);
    standin_lock(standin);
    standin->closing = false;
    standin_unlock(standin);
    if (program->plex.daemon == NULL && wants && !server_open(&program->plex))
        fputs("plex-standin: the port stays closed\n", stderr);

    standin_lock(standin);
    life->cut = false;
    life->open = program->plex.daemon != NULL;
    standin_unlock(standin);
}

/* How long poll() may wait: until the end, or until a restart's next stage. */
static int patience_ms(struct program *program, uint64_t end_ms)
{
    struct standin *standin = &program->standin;
    uint64_t now = clock_ms();
    uint64_t until = end_ms;

    standin_lock(standin);
    if (standin->life.refuse_until > now && standin->life.refuse_until < until)
        until = standin->life.refuse_until;
    standin_unlock(standin);
    if (until <= now)
        return 0;
    return until - now < 60000 ? (int)(until - now) : 60000;
}

/* Whether stdin has ended; what comes before that is thrown away. */
static bool stdin_ended(void)
{
    char block[256];

    return read(STDIN_FILENO, block, sizeof(block)) == 0;
}

static bool told_to_quit(int wake_read)
{
    char bytes[64];
    ssize_t len = read(wake_read, bytes, sizeof(bytes));

    return len > 0 && memchr(bytes, 'q', (size_t)len) != NULL;
}

static void serve_until_told(struct program *program, int wake_read)
{
    uint64_t end_ms =
        clock_ms() + (uint64_t)program->invocation.lifetime_s * 1000;
    struct pollfd fds[2] = {
        {.fd = wake_read, .events = POLLIN},
        {.fd = program->invocation.exit_on_eof ? STDIN_FILENO : -1,
         .events = POLLIN},
    };

    while (clock_ms() < end_ms) {
        fds[0].revents = 0;
        fds[1].revents = 0;
        (void)poll(fds, 2, patience_ms(program, end_ms));
        if (fds[0].revents != 0 && told_to_quit(wake_read))
            return;
        if (fds[1].revents != 0 && stdin_ended())
            return;
        reconcile(program);
    }
}

static bool open_wake_pipe(int fds[2])
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (pipe(fds) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        (void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
    wake_write = fds[1];
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    return true;
}

static bool run(struct program *program)
{
    int wake[2] = {-1, -1};
    bool ok = false;

    if (!open_wake_pipe(wake))
        return false;
    program->standin.wake_fd = wake[1];
    program->standin.life.open = true;
    if (server_open(&program->plex) && server_open(&program->control)) {
        printf("ready plex=%u control=%u\n", program->plex.port,
               program->control.port);
        (void)fflush(stdout);
        serve_until_told(program, wake[0]);
        ok = true;
    }
    standin_lock(&program->standin);
    program->standin.stopping = true;
    standin_unlock(&program->standin);
    server_deinit(&program->plex);
    server_deinit(&program->control);
    (void)close(wake[0]);
    (void)close(wake[1]);
    return ok;
}

int main(int argc, char **argv)
{
    struct program program = {
        .invocation.lifetime_s = DEFAULT_LIFETIME_S,
    };
    bool ok;

    standin_init(&program.standin, 1);
    program.plex = (struct server){.standin = &program.standin,
                                   .handle = plex_handle,
                                   .reserved = -1,
                                   .is_plex = true};
    program.control = (struct server){
        .standin = &program.standin, .handle = control_handle, .reserved = -1};
    ok = parse_args(&program, argc, argv) && run(&program);
    standin_deinit(&program.standin);
    text_deinit(&program.invocation.cert);
    text_deinit(&program.invocation.key);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
