/*
 * The parts of lastcall jobs: what cmd_jobs.c finds is handed to them.
 */
#ifndef LASTCALL_CONTROLLER_CMD_JOBS_H
#define LASTCALL_CONTROLLER_CMD_JOBS_H

#include "controller/fleet.h"
#include "controller/jobs.h"
#include "controller/present.h"

/* One run of the command.  {0} is empty. */
struct jobs_command {
    const struct options *options; /* borrowed */
    struct present present;
    struct jobs jobs;
    struct job job; /* the one that is named */
};

/* Show the hosts of the job and its figures. */
enum exit_code jobs_show(struct jobs_command *command, enum exit_code code);

enum exit_code jobs_retry(struct jobs_command *command);
enum exit_code jobs_wait(struct jobs_command *command);

/*
 * Say when a job is not of the fleet and controller that we are now.
 *
 * Returns EXIT_CODE_OK, EXIT_CODE_USAGE.
 */
enum exit_code jobs_check_owner(const struct job *job,
                                const struct fleet *fleet);

#endif
