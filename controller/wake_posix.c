#include "controller/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/*
 * A pipe to ourselves: what is written into it ends poll(), also when it was
 * written just before poll() began.  A signal handler has no other way to
 * reach its data than through file scope.
 */
static int pipe_ends[2] = {-1, -1};
/* Any thread may be the one that a signal interrupts; lock-free atomics are
 * what a handler may write then. */
static atomic_int interrupted;
static atomic_int reload;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a handler may write an atomic_int");

/* One byte is enough however often it is called: the pipe may be full. */
static void poke(void)
{
    int saved = errno;
    ssize_t written = write(pipe_ends[1], "", 1);

    (void)written;
    errno = saved;
}

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
    poke();
}

static void on_reload(int number)
{
    (void)number;
    reload = 1;
    poke();
}

static enum lastcall_status make_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return LASTCALL_E_IO;
    return LASTCALL_OK;
}

enum lastcall_status wake_open(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (pipe_ends[0] >= 0)
        return LASTCALL_OK;
    if (pipe(pipe_ends) != 0)
        return LASTCALL_E_IO;
    if (make_nonblocking(pipe_ends[0]) != LASTCALL_OK ||
        make_nonblocking(pipe_ends[1]) != LASTCALL_OK)
        return LASTCALL_E_IO;
    sigemptyset(&action.sa_mask);
    sigemptyset(&ignore.sa_mask);
    /* What breaks, or grows over a limit, is told by the call that writes,
     * whichever library the link is from. */
    if (sigaction(SIGPIPE, &ignore, NULL) != 0 ||
        sigaction(SIGXFSZ, &ignore, NULL) != 0 ||
        sigaction(SIGINT, &action, NULL) != 0 ||
        sigaction(SIGTERM, &action, NULL) != 0)
        return LASTCALL_E_IO;
    return LASTCALL_OK;
}

enum lastcall_status wake_open_reload(void)
{
    struct sigaction action = {.sa_handler = on_reload};
    enum lastcall_status status = wake_open();

    sigemptyset(&action.sa_mask);
    if (status == LASTCALL_OK && sigaction(SIGHUP, &action, NULL) != 0)
        status = LASTCALL_E_IO;
    return status;
}

bool wake_has_reload(void)
{
    return reload != 0;
}

bool wake_take_reload(void)
{
    /* One that comes now is served by what is read after this. */
    return atomic_exchange(&reload, 0) != 0;
}

void wake_call(void)
{
    poke();
}

bool wake_is_interrupted(void)
{
    return interrupted != 0;
}

static void drain(void)
{
    char bytes[64];

    while (read(pipe_ends[0], bytes, sizeof bytes) > 0)
        continue;
}

enum wake_reason wake_wait(int64_t timeout_ms)
{
    struct pollfd poked = {.fd = pipe_ends[0], .events = POLLIN};
    int ready = 0;

    if (interrupted)
        return WAKE_INTERRUPTED;
    if (timeout_ms < 0)
        timeout_ms = 0;
    ready = poll(&poked, 1, timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
    drain();
    if (interrupted)
        return WAKE_INTERRUPTED;
    /* A signal ends poll() too, and drain() has then taken what it wrote. */
    return ready == 0 ? WAKE_TIMEOUT : WAKE_CALLED;
}

enum wake_reason wake_wait_input(void)
{
    struct pollfd fds[] = {
        {.fd = pipe_ends[0], .events = POLLIN},
        {.fd = STDIN_FILENO, .events = POLLIN},
    };

    while (!interrupted) {
        fds[1].revents = 0;
        if (poll(fds, 2, -1) > 0 && fds[1].revents != 0)
            return interrupted ? WAKE_INTERRUPTED : WAKE_INPUT;
        drain();
    }
    return WAKE_INTERRUPTED;
}

bool wake_wait_output(void)
{
    struct pollfd fds[] = {
        {.fd = pipe_ends[0], .events = POLLIN},
        {.fd = STDOUT_FILENO, .events = POLLOUT},
    };

    for (;;) {
        const bool is_last = interrupted != 0;

        fds[1].revents = 0;
        if (poll(fds, 2, is_last ? 0 : -1) > 0 && fds[1].revents != 0)
            return true;
        if (is_last)
            return false;
        drain();
    }
}
