#define _DEFAULT_SOURCE /* mkdtemp, getentropy */

#include "broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "protocol/io/platform.h"

#define START_MS 30000
#define START_PAUSE_NS 10000000L
#define START_TRIES 5 /* with other ports */
#define LOG_NAME "mosquitto.log"
/* Below those that Linux gives to whoever connects: there they are taken
 * between our look and the broker's start, and while it is down. */
#define PORT_FIRST 10000
#define PORT_COUNT 22000
#define PORT_TRIES 1000

/* Say whether nobody has this port of the loopback. */
static bool is_free(int family, unsigned port)
{
    const struct sockaddr_in v4 = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6,
        .sin6_port = htons((uint16_t)port),
        .sin6_addr = IN6ADDR_LOOPBACK_INIT,
    };
    int fd = socket(family, SOCK_STREAM, 0);
    bool ok;

    if (fd < 0)
        return false;
    if (family == AF_INET)
        ok = bind(fd, (const struct sockaddr *)&v4, sizeof(v4)) == 0;
    else
        ok = bind(fd, (const struct sockaddr *)&v6, sizeof(v6)) == 0;
    close(fd);
    return ok;
}

/* Choose one by chance, so that tests side by side do not choose the same;
 * 0 where there is none, as where there is no IPv6. */
static unsigned free_port(int family)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t chance = 0;
        unsigned port;

        if (getentropy(&chance, sizeof(chance)) != 0)
            return 0;
        port = PORT_FIRST + chance % PORT_COUNT;
        if (is_free(family, port))
            return port;
    }
    return 0;
}

static bool is_listening(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return ok;
}

/* Run a program in the broker's directory; what it says is in LOG_NAME. */
static pid_t spawn(const struct broker *broker, const char *const argv[])
{
    union {
        const char *const *in;
        char *const *out;
    } arguments = {argv};
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (chdir(broker->directory) != 0)
        _exit(127);
    int null = open("/dev/null", O_RDWR);
    int log = open(LOG_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execvp(argv[0], arguments.out);
    dprintf(log, "cannot run %s\n", argv[0]);
    _exit(127);
}

static bool run(const struct broker *broker, const char *const argv[])
{
    int result = -1;
    pid_t pid = spawn(broker, argv);

    return pid > 0 && waitpid(pid, &result, 0) == pid && result == 0;
}

/*
 * A certificate, NAME.pem with NAME.key: from ca.pem for some names, or a CA
 * where names is NULL.
 */
static bool make_certificate(const struct broker *broker, const char *name,
                             const char *names)
{
    char key[64];
    char pem[64];
    char subject[64];
    char alternatives[128];

    snprintf(key, sizeof(key), "%s.key", name);
    snprintf(pem, sizeof(pem), "%s.pem", name);
    snprintf(subject, sizeof(subject), "/CN=%s", name);
    snprintf(alternatives, sizeof(alternatives), "subjectAltName=%s",
             names != NULL ? names : "");
    /* The list ends here for a CA. */
    const char *more = names != NULL ? "-addext" : NULL;
    const char *const argv[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-days",
                                "2",
                                "-keyout",
                                key,
                                "-out",
                                pem,
                                "-subj",
                                subject,
                                more,
                                alternatives,
                                "-CA",
                                "ca.pem",
                                "-CAkey",
                                "ca.key",
                                NULL};

    return run(broker, argv);
}

static bool write_rules(const struct broker *broker)
{
    char path[BROKER_PATH_SIZE + 32];
    FILE *file;

    snprintf(path, sizeof(path), "%s/rules.acl", broker->directory);
    file = fopen(path, "w");
    if (file == NULL)
        return false;
    fprintf(file, "topic readwrite #\ntopic deny " BROKER_DENIED "#\n");
    return fclose(file) == 0;
}

static bool write_configuration(const struct broker *broker)
{
    char path[BROKER_PATH_SIZE + 32];
    FILE *file;

    snprintf(path, sizeof(path), "%s/mosquitto.conf", broker->directory);
    file = fopen(path, "w");
    if (file == NULL)
        return false;
    /* Its defaults otherwise: that is what must not cost 24 s. */
    fprintf(file,
            "user root\n" /* keep the right to read our directory */
            "allow_anonymous true\n"
            "acl_file rules.acl\n"
            "listener %u 127.0.0.1\n"
            "listener %u 127.0.0.1\n"
            "certfile server.pem\nkeyfile server.key\n"
            "tls_version tlsv1.3\n", /* the lowest that it takes */
            broker->plain_port, broker->tls_port);
    if (broker->v6_port != 0)
        fprintf(file, "listener %u ::1\n", broker->v6_port);
    fprintf(file,
            "listener %u 127.0.0.1\n"
            "certfile other.pem\nkeyfile other.key\n",
            broker->name_port);
    return fclose(file) == 0;
}

/* What went wrong, for whoever reads the test's output. */
static void show_log(const struct broker *broker)
{
    char path[BROKER_PATH_SIZE + 32];
    char line[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/" LOG_NAME, broker->directory);
    file = fopen(path, "r");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL)
        fputs(line, stderr);
    fclose(file);
}

bool broker_prepare(struct broker *broker)
{
    const char *base = getenv("TMPDIR");

    *broker = (struct broker){0};
    snprintf(broker->directory, sizeof(broker->directory),
             "%s/lastcall-broker-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(broker->directory) == NULL)
        return false;
    snprintf(broker->ca, sizeof(broker->ca), "%.200s/ca.pem",
             broker->directory);
    snprintf(broker->wrong_ca, sizeof(broker->wrong_ca), "%.200s/wrong.pem",
             broker->directory);
    if (make_certificate(broker, "ca", NULL) &&
        make_certificate(broker, "wrong", NULL) &&
        make_certificate(broker, "server", "DNS:localhost,IP:127.0.0.1") &&
        make_certificate(broker, "other", "DNS:other.example") &&
        write_rules(broker))
        return true;
    show_log(broker);
    return false;
}

/* Await that it takes connections; false when it ended, or does not. */
static bool await_start(struct broker *broker)
{
    const struct timespec pause = {.tv_nsec = START_PAUSE_NS};
    const struct clock *clock = &platform_clock;
    const int64_t until_ms = clock->monotonic_ms(clock->state) + START_MS;

    /* It has no way to say that it is ready but to answer on the port that it
     * opens last. */
    while (clock->monotonic_ms(clock->state) < until_ms) {
        if (waitpid(broker->pid, NULL, WNOHANG) == broker->pid) {
            broker->pid = 0;
            return false;
        }
        if (is_listening(broker->name_port))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static bool choose_ports(struct broker *broker)
{
    broker->plain_port = free_port(AF_INET);
    broker->tls_port = free_port(AF_INET);
    broker->name_port = free_port(AF_INET);
    broker->v6_port = free_port(AF_INET6);
    return broker->plain_port != 0 && broker->tls_port != 0 &&
           broker->name_port != 0 && write_configuration(broker);
}

bool broker_start(struct broker *broker)
{
    static const char *const argv[] = {MOSQUITTO, "-c", "mosquitto.conf", NULL};
    const bool is_first = broker->plain_port == 0;

    for (int i = 0; i < START_TRIES; i++) {
        if (is_first && !choose_ports(broker))
            break;
        broker->pid = spawn(broker, argv);
        if (broker->pid > 0 && await_start(broker))
            return true;
        broker_kill(broker);
    }
    show_log(broker);
    if (is_first)
        broker->plain_port = 0;
    return false;
}

void broker_kill(struct broker *broker)
{
    if (broker->pid <= 0)
        return;
    kill(broker->pid, SIGKILL);
    waitpid(broker->pid, NULL, 0);
    broker->pid = 0;
}

void broker_remove(struct broker *broker)
{
    const char *const remove[] = {"rm", "-rf", "--", broker->directory, NULL};

    broker_kill(broker);
    (void)run(broker, remove);
}
