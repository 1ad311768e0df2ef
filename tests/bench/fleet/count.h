/*
 * How many Ed25519 operations a program makes: count.c stands before
 * libcrypto's two functions and hands each call on.  Linked into a program it
 * answers count_read(); as a library that is loaded beforehand (LD_PRELOAD) it
 * writes {"verified":N,"signed":N} to the file that COUNT_FILE names when the
 * program ends.
 */
#ifndef LASTCALL_BENCH_FLEET_COUNT_H
#define LASTCALL_BENCH_FLEET_COUNT_H

#include <stdint.h>

struct count {
    uint64_t verified;
    uint64_t signed_;
};

/* Since the program began. */
struct count count_read(void);

#endif
