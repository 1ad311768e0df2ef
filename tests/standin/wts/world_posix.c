#include "tests/standin/wts/world.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define READ_SIZE 65536
/* From 1601 to 1970. */
#define EPOCH_FT INT64_C(116444736000000000)

/* fcntl() keeps processes apart, and the mutex the threads of one. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int lock_fd = -1;

static int64_t clock_ns(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t world_now_ft(void)
{
    return clock_ns(CLOCK_REALTIME) / 100 + EPOCH_FT;
}

int64_t world_monotonic_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

void world_sleep_ms(uint32_t ms)
{
    struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0)
        ;
}

uint32_t world_pid(void)
{
    return (uint32_t)getpid();
}

static bool state_path(char path[PATH_SIZE], const char *suffix)
{
    const char *base = getenv("WTS_STANDIN_STATE");

    return base != NULL &&
           snprintf(path, PATH_SIZE, "%s%s", base, suffix) < PATH_SIZE;
}

void world_lock(void)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[PATH_SIZE];

    pthread_mutex_lock(&mutex);
    if (!state_path(path, ".lock"))
        return;
    lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_fd >= 0)
        while (fcntl(lock_fd, F_SETLKW, &range) != 0)
            ;
}

void world_unlock(void)
{
    if (lock_fd >= 0)
        close(lock_fd);
    lock_fd = -1;
    pthread_mutex_unlock(&mutex);
}

bool world_read_state(struct buffer *out)
{
    char path[PATH_SIZE];
    char part[READ_SIZE];
    ssize_t got = -1;
    int fd = state_path(path, "") ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return false;
    while ((got = read(fd, part, sizeof(part))) > 0)
        buffer_add(out, part, (size_t)got);
    close(fd);
    return got == 0 && !out->is_broken;
}

bool world_write_state(const char *data, size_t len)
{
    char path[PATH_SIZE], fresh[PATH_SIZE];
    bool is_good;
    int fd = -1;

    if (!state_path(path, "") || !state_path(fresh, ".new"))
        return false;
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    is_good = write(fd, data, len) == (ssize_t)len;
    return close(fd) == 0 && is_good && rename(fresh, path) == 0;
}

void world_append_log(const char *data, size_t len)
{
    const char *path = getenv("WTS_STANDIN_LOG");
    int fd = -1;

    if (path != NULL)
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (write(fd, data, len) != (ssize_t)len)
        fputs("wts stand-in: the log cannot be written\n", stderr);
    close(fd);
}

bool world_is_lock_reversed(void)
{
    return false; /* `host reversed=1` says otherwise */
}
