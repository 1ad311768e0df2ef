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

/* What an action does to sessions, and what its users should know of it. */
static const struct wording {
    const char *verb;
    const char *warning;
} wordings[ACTION_COUNT] = {
    [ACTION_STOP] = {"ends", ""},
    [ACTION_DISCONNECT] = {"disconnects", "; the users stay logged on"},
    [ACTION_LOGOFF] = {"logs off", "; unsaved work is lost"},
    [ACTION_MESSAGE] = {"shows the message in", ""},
    [ACTION_END] = {"ends", ""},
};

void confirm_sentence(const struct confirm_question *question,
                      char out[CONFIRM_SENTENCE_SIZE])
{
    const struct wording *wording = &wordings[question->action];

    snprintf(out, CONFIRM_SENTENCE_SIZE,
             "This %s %" PRId64 " session%s on %" PRId64 " host%s%s.",
             wording->verb, question->sessions,
             question->sessions == 1 ? "" : "s", question->hosts,
             question->hosts == 1 ? "" : "s", wording->warning);
}

/* Read a line that consents, or not. */
static enum confirm_answer read_answer(enum confirm_kind kind, int64_t sessions)
{
    char line[LINE_SIZE] = "";

    fflush(stderr);
    if (wake_wait_input() == WAKE_INTERRUPTED) {
        fputc('\n', stderr);
        return CONFIRM_INTERRUPTED;
    }
    if (fgets(line, sizeof line, stdin) == NULL)
        return wake_is_interrupted() ? CONFIRM_INTERRUPTED : CONFIRM_DECLINED;
    return confirm_is_consent(kind, sessions, line) ? CONFIRM_GO
                                                    : CONFIRM_DECLINED;
}

enum confirm_answer confirm_ask_about(const char *sentence)
{
    fprintf(stderr, "%s\nGo on? [y/N] ", sentence);
    return read_answer(CONFIRM_YES, 0);
}

enum confirm_answer confirm_ask(const struct confirm_question *question)
{
    char sentence[CONFIRM_SENTENCE_SIZE];

    confirm_sentence(question, sentence);
    if (question->kind == CONFIRM_YES)
        return confirm_ask_about(sentence);
    fprintf(stderr, "%s\nType %" PRId64 " to go on: ", sentence,
            question->sessions);
    return read_answer(question->kind, question->sessions);
}
