/*
 * Asking before sessions are touched.
 */
#ifndef LASTCALL_CONTROLLER_CONFIRM_H
#define LASTCALL_CONTROLLER_CONFIRM_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/action.h"

enum confirm_kind {
    CONFIRM_YES,    /* y or yes */
    CONFIRM_NUMBER, /* the number of sessions, typed out */
};

enum confirm_answer {
    CONFIRM_GO,
    CONFIRM_DECLINED, /* anything else, or the end of the input */
    CONFIRM_INTERRUPTED,
};

/* What is about to be done, and where. */
struct confirm_question {
    enum confirm_kind kind;
    enum action action;
    int64_t sessions;
    int64_t hosts;
};

/* Ask on standard error and read a line from standard input. */
enum confirm_answer confirm_ask(const struct confirm_question *question);

#define CONFIRM_SENTENCE_SIZE 240

/* Say a sentence, and ask whether to go on. */
enum confirm_answer confirm_ask_about(const char *sentence);

/* Say what is about to be done, in one sentence; pure, for its test. */
void confirm_sentence(const struct confirm_question *question,
                      char out[CONFIRM_SENTENCE_SIZE]);

/* Say whether a line consents; pure, for its test. */
bool confirm_is_consent(enum confirm_kind kind, int64_t sessions,
                        const char *line);

#endif
