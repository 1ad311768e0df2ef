/*
 * What the operating system gives, behind one header: clocks, randomness,
 * files that must not be readable by others, where files lie, and the
 * machine's name.  Fillings: platform_posix.c and platform_win32.c; of what is
 * about paths platform_paths_posix.c and platform_paths_win32.c; of what is
 * about files, on Windows, platform_files_win32.c and platform_acl_win32.c.
 *
 * Texts are UTF-8 on every system: paths, arguments, names.
 */
#ifndef LASTCALL_IO_PLATFORM_H
#define LASTCALL_IO_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/name.h"
#include "protocol/status.h"

/* One replaceable clock; tests fill their own. */
struct clock {
    int64_t (*wall_ms)(void *state);      /* since 1970, UTC; may step */
    int64_t (*monotonic_ms)(void *state); /* never steps back */
    void *state;
};

/* The machine's clock. */
extern const struct clock platform_clock;

#define PLATFORM_CLOCK_TEXT_SIZE sizeof("23:59:59")

/* The time of day here, as "14:03:59"; "--:--:--" where it is not known. */
void platform_local_clock(int64_t unix_ms, char text[PLATFORM_CLOCK_TEXT_SIZE]);

/* Fill a buffer with random bytes; LASTCALL_OK or LASTCALL_E_INTERNAL. */
LASTCALL_MUST_USE enum lastcall_status platform_random(void *data, size_t len);

/* Write a fresh random id of 22 characters of base64url (128 bits). */
LASTCALL_MUST_USE enum lastcall_status
platform_random_id(struct request_id *out);

/* A random integer in [0, bound); bound 0 gives 0. */
uint32_t platform_random_below(uint32_t bound);

enum file_secrecy {
    FILE_PUBLIC, /* anyone may read it */
    /* Refused when anyone but its owner can read or write it; on Windows
     * SYSTEM and the Administrators may, as root may elsewhere. */
    FILE_SECRET,
    /* Anyone may read it; on Windows refused when others than those may change
     * it, since everybody may make files in the folders where it is looked
     * for.  Elsewhere the folder says who may. */
    FILE_GUARDED,
};

/* Room for a sentence that names a file and the command that mends it. */
#define PLATFORM_DETAIL_SIZE 512

struct platform_error {
    char text[PLATFORM_DETAIL_SIZE];
};

/* Write the sentence, cut where it is full; error may be NULL. */
void platform_explain(struct platform_error *error, const char *format, ...)
    LASTCALL_PRINTF(2, 3);

/*
 * Read a whole file.
 *
 *   len_max  more is LASTCALL_E_TOO_LARGE
 *   out      initialised by this function; wiped and freed by bytes_deinit()
 *   error    a sentence with the mend ("chmod 600 FILE", "icacls ...");
 *            may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING, LASTCALL_E_PERMISSION (not
 *         readable, or its secrecy is not kept),
 *         LASTCALL_E_TOO_LARGE, LASTCALL_E_IO, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
platform_read_file(const char *path, enum file_secrecy secrecy, size_t len_max,
                   struct bytes *out, struct platform_error *error);

/*
 * Create a file that must not exist yet: mode 0600 for FILE_SECRET, 0644
 * else, content on disk before the call returns.  On Windows a FILE_SECRET is
 * for SYSTEM, the Administrators and the current user; another file is for
 * whomever its folder is.
 *
 * Returns LASTCALL_OK, LASTCALL_E_EXISTS, LASTCALL_E_PERMISSION,
 *         LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status
platform_create_file(const char *path, enum file_secrecy secrecy,
                     const void *data, size_t len,
                     struct platform_error *error);

/*
 * Make a directory (mode 0700; on Windows as a FILE_SECRET) with its missing
 * parents; an existing one is fine.  LASTCALL_OK, LASTCALL_E_PERMISSION,
 * LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status
platform_make_directory(const char *path, struct platform_error *error);

/*
 * Check what was there before us as a FILE_GUARDED is when it is read: a file,
 * or a folder with what is in it.  Nothing there is fine.  Elsewhere than on
 * Windows the folder above says who may, and nothing is looked at.
 *
 *   error  a sentence with the mend; may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_E_PERMISSION, LASTCALL_E_IO.
 */
LASTCALL_MUST_USE enum lastcall_status
platform_check_guarded(const char *path, struct platform_error *error);

/*
 * Find the absolute path of something that exists, links resolved.
 *
 * Returns a text that the caller frees, or NULL (not there, out of memory).
 */
char *platform_full_path(const char *path);

/*
 * Where this machine's configuration lies: "/etc/lastcall", or Lastcall below
 * Windows' ProgramData.  The text stays valid.
 */
const char *platform_config_dir(void);

/* Where the worker keeps its journal: "/var/lib/lastcall", or state in the
 * folder above.  The text stays valid. */
const char *platform_state_dir(void);

/*
 * Where this user's own configuration lies: "$XDG_CONFIG_HOME/lastcall",
 * "~/.config/lastcall", "%APPDATA%\Lastcall".
 *
 *   environment  getenv() or a test's
 *
 * Returns a text that the caller frees, or NULL (there is none).
 */
char *platform_personal_dir(const char *(*environment)(const char *name));

/*
 * Where this user's programs keep what they remember:
 * "$XDG_STATE_HOME/lastcall", "~/.local/state/lastcall",
 * "%LOCALAPPDATA%\Lastcall".  As platform_personal_dir().
 */
char *platform_personal_state_dir(const char *(*environment)(const char *name));

/* Does a path begin at a root, so that nothing may be put before it? */
bool platform_is_absolute(const char *path);

/*
 * Does a path name something that is no file of this machine's drives: a share
 * of another machine, a pipe, a device?  Whoever opens a share shows that
 * machine his account.  Never so where there are no such names.
 */
bool platform_is_elsewhere(const char *path);

/* What stands between the names of a path that we make: "/" or "\".  Both are
 * understood on Windows. */
extern const char platform_separator[];

/* How much of a path is its folder, with the separator; 0: it has none. */
size_t platform_folder_len(const char *path);

/*
 * Make main()'s arguments UTF-8, and have standard output take UTF-8 as it is
 * written; where a system hands out UTF-8 nothing happens.
 *
 *   argc, argv  as main() got them; argv may be another array afterwards,
 *               which lives as long as the process
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM.
 * Thread: call it first in main().
 */
LASTCALL_MUST_USE enum lastcall_status platform_arguments(int *argc,
                                                          char ***argv);

/* A lock that this process holds.  {0} holds none. */
struct platform_lock {
    bool is_held;
    intptr_t handle; /* owned while is_held */
};

/*
 * Take a lock that ends with this process at the latest, however it ends.
 *
 *   path   a file that stands for what is locked; made where it is missing,
 *          and never removed
 *   lock   filled on LASTCALL_OK; platform_unlock() gives it back
 *   error  a sentence with the path; may be NULL
 *
 * Returns LASTCALL_OK, LASTCALL_BUSY (another process holds it),
 *         LASTCALL_E_PERMISSION, LASTCALL_E_IO.
 * Source: POSIX fcntl(), F_SETLK: the kernel releases it with the process;
 *         Windows LockFileEx(): with the last handle.
 */
LASTCALL_MUST_USE enum lastcall_status
platform_lock(const char *path, struct platform_lock *lock,
              struct platform_error *error);
void platform_unlock(struct platform_lock *lock);

/*
 * The machine's host name in lower case up to its first dot, if that is a
 * name; LASTCALL_OK or LASTCALL_E_SYNTAX.
 */
LASTCALL_MUST_USE enum lastcall_status platform_host_name(struct name *out);

/*
 * Forget what the environment tells the libraries and we do not want: proxies,
 * since a broker is reached directly or not at all (paho 1.3.12 sends plain and
 * TLS connections through http_proxy and https_proxy, loopback included, and
 * fails on an empty one); a file for the keys of our connections, which libcurl
 * would write; on Windows, where no system sets one, a configuration of
 * OpenSSL.
 *
 * Thread: call it first in main(), while there is no other thread that reads
 *         the environment.
 */
void platform_clean_environment(void);

/*
 * Hold the places of standard input, output and error where we were started
 * without: the next file or connection would get them, and with them what is
 * printed.  Whoever prints there is told that it failed.
 *
 * Thread: call it first in main(), before anything is opened.
 */
void platform_hold_standard_files(void);

/* The system's name and version, such as "Debian GNU/Linux 12"; never "". */
void platform_os_text(char *text, size_t size);

/*
 * Let all threads share two heaps, where the system would give each its own:
 * what one frees is the next one's to use.  Call it before there is a
 * second thread; does nothing where heaps are shared anyway.
 */
void platform_share_heap(void);

/* How many threads can run at once: the processors that are on, at least 1. */
unsigned platform_core_count(void);

/*
 * Send small packets at once (TCP_NODELAY) on every TCP socket of this process
 * whose peer has this port.  For libraries that hand out no socket: Nagle's
 * algorithm holds an answer back until the peer's delayed acknowledgement,
 * 40 ms later.
 *
 * Returns the number of sockets.
 */
unsigned platform_no_delay(uint16_t peer_port);

#endif
