/*
 * What can be set about the stand-in while it runs.
 *
 * The defaults are a JSON object, which is the table of names and types at
 * the same time.  The caller holds the stand-in's lock.
 */
#ifndef STANDIN_OPTIONS_H
#define STANDIN_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>

struct options {
    json_t *values; /* owned */
};

/* Set the defaults. */
void options_init(struct options *options);

/* Free what it holds. */
void options_deinit(struct options *options);

/*
 * Change some; all or none are taken.
 *
 * Returns NULL, or the name of the option that is unknown or of another type
 * (borrowed from change).
 */
const char *options_change(struct options *options, const json_t *change);

/* A boolean option. */
bool options_bool(const struct options *options, const char *name);

/* A number option. */
json_int_t options_number(const struct options *options, const char *name);

/* A word option; borrowed from options. */
const char *options_word(const struct options *options, const char *name);

/* Whether a word option has this value. */
bool options_is(const struct options *options, const char *name,
                const char *value);

#endif
