/*
 * Configuration files: INI read by libinih, driven by a table of keys with
 * type, default and bounds.  An unknown section or key, a value out of range,
 * a section or key given twice and a line that is too long are errors with
 * file and line.
 *
 * A file is UTF-8, with or without a byte order mark.  Lines are
 *
 *     [section] or [section "label"]
 *     key = value
 *     ; a comment, or # a comment
 *
 * and begin at the margin: what is indented would continue the line above in
 * other readers, and is refused in this one.  ';' behind white space begins a
 * comment behind a value too; "a;b" is a value.  Nothing is quoted.
 */
#ifndef LASTCALL_IO_CONFIG_H
#define LASTCALL_IO_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/status.h"

#define CONFIG_LINE_MAX 4096
#define CONFIG_FILE_BYTES_MAX ((size_t)256 * 1024)
#define CONFIG_SECTION_COUNT_MAX 128

enum config_type {
    CONFIG_TEXT,        /* char *, owned */
    CONFIG_PATH,        /* the same; a relative one is beside the file */
    CONFIG_NAME,        /* struct name */
    CONFIG_DURATION_S,  /* int64_t, in seconds; written 90, 90s, 2m, 24h, 7d */
    CONFIG_DURATION_MS, /* int64_t, in milliseconds; also 250ms */
    CONFIG_INTEGER,     /* int64_t */
    CONFIG_BOOL,        /* bool; true/false, yes/no, on/off */
    CONFIG_CHOICE,      /* int64_t, index into choices */
};

/* One key of a section. */
struct config_key {
    const char *section; /* "worker", or "server" for [server "name"] */
    const char *name;
    enum config_type type;
    size_t offset;      /* into the section's structure */
    const char *preset; /* default as it would be written; NULL: none */
    int64_t min, max; /* bounds of numbers, in the type's unit; both 0: none */
    const char *const *choices; /* NULL-terminated, for CONFIG_CHOICE */
    const char *help;           /* one line, for the example and the manual */
};

struct config_error {
    unsigned line;  /* 0 when it is about the whole file */
    char text[400]; /* "worker.conf:12: unknown key "hots"; did you mean ..." */
};

/* Where the values of a section go. */
struct config_target {
    /*
     * Return the structure for a section, or NULL when it may not be there
     * (unknown, or one too many).
     *
     *   section  "worker", "server"
     *   label    the quoted name in [server "name"], or NULL
     */
    void *(*section)(void *state, const char *section, const char *label);
    void *state;
    /*
     * Where a value was set, for who checks it later; NULL: nobody wants it.
     *
     *   structure  the section's
     *   key        NULL: the section itself begins there
     */
    void (*placed)(void *state, void *structure, const struct config_key *key,
                   unsigned line);
};

/*
 * Set the keys of one section's structure, which is {0} or was set before, to
 * their defaults (owned texts are copied).  LASTCALL_OK or LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
config_preset(const struct config_key *keys, size_t key_count,
              const char *section, void *structure);

/* Free the owned texts of one section's structure. */
void config_deinit(const struct config_key *keys, size_t key_count,
                   const char *section, void *structure);

/*
 * Read a file.
 *
 *   path    named in errors
 *   target  called for each section, in the file's order; sets the defaults
 *           itself, by config_preset()
 *
 * Returns LASTCALL_OK, LASTCALL_E_MISSING, LASTCALL_E_PERMISSION,
 *         LASTCALL_E_CONFIG (error says file, line and mend),
 *         LASTCALL_E_NOMEM.  The first error ends the reading.
 */
LASTCALL_MUST_USE enum lastcall_status
config_read_file(const char *path, const struct config_key *keys,
                 size_t key_count, const struct config_target *target,
                 struct config_error *error);

/* As config_read_file(), from memory (tests, the fuzz target). */
LASTCALL_MUST_USE enum lastcall_status
config_read_text(const char *path, const char *text, size_t len,
                 const struct config_key *keys, size_t key_count,
                 const struct config_target *target,
                 struct config_error *error);

/*
 * Parse a value by a key's type into structure + offset, as the file reader
 * does; serves flags and environment too, whose relative paths are taken as
 * they are.
 *
 * Returns LASTCALL_OK, LASTCALL_E_CONFIG (error->text is a sentence without
 *         file and line), LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status config_set(const struct config_key *key,
                                                  void *structure,
                                                  const char *value,
                                                  struct config_error *error);

/* Ten thousand years: no time that is reckoned with them overflows. */
#define CONFIG_DURATION_MS_MAX (INT64_C(3652500) * 86400 * 1000)

/*
 * Read a duration such as "90" (seconds), "250ms", "2m", "24h", "7d".
 *
 *   ms  0 to CONFIG_DURATION_MS_MAX; 0 on any error
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX.
 */
LASTCALL_MUST_USE enum lastcall_status config_parse_duration(const char *text,
                                                             int64_t *ms);

#endif
