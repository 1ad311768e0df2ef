/*
 * The subcommands of lastcall.  Each is one function that reads its flags,
 * does its work and says how it went.
 */
#ifndef LASTCALL_CONTROLLER_COMMAND_H
#define LASTCALL_CONTROLLER_COMMAND_H

#include "controller/exit_code.h"
#include "controller/options.h"

enum exit_code cmd_key(const struct options *options);
enum exit_code cmd_grant(const struct options *options);
enum exit_code cmd_enroll(const struct options *options);
enum exit_code cmd_revoke(const struct options *options);
enum exit_code cmd_hosts(const struct options *options);
enum exit_code cmd_sessions(const struct options *options);
/* stop, disconnect, logoff, message, end: options->command says which. */
enum exit_code cmd_end(const struct options *options);
enum exit_code cmd_ping(const struct options *options);
enum exit_code cmd_watch(const struct options *options);
/* jobs, jobs show, jobs retry, jobs wait */
enum exit_code cmd_jobs(const struct options *options);
enum exit_code cmd_maintenance(const struct options *options);
/* in the foreground until interrupted */
enum exit_code cmd_bridge(const struct options *options);
enum exit_code cmd_verify(const struct options *options);
enum exit_code cmd_completion(const struct options *options);

#endif
