/* The state file.  Each call reads it, as a test may write it at any time; it
 * is parsed when its text is another one than before. */
#include "tests/standin/wts/rds_private.h"

#include <stdlib.h>
#include <string.h>

#include "tests/standin/wts/world.h"

/* Guarded by world_lock(), as the file is. */
static struct {
    bool is_good;
    struct buffer text; /* the file's, when it was read or written last */
    struct state state; /* what it says */
    unsigned count;     /* of the texts so far */
} kept;

/* The state file is no good, which no test may overlook. */
static void log_fault(const char *text)
{
    struct buffer line = {0};

    buffer_format(&line, "{\"pid\":%lu,\"fault\":", (unsigned long)world_pid());
    buffer_json(&line, text);
    rds_line_end(&line);
}

void rds_forget(void)
{
    state_deinit(&kept.state);
    buffer_deinit(&kept.text);
    kept.is_good = false;
}

uint32_t rds_save(void)
{
    struct buffer text = {0};

    text.data = state_format(&kept.state, &text.len);
    if (text.data == NULL || !world_write_state(text.data, text.len)) {
        free(text.data);
        rds_forget();
        return RDS_INVALID_DATA;
    }
    buffer_deinit(&kept.text);
    kept.text = text;
    kept.state.is_relative = false; /* it was written absolute */
    kept.count++;
    return RDS_OK;
}

static bool is_kept(const struct buffer *text)
{
    return kept.is_good && text->len == kept.text.len &&
           (text->len == 0 ||
            memcmp(text->data, kept.text.data, text->len) == 0);
}

/* Take the file's text over, unless it is the one that is kept. */
static uint32_t take(struct buffer *text, int64_t now_ft)
{
    char why[STATE_ERROR_SIZE];

    if (is_kept(text)) {
        buffer_deinit(text);
        return RDS_OK;
    }
    rds_forget();
    kept.count++;
    if (!state_parse(text->len == 0 ? "" : text->data, text->len, now_ft,
                     &kept.state, why)) {
        log_fault(why);
        buffer_deinit(text);
        return RDS_INVALID_DATA;
    }
    kept.text = *text;
    kept.is_good = true;
    return RDS_OK;
}

uint32_t rds_borrow(struct state **out)
{
    struct buffer text = {0};
    int64_t now_ft = world_now_ft();
    uint32_t error = RDS_OK;

    *out = &kept.state;
    if (!world_read_state(&text)) {
        log_fault("there is no state file");
        buffer_deinit(&text);
        return RDS_INVALID_DATA;
    }
    error = take(&text, now_ft);
    if (error == RDS_OK &&
        (state_remove_ended(&kept.state, now_ft) || kept.state.is_relative))
        error = rds_save();
    return error;
}

uint32_t rds_load(struct state *out, unsigned *count)
{
    char why[STATE_ERROR_SIZE];
    struct state *state = NULL;
    unsigned before = *count;
    uint32_t error = RDS_OK;

    *out = (struct state){0};
    world_lock();
    error = rds_borrow(&state);
    *count = kept.count;
    if (error == RDS_OK && kept.count != before &&
        !state_parse(kept.text.data == NULL ? "" : kept.text.data,
                     kept.text.len, world_now_ft(), out, why))
        error = RDS_INVALID_DATA;
    world_unlock();
    return error;
}
