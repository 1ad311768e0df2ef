#include "controller/confirm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/wake.h"

#define LINE_SIZE 64

bool confirm_is_consent(enum confirm_kind kind, int64_t sessions,
                        const char *line)
{
    char typed[LINE_SIZE];
    char number[LINE_SIZE];
    size_t skip = strspn(line, " \t");
    size_t len = strcspn(line + skip, " \t\r\n");

    /* Words behind the first are no consent: "3 no". */
    if (line[skip + len + strspn(line + skip + len, " \t\r\n")] != '\0' ||
        len == 0 || len >= sizeof typed)
        return false;
    memcpy(typed, line + skip, len);
    typed[len] = '\0';
    if (kind == CONFIRM_YES)
        return strcmp(typed, "y") == 0 || strcmp(typed, "Y") == 0 ||
               strcmp(typed, "yes") == 0;
    snprintf(number, sizeof number, "%" PRId64, sessions);
    return strcmp(typed, number) == 0;
}

enum confirm_answer confirm_ask(enum confirm_kind kind, int64_t sessions,
                                int64_t hosts)
{
    char line[LINE_SIZE] = "";

    fprintf(stderr, "This ends %" PRId64 " session%s on %" PRId64 " host%s.\n",
            sessions, sessions == 1 ? "" : "s", hosts, hosts == 1 ? "" : "s");
    if (kind == CONFIRM_YES)
        fputs("Go on? [y/N] ", stderr);
    else
        fprintf(stderr, "Type %" PRId64 " to go on: ", sessions);
    fflush(stderr);
    if (wake_wait_input() == WAKE_INTERRUPTED) {
        fputc('\n', stderr);
        return CONFIRM_INTERRUPTED;
    }
    if (fgets(line, sizeof line, stdin) == NULL)
        return CONFIRM_DECLINED;
    return confirm_is_consent(kind, sessions, line) ? CONFIRM_GO
                                                    : CONFIRM_DECLINED;
}
