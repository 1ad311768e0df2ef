/*
 * What WTSQuerySessionInformationW answers of a session: a block for each
 * class, laid out as Windows does it.
 * Source: learn.microsoft.com, WTS_INFO_CLASS.
 */
#ifndef LASTCALL_STANDIN_WTS_ANSWER_WIN32_H
#define LASTCALL_STANDIN_WTS_ANSWER_WIN32_H

#include <stddef.h>
#include <stdint.h>

#include "tests/standin/wts/rds.h"

struct answer {
    int class;    /* what is asked for */
    void *block;  /* owned; block_free(); NULL: none */
    size_t bytes; /* as the caller is told */
};

/*
 * Fill an answer, with the quirks of the scene: an act for rds_call().
 *
 *   context  a struct answer whose class is set
 *
 * Returns RDS_OK or the error that Windows gives.
 */
uint32_t answer_query(struct rds_scene *scene, void *context);

#endif
