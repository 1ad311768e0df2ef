/*
 * The faults by name: what each one does to an answer.
 */
#ifndef STANDIN_FAULT_APPLY_H
#define STANDIN_FAULT_APPLY_H

#include "tests/standin/fault.h"

/* The stage of a fault; FAULT_NONE when there is none of that name. */
enum fault_stage fault_stage_of(const char *name);

#endif
