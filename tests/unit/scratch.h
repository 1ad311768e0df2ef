/*
 * A folder for a test's files, and what a test does to a file's rights that
 * each system has its own words for.  scratch_posix.c, scratch_win32.c.
 */
#ifndef LASTCALL_TESTS_UNIT_SCRATCH_H
#define LASTCALL_TESTS_UNIT_SCRATCH_H

#include <stdbool.h>
#include <stdio.h>

/* Make a folder; the template's last six are X.  NULL: it could not be. */
char *scratch_make(char *template);

/* Let everybody read a file. */
bool scratch_share(const char *path);

/* Keep a file for its owner alone. */
bool scratch_hide(const char *path);

/* Whether a file is for its owner alone; the system is asked, not our code. */
bool scratch_is_private(const char *path);

/* A stream that takes nothing; NULL: it could not be. */
FILE *scratch_full(void);

/*
 * Whether what SQLite makes beside a private file is private as well: it
 * copies a mode.  An access list comes from the folder, which Wine does not do.
 */
extern const bool scratch_modes_are_copied;

/* How a command that mends a shared file begins. */
extern const char scratch_mend[];

#endif
