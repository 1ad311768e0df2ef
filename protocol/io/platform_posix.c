#define _XOPEN_SOURCE 700 /* realpath */

#include "protocol/io/platform.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define READ_CHUNK_BYTES 4096
#define HOST_NAME_SIZE 256
#define PATH_BYTES_MAX 4096
#define DESCRIPTORS_PATH "/proc/self/fd"
#define OS_RELEASE_PATH "/etc/os-release"
#define OS_RELEASE_BYTES_MAX 16384

static int64_t clock_read_ms(clockid_t id)
{
    struct timespec now = {0};

    clock_gettime(id, &now); /* cannot fail with these two clocks */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(void *state)
{
    (void)state;
    return clock_read_ms(CLOCK_REALTIME);
}

static int64_t monotonic_ms(void *state)
{
    (void)state;
    return clock_read_ms(CLOCK_MONOTONIC);
}

const struct clock platform_clock = {wall_ms, monotonic_ms, NULL};

void platform_local_clock(int64_t unix_ms, char text[PLATFORM_CLOCK_TEXT_SIZE])
{
    const time_t seconds = (time_t)(unix_ms / 1000);
    struct tm here;

    if (localtime_r(&seconds, &here) == NULL ||
        strftime(text, PLATFORM_CLOCK_TEXT_SIZE, "%H:%M:%S", &here) == 0)
        memcpy(text, "--:--:--", PLATFORM_CLOCK_TEXT_SIZE);
}

/* Turn errno into a status and a sentence about a file. */
static enum lastcall_status fail_errno(const char *path, const char *what,
                                       struct platform_error *error)
{
    int cause = errno;
    char reason[128];

    if (strerror_r(cause, reason, sizeof(reason)) != 0)
        snprintf(reason, sizeof(reason), "error %d", cause);
    platform_explain(error, "%s: cannot %s: %s", path, what, reason);
    switch (cause) {
    case ENOENT:
    case ENOTDIR:
        return LASTCALL_E_MISSING;
    case EACCES:
    case EPERM:
    case EROFS:
        return LASTCALL_E_PERMISSION;
    case EEXIST:
        return LASTCALL_E_EXISTS;
    case ENOMEM:
        return LASTCALL_E_NOMEM;
    default:
        return LASTCALL_E_IO;
    }
}

enum lastcall_status platform_random(void *data, size_t len)
{
    unsigned char *next = data;

    while (len > 0) {
        ssize_t got = getrandom(next, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return LASTCALL_E_INTERNAL;
        next += got;
        len -= (size_t)got;
    }
    return LASTCALL_OK;
}

/* The name by which a person finds the file that was really opened. */
static void real_name(const char *path, char *out, size_t size)
{
    char *real = realpath(path, NULL);

    snprintf(out, size, "%s", real != NULL ? real : path);
    free(real);
}

static enum lastcall_status check_secret(const char *path,
                                         const struct stat *info,
                                         struct platform_error *error)
{
    char real[PATH_BYTES_MAX];

    if ((info->st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        real_name(path, real, sizeof(real));
        platform_explain(
            error,
            "%s: others than its owner may use this secret file (mode "
            "%04o); mend it: chmod 600 %s",
            path, (unsigned)(info->st_mode & 07777u), real);
        return LASTCALL_E_PERMISSION;
    }
    if (info->st_uid != geteuid() && info->st_uid != 0) {
        real_name(path, real, sizeof(real));
        platform_explain(
            error,
            "%s: this secret file belongs to user %lu, not to us or "
            "root; mend it: chown %lu %s",
            path, (unsigned long)info->st_uid, (unsigned long)geteuid(), real);
        return LASTCALL_E_PERMISSION;
    }
    return LASTCALL_OK;
}

static enum lastcall_status read_all(int fd, const char *path, size_t len_max,
                                     struct bytes *out,
                                     struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_OK;
    unsigned char chunk[READ_CHUNK_BYTES];

    while (status == LASTCALL_OK) {
        ssize_t got = read(fd, chunk, sizeof(chunk));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = fail_errno(path, "read", error);
        if (got <= 0)
            break;
        status = bytes_append(out, chunk, (size_t)got);
    }
    if (status == LASTCALL_E_TOO_LARGE)
        platform_explain(error, "%s: larger than %zu bytes", path, len_max);
    bytes_wipe(chunk, sizeof(chunk));
    return status;
}

enum lastcall_status platform_read_file(const char *path,
                                        enum file_secrecy secrecy,
                                        size_t len_max, struct bytes *out,
                                        struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_PERMISSION;
    struct stat info;
    int fd;

    bytes_init(out, len_max);
    platform_explain(error, "%s", "");
    /* Not blocking: a FIFO in the place of the file must not hang us. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail_errno(path, "open", error);
    /* What is checked is what was opened, whatever the path names by now. */
    if (fstat(fd, &info) != 0) {
        status = fail_errno(path, "examine", error);
        goto out;
    }
    if (!S_ISREG(info.st_mode)) {
        platform_explain(error, "%s: not a regular file", path);
        status = LASTCALL_E_IO;
        goto out;
    }
    if (secrecy == FILE_SECRET) {
        status = check_secret(path, &info, error);
        if (status != LASTCALL_OK)
            goto out;
    }
    status = read_all(fd, path, len_max, out, error);

out:
    close(fd);
    if (status != LASTCALL_OK)
        bytes_deinit(out);
    return status;
}

static bool write_all(int fd, const void *data, size_t len)
{
    const unsigned char *next = data;

    while (len > 0) {
        ssize_t put = write(fd, next, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        next += put;
        len -= (size_t)put;
    }
    return true;
}

/* A new name is only on disk when its directory is. */
static bool sync_parent(const char *path)
{
    char parent[PATH_BYTES_MAX];
    char *slash;
    int fd;
    bool ok;

    if (snprintf(parent, sizeof(parent), "%s", path) >= (int)sizeof(parent)) {
        errno = ENAMETOOLONG;
        return false;
    }
    slash = strrchr(parent, '/');
    if (slash == NULL)
        snprintf(parent, sizeof(parent), ".");
    else
        slash[slash == parent ? 1 : 0] = '\0';
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

enum lastcall_status platform_create_file(const char *path,
                                          enum file_secrecy secrecy,
                                          const void *data, size_t len,
                                          struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_OK;
    mode_t mode = secrecy == FILE_SECRET
                      ? S_IRUSR | S_IWUSR
                      : S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;
    int fd;

    platform_explain(error, "%s", "");
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode);
    if (fd < 0) {
        status = fail_errno(path, "create", error);
        return status == LASTCALL_E_MISSING ? LASTCALL_E_IO : status;
    }
    if (!write_all(fd, data, len) || fsync(fd) != 0)
        status = fail_errno(path, "write", error);
    if (close(fd) != 0 && status == LASTCALL_OK)
        status = fail_errno(path, "write", error);
    if (status == LASTCALL_OK && !sync_parent(path))
        status = fail_errno(path, "bring to disk", error);
    if (status != LASTCALL_OK)
        unlink(path); /* ours: we created it a moment ago */
    return status;
}

/* One level; an existing directory is fine. */
static enum lastcall_status make_one(const char *path,
                                     struct platform_error *error)
{
    struct stat info;

    if (mkdir(path, S_IRWXU) == 0)
        return LASTCALL_OK;
    if (errno == EEXIST && stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return LASTCALL_OK;
        platform_explain(error, "%s: exists and is not a directory", path);
        return LASTCALL_E_IO;
    }
    return fail_errno(path, "make the directory", error);
}

enum lastcall_status platform_check_guarded(const char *path,
                                            struct platform_error *error)
{
    (void)path;
    platform_explain(error, "%s", "");
    return LASTCALL_OK;
}

enum lastcall_status platform_make_directory(const char *path,
                                             struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_OK;
    char partial[PATH_BYTES_MAX];

    platform_explain(error, "%s", "");
    if (path[0] == '\0' || strlen(path) >= sizeof(partial)) {
        platform_explain(error, "%s: not a path of 1 to %zu characters", path,
                         sizeof(partial) - 1);
        return LASTCALL_E_IO;
    }
    snprintf(partial, sizeof(partial), "%s", path);
    for (char *at = partial + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        status = make_one(partial, error);
        *at = '/';
        if (status != LASTCALL_OK)
            break;
    }
    if (status == LASTCALL_OK)
        status = make_one(partial, error);
    return status == LASTCALL_E_PERMISSION || status == LASTCALL_OK
               ? status
               : LASTCALL_E_IO;
}

enum lastcall_status platform_lock(const char *path, struct platform_lock *lock,
                                   struct platform_error *error)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    enum lastcall_status status = LASTCALL_E_IO;
    const int handle = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    platform_explain(error, "%s", "");
    *lock = (struct platform_lock){0};
    if (handle < 0) {
        status = errno == EACCES ? LASTCALL_E_PERMISSION : LASTCALL_E_IO;
        platform_explain(error, "%s: %s", path, strerror(errno));
        return status;
    }
    if (fcntl(handle, F_SETLK, &whole) == 0) {
        *lock = (struct platform_lock){.is_held = true, .handle = handle};
        return LASTCALL_OK;
    }
    if (errno == EACCES || errno == EAGAIN)
        status = LASTCALL_BUSY;
    platform_explain(error, "%s: %s", path,
                     status == LASTCALL_BUSY ? "another process holds this lock"
                                             : strerror(errno));
    close(handle);
    return status;
}

void platform_unlock(struct platform_lock *lock)
{
    if (lock->is_held)
        close((int)lock->handle);
    *lock = (struct platform_lock){0};
}

enum lastcall_status platform_host_name(struct name *out)
{
    char host[HOST_NAME_SIZE] = "";

    *out = (struct name){0};
    if (gethostname(host, sizeof(host) - 1) != 0)
        return LASTCALL_E_SYNTAX;
    return name_parse_lowered(host, strcspn(host, "."), out);
}

/* Find PRETTY_NAME="..." in os-release(5). */
static bool pretty_name(char *text, size_t size)
{
    static const char key[] = "PRETTY_NAME=";
    struct bytes file;
    const char *at = NULL;
    bool found = false;

    if (platform_read_file(OS_RELEASE_PATH, FILE_PUBLIC, OS_RELEASE_BYTES_MAX,
                           &file, NULL) != LASTCALL_OK)
        return false;
    if (file.data != NULL)
        at = strstr((const char *)file.data, key);
    if (at != NULL) {
        at += sizeof(key) - 1;
        at += *at == '"';
        found = at[strcspn(at, "\"\n")] != '\0' && *at != '"';
        snprintf(text, size, "%.*s", (int)strcspn(at, "\"\n"), at);
    }
    bytes_deinit(&file);
    return found;
}

void platform_os_text(char *text, size_t size)
{
    struct utsname system;

    if (pretty_name(text, size))
        return;
    if (uname(&system) == 0)
        snprintf(text, size, "%s %s", system.sysname, system.release);
    else
        snprintf(text, size, "POSIX");
}

void platform_share_heap(void)
{
#ifdef __GLIBC__
    /* With one, every allocation waits for another thread's. */
    (void)mallopt(M_ARENA_MAX, 2);
#endif
}

unsigned platform_core_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : (unsigned)count;
}

/* The port of a TCP socket's peer; 0 when it is no such socket. */
static uint16_t peer_port_of(int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return 0;
    if (peer.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&peer)->sin_port);
    if (peer.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&peer)->sin6_port);
    return 0;
}

unsigned platform_no_delay(uint16_t peer_port)
{
    DIR *directory = opendir(DESCRIPTORS_PATH);
    const struct dirent *entry;
    unsigned count = 0;
    int on = 1;

    if (directory == NULL)
        return 0;
    while ((entry = readdir(directory)) != NULL) {
        char *end = NULL;
        long fd = strtol(entry->d_name, &end, 10);

        if (end == entry->d_name || peer_port_of((int)fd) != peer_port)
            continue;
        if (setsockopt((int)fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0)
            count++;
    }
    closedir(directory);
    return count;
}

void platform_hold_standard_files(void)
{
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++) {
        /* The lowest number that is free is given, and that is this one. */
        if (fcntl(file, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

void platform_clean_environment(void)
{
    static const char *const names[] = {
        "http_proxy",
        "https_proxy",
        "PAHO_C_CLIENT_USE_HTTP_PROXY", /* what later versions ask for */
        "SSLKEYLOGFILE",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unsetenv(names[i]); /* fails only on a malformed name */
}
