/*
 * The forms of an answer: one table of writers over one kind of record.  A
 * command hands over JSON records, the same for every form, and a layout that
 * says which members a person sees in which column.
 */
#ifndef LASTCALL_CONTROLLER_OUTPUT_H
#define LASTCALL_CONTROLLER_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "controller/exit_code.h"
#include "protocol/json_strict.h"
#include "protocol/status.h"

/* How a member is shown in a table; csv and json have it as it is. */
enum output_cell {
    CELL_TEXT,    /* as it is; null is "-" */
    CELL_LIST,    /* an array of texts, joined with commas */
    CELL_STATE,   /* a text with a colour: online, true, ok, ... */
    CELL_AGE,     /* RFC 3339, shown as time gone by */
    CELL_SECONDS, /* a number of seconds, shown as 5m10s */
    CELL_MS,      /* a number of milliseconds, shown as 12 ms */
    CELL_PERCENT, /* a number, shown as 42 % */
    CELL_SERVERS, /* an array of objects: their "name" and reachability */
    CELL_CLOCK,   /* RFC 3339, shown as the time of day here */
    CELL_USER,    /* a session: DOMAIN\user, or the username alone */
};

struct output_column {
    const char *title;
    /* The member; "a.b" for one within; beginning with '.' it is looked up in
     * the item of a block, and else in the record; "" is the record itself.
     * Of "a|b" the first that is not null. */
    const char *path;
    enum output_cell cell;
};

/* Rows of a table: one a record, or one for each item of an array in it. */
struct output_block {
    const char *items; /* the member with the array; NULL: the record itself */
    /* Only items whose member has not this value; NULL: all. */
    const char *unless_member;
    const char *unless_value;
    const struct output_column *columns;
    size_t column_count;
    const struct output_span *spans; /* one a column; NULL: none gives way */
};

/* How a column of a table gives way on a terminal that is too narrow. */
struct output_span {
    /* Columns of the terminal; less of them is of no use.  0: its texts are
     * never cut, as those that tell one row from another must not be.  What
     * the last column of a table that is whole has no room for goes on below
     * it. */
    size_t least;
    /* At least least.  For output_table_live, which knows no later row; any
     * other table wants what its longest text takes. */
    size_t wanted;
    /* Where not all find room, columns that say nothing in any row are left
     * out first; of two alike the one with 1 goes first, then that with 2 ...
     * 0: it stays, as the last column must. */
    unsigned leaves;
};

struct output_layout {
    const char *noun;    /* the member of json's document: "hosts" */
    const char *type;    /* ndjson's type of a record: "host" */
    const char *name;    /* the path that names shows */
    const char *name_if; /* names shows a record where this member is "true";
                            NULL: every record */
    const struct output_block *blocks; /* tables, one below the other */
    size_t block_count;                /* of output_table_live: one */
    struct output_block csv;
};

enum output_colour {
    OUTPUT_PLAIN,
    OUTPUT_COLOURED,
};

struct output;

/*
 * A form.  A record is gone when the call with it returns: what a form needs
 * of it later it keeps in the shape in which it will be written, since a fleet
 * has many records.
 */
struct output_writer {
    const char *name;
    void (*begin)(struct output *output, const json_t *head);
    void (*record)(struct output *output, const json_t *record);
    /*
     * Append what record() writes of the record with a number, counted from 0;
     * NULL where that depends on more than the record.
     *
     * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_TOO_LARGE.
     * Thread: any, several at once.
     */
    enum lastcall_status (*format)(const struct output_layout *layout,
                                   const json_t *record, size_t number,
                                   struct bytes *out);
    void (*end)(struct output *output, const json_t *summary,
                enum exit_code code);
    void (*close)(struct output *output); /* free state; may be NULL */
    bool is_live; /* a record is written as soon as it is there */
};

/* One answer being written. */
struct output {
    const struct output_writer *writer;
    const struct output_layout *layout;
    FILE *stream;
    enum output_colour colour;
    size_t width;   /* of the terminal; 0: there is none, nothing is cut */
    int64_t now_ms; /* for ages; since 1970 */
    size_t record_count;
    void *state;                 /* the writer's own, freed by its close */
    enum lastcall_status status; /* the first thing that went wrong */
    bool is_reader_gone;         /* who read the stream has closed it */
};

extern const struct output_writer *const output_writers[];
extern const size_t output_writer_count;

extern const struct output_writer output_table;
/* The same where rows come for hours: each one is written when it is there,
 * and no row moves the columns.  On a terminal no line of either is
 * wrapped: columns are made narrow or left out, and what is longer is cut.
 * Elsewhere everything is there, and a very long text moves the rest of its own
 * row. */
extern const struct output_writer output_table_live;
extern const struct output_writer output_json;
extern const struct output_writer output_ndjson;
extern const struct output_writer output_csv;
extern const struct output_writer output_names;

/* Find a writer by name; NULL when there is none. */
const struct output_writer *output_find(const char *name);

/*
 * Begin an answer.
 *
 *   head  what is known before any record; the reference is taken over, NULL
 *         (out of memory) is an error
 */
void output_begin(struct output *output, const struct output_writer *writer,
                  const struct output_layout *layout, FILE *stream,
                  json_t *head);

/* Hand a record over; the reference is taken, NULL is an error. */
void output_record(struct output *output, json_t *record);

/* Where many records come from. */
struct output_source {
    size_t count;
    /* Makes the record of an index, NULL: out of memory.  Called from several
     * threads at once. */
    json_t *(*record)(const void *context, size_t index);
    const void *context;
};

/* Hand all records of a source over, in order: as output_record() for each,
 * but their text is made on all cores where the form allows. */
void output_records(struct output *output, const struct output_source *source);

/*
 * Bring out what was written to a stream.
 *
 * Returns LASTCALL_OK, LASTCALL_E_CLOSED when it is a pipe that nobody reads
 * any more, LASTCALL_E_IO when that or anything before it could not be written.
 */
enum lastcall_status output_stream_flush(FILE *stream);

/*
 * For writers: bring out what was written; that it or anything before it could
 * not be written becomes the output's status.
 */
void output_flush(struct output *output);

/*
 * End an answer and free what it holds.
 *
 *   summary  the reference is taken over; NULL is an error
 *   code     becomes "exit"
 *
 * Returns LASTCALL_OK, LASTCALL_E_NOMEM, LASTCALL_E_IO.  Who reads from a pipe
 * and closes it has seen enough: that is no error.
 */
LASTCALL_MUST_USE enum lastcall_status
output_end(struct output *output, json_t *summary, enum exit_code code);

/*
 * Look a member up by a path such as "session.username"; borrowed, NULL when
 * it is not there.
 */
const json_t *output_member(const json_t *object, const char *path);

/*
 * Call a function for each row of a block: item is NULL when the block has no
 * items or the record's array is empty.
 */
void output_each_row(const struct output_block *block, const json_t *record,
                     void (*row)(void *context, const json_t *record,
                                 const json_t *item),
                     void *context);

/* The value of a column in a row; borrowed, NULL when it is not there. */
const json_t *output_cell_value(const struct output_column *column,
                                const json_t *record, const json_t *item);

#endif
