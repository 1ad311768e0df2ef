/*
 * What the commands that ask the fleet have in common: reading the flags of
 * time and form, beginning an answer, showing a campaign.
 */
#ifndef LASTCALL_CONTROLLER_PRESENT_H
#define LASTCALL_CONTROLLER_PRESENT_H

#include "controller/campaign.h"
#include "controller/dispatch.h"
#include "controller/options.h"
#include "controller/output.h"

/* The flags of time and form.  */
struct present {
    const char *command;
    const struct output_writer *writer;
    int64_t timeout_ms;
    int64_t ttl_ms;
    enum dispatch_splay splay;
    int64_t splay_s;  /* with DISPATCH_SPLAY_SET; for the request */
    int64_t began_ms; /* steady clock */
};

/*
 * Read -o, --timeout, --ttl and --splay.  What is wrong is said on standard
 * error.
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX.
 */
LASTCALL_MUST_USE enum lastcall_status
present_read(const struct options *options, struct present *out);

/* Begin an answer on standard output, or for a person on standard error. */
void present_begin(const struct present *present,
                   const struct output_layout *layout,
                   enum output_colour colour, FILE *stream, struct output *out);

/* End an answer; a failure to write turns the code into EXIT_CODE_BROKER. */
enum exit_code present_end(struct output *output, json_t *summary,
                           enum exit_code code);

/* Colours for standard output, when a table goes to a terminal. */
enum output_colour present_colour(void);

/* Say on standard error how a campaign went, in one line. */
void present_say_campaign(const struct present *present,
                          const struct campaign *campaign);

#endif
