#include "worker/service.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "worker/arguments.h"

#define MS_PER_S 1000
#define US_PER_MS 1000
#define US_PER_S 1000000
#define NS_PER_MS 1000000
#define NS_PER_US 1000

static void requests(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

enum lastcall_status service_prepare(void)
{
    struct sigaction ignore = {0};
    sigset_t set;

    umask(S_IRWXG | S_IRWXO);
#ifdef __linux__
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return LASTCALL_E_INTERNAL;
#endif
    ignore.sa_handler = SIG_IGN;
    /* What breaks, or grows over a limit, is told by the call that writes. */
    if (sigaction(SIGPIPE, &ignore, NULL) != 0 ||
        sigaction(SIGXFSZ, &ignore, NULL) != 0)
        return LASTCALL_E_INTERNAL;
    requests(&set);
    /* Threads take this mask over, so that only service_wait() sees them. */
    return pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 ? LASTCALL_OK
                                                       : LASTCALL_E_INTERNAL;
}

enum service_request service_wait(int64_t timeout_ms)
{
    struct timespec limit = {
        .tv_sec = (time_t)(timeout_ms / MS_PER_S),
        .tv_nsec = (long)(timeout_ms % MS_PER_S) * NS_PER_MS,
    };
    sigset_t set;
    int number = -1;

    requests(&set);
    do {
        if (timeout_ms < 0)
            number = sigwaitinfo(&set, NULL);
        else
            number = sigtimedwait(&set, NULL, &limit);
    } while (number < 0 && errno == EINTR);
    if (number < 0)
        return SERVICE_REQUEST_TICK;
    return number == SIGHUP ? SERVICE_REQUEST_RELOAD : SERVICE_REQUEST_STOP;
}

/* systemd hears of it with READY=1. */
void service_started(void)
{
}

void service_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = 0;
    int fd = -1;

    if (path == NULL || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, strlen(path));
    len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* Linux's abstract name space */
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0)
        return;
    /* A supervisor that does not listen must not hold up the worker. */
    (void)sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *)(const void *)&address, len);
    close(fd);
}

void service_notify_reloading(void)
{
    struct timespec now = {0};
    char state[64];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US);
    service_notify(state);
}

int64_t service_watchdog_ms(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    char *end = NULL;
    long long microseconds = 0;

    if (text == NULL)
        return -1;
    if (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid())
        return -1;
    microseconds = strtoll(text, &end, 10);
    if (*end != '\0' || microseconds / 2 < US_PER_MS)
        return -1;
    return microseconds / US_PER_MS / 2;
}

int service_dispatch(int (*run)(void *context), void *context)
{
    (void)run;
    (void)context;
    fputs("lastcall-worker: --service is for the Windows service manager; "
          "here it runs without\n",
          stderr);
    return EXIT_USAGE;
}

int service_install(const struct service_installation *installation)
{
    (void)installation;
    fputs("lastcall-worker: here the unit lastcall-worker.service does that: "
          "systemctl enable --now lastcall-worker\n",
          stderr);
    return EXIT_USAGE;
}

int service_uninstall(const char *name)
{
    (void)name;
    fputs("lastcall-worker: here the unit lastcall-worker.service does that: "
          "systemctl disable --now lastcall-worker\n",
          stderr);
    return EXIT_USAGE;
}
