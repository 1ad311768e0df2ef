/*
 * The command line of lastcall-worker.
 */
#ifndef LASTCALL_WORKER_ARGUMENTS_H
#define LASTCALL_WORKER_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/io/log.h"

/* The exit status of a command line that is wrong. */
#define EXIT_USAGE 2
#define ARGUMENTS_PATH_SIZE 1024

enum mode {
    MODE_RUN,
    MODE_CHECK,
    MODE_HISTORY,
    MODE_INSTALL,   /* service install */
    MODE_UNINSTALL, /* service uninstall */
    MODE_MANAGED,   /* --service: the Windows service manager started us */
};

/* The texts are argv's, or stand in this structure: it is not copied. */
struct arguments {
    enum mode mode;
    const char *config;
    enum log_level level;
    const char *level_text; /* NULL: not given */
    int64_t history_count;  /* 0: all */
    bool verify;
    const char *name; /* of the service; NULL: the usual one */
    char default_config[ARGUMENTS_PATH_SIZE];
};

/*
 * Read the command line; --help, --version and what is wrong are answered
 * here.
 *
 *   out  filled where the program is to go on
 *
 * Returns below 0 to go on, else the status to exit with.
 * Thread: once in a process: getopt_long(3) keeps its place.
 */
int arguments_parse(int argc, char **argv, struct arguments *out);

#endif
