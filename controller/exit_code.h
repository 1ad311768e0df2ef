/*
 * The exit statuses of lastcall: a contract with scripts (lastcall(1), EXIT
 * STATUS).  Where several apply, the order of precedence is 130, 7, 6, 3, 1,
 * 4; campaign_exit_code() holds it.
 */
#ifndef LASTCALL_CONTROLLER_EXIT_CODE_H
#define LASTCALL_CONTROLLER_EXIT_CODE_H

enum exit_code {
    EXIT_CODE_OK = 0,            /* every targeted host answered true */
    EXIT_CODE_BROKER = 1,        /* broker unreachable, or internal error */
    EXIT_CODE_USAGE = 2,         /* usage or configuration; nothing sent */
    EXIT_CODE_FALSE = 3,         /* a host answered false */
    EXIT_CODE_SILENT = 4,        /* a host was silent or offline */
    EXIT_CODE_UNCONFIRMED = 5,   /* not confirmed; nothing was sent */
    EXIT_CODE_REFUSED = 6,       /* refused before acting, bad signature */
    EXIT_CODE_STOPPED = 7,       /* by --expect, --canary or --max-fail */
    EXIT_CODE_INTERRUPTED = 130, /* SIGINT or SIGTERM; what came is shown */
};

#endif
