/*
 * A machine with sessions for a test: a state file, the log of the calls that
 * were made, and the filling of wts_api.h that is under test.  On Linux that
 * is the double; on Windows wts_api_win32.c over the stand-in's DLL.
 * Format of both files: tests/standin/wts/README.md.
 */
#ifndef LASTCALL_TESTS_UNIT_WTS_STAGE_H
#define LASTCALL_TESTS_UNIT_WTS_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/wts_api.h"

#define STAGE_PATH_SIZE 512
#define STAGE_WAIT_MS 10000

/* For cmocka, around each test.  The end checks that nothing is left: no
 * block of Windows', no wrong free, no fault of the state file. */
int stage_setup(void **state);
int stage_teardown(void **state);

const struct wts_api_ops *stage_api(void);

/* Replace the state file, and forget the log. */
void stage_write(const char *text);
/* Replace the state file alone, as from another process. */
void stage_change(const char *text);
/* Let the state file be; forget the log. */
void stage_forget(void);

/* How many of the log's lines hold a text. */
unsigned stage_count(const char *part);
/* Wait until the log has a line with a text. */
void stage_await(const char *part);

/* The stand-in said that the state file is no good, as the test wanted. */
void stage_expect_fault(void);

/*
 * Setup and teardown with a server opened on this machine: 0 services, 2
 * alice at work from a client, 65536 a listener.
 */
int stage_server_setup(void **state);
int stage_server_teardown(void **state);
extern void *stage_server;
/* That machine, and more lines. */
void stage_write_more(const char *lines);

/* ---- what differs between systems; for wts_stage.c ---- */

void stage_make_folder(char path[STAGE_PATH_SIZE]);
void stage_remove_folder(const char *path);
void stage_set_variable(const char *name, const char *value);
/* Blocks that were not freed, and frees that were wrong; 0 where memory is
 * watched by a sanitizer. */
unsigned stage_leaks(void);

#endif
