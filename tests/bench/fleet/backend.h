/*
 * A server that is none: its sessions are there at once and end at once.
 *
 * A session that was ended is missing from the lists until
 * backend_sim_refill() puts another in its place, as a viewer who comes
 * later, so that every round of a benchmark finds the same number.
 */
#ifndef LASTCALL_BENCH_FLEET_BACKEND_H
#define LASTCALL_BENCH_FLEET_BACKEND_H

#include "worker/session_backend.h"

/* On each server; half of them belong to BACKEND_SIM_USER. */
#define BACKEND_SIM_SESSION_COUNT 4
#define BACKEND_SIM_USER "guest"

extern const struct session_backend_ops backend_sim_ops;

/* Fill the free places of every server of this process; each tells its worker
 * that something changed. */
void backend_sim_refill(void);

#endif
