#define _XOPEN_SOURCE 700 /* mkdtemp */

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

#define START_TRIES 200
#define START_PAUSE_NS 25000000L

/* Ask the kernel for a port that is free now. */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    unsigned port = 0;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        port = ntohs(address.sin_port);
    close(fd);
    return port;
}

/* The same on ::1; 0 where there is no IPv6. */
static unsigned free_v6_port(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    unsigned port = 0;

    if (fd < 0)
        return 0;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        port = ntohs(address.sin6_port);
    close(fd);
    return port;
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

/* Run a program in the broker's directory, without a word. */
static pid_t spawn(const struct broker *broker, const char *const argv[])
{
    union {
        const char *const *in;
        char *const *out;
    } arguments = {argv};
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    int null = open("/dev/null", O_RDWR);

    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    if (chdir(broker->directory) == 0)
        execvp(argv[0], arguments.out);
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
            "tls_version tlsv1.3\n" /* the lowest that it takes */
            "listener %u 127.0.0.1\n"
            "certfile other.pem\nkeyfile other.key\n",
            broker->plain_port, broker->tls_port, broker->name_port);
    if (broker->v6_port != 0)
        fprintf(file, "listener %u ::1\n", broker->v6_port);
    return fclose(file) == 0;
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
    broker->plain_port = free_port();
    broker->tls_port = free_port();
    broker->name_port = free_port();
    broker->v6_port = free_v6_port();
    return make_certificate(broker, "ca", NULL) &&
           make_certificate(broker, "wrong", NULL) &&
           make_certificate(broker, "server", "DNS:localhost,IP:127.0.0.1") &&
           make_certificate(broker, "other", "DNS:other.example") &&
           write_rules(broker) && write_configuration(broker);
}

bool broker_start(struct broker *broker)
{
    static const char *const argv[] = {MOSQUITTO, "-c", "mosquitto.conf", NULL};
    const struct timespec pause = {.tv_nsec = START_PAUSE_NS};

    broker->pid = spawn(broker, argv);
    if (broker->pid <= 0)
        return false;
    /* It has no way to say that it is ready but to answer. */
    for (int i = 0; i < START_TRIES; i++) {
        if (is_listening(broker->name_port))
            return true;
        nanosleep(&pause, NULL);
    }
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
