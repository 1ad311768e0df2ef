#include "tests/unit/wts_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/standin/wts/world.h"

#define POLL_MS 5

static char folder[STAGE_PATH_SIZE];
static char state_path[STAGE_PATH_SIZE + 16];
static char log_path[STAGE_PATH_SIZE + 16];
static bool is_fault_expected;

int stage_setup(void **state)
{
    (void)state;
    stage_make_folder(folder);
    snprintf(state_path, sizeof(state_path), "%s/state.txt", folder);
    snprintf(log_path, sizeof(log_path), "%s/log.jsonl", folder);
    stage_set_variable("WTS_STANDIN_STATE", state_path);
    stage_set_variable("WTS_STANDIN_LOG", log_path);
    is_fault_expected = false;
    return 0;
}

int stage_teardown(void **state)
{
    char lock_path[STAGE_PATH_SIZE + 24];
    unsigned faults = stage_count("\"fault\"");

    (void)state;
    assert_int_equal(stage_leaks(), 0);
    if (is_fault_expected)
        assert_true(faults > 0);
    else
        assert_int_equal(faults, 0);
    snprintf(lock_path, sizeof(lock_path), "%s.lock", state_path);
    remove(state_path);
    remove(lock_path);
    remove(log_path);
    stage_remove_folder(folder);
    return 0;
}

void stage_change(const char *text)
{
    world_lock();
    assert_true(world_write_state(text, strlen(text)));
    world_unlock();
}

void stage_forget(void)
{
    remove(log_path);
}

void stage_write(const char *text)
{
    stage_change(text);
    stage_forget();
}

/* The log's text, which the caller frees; NULL: there is none yet. */
static char *read_log(void)
{
    struct buffer text = {0};
    char part[4096];
    size_t got;
    FILE *file = fopen(log_path, "rb");

    if (file == NULL)
        return NULL;
    while ((got = fread(part, 1, sizeof(part), file)) > 0)
        buffer_add(&text, part, got);
    fclose(file);
    return text.data;
}

unsigned stage_count(const char *part)
{
    char *text = read_log();
    unsigned count = 0;

    for (char *line = text; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');

        if (end != NULL)
            *end = '\0';
        if (strstr(line, part) != NULL)
            count++;
        line = end == NULL ? NULL : end + 1;
    }
    free(text);
    return count;
}

void stage_await(const char *part)
{
    int64_t until_ms = world_monotonic_ms() + STAGE_WAIT_MS;

    while (stage_count(part) == 0) {
        assert_true(world_monotonic_ms() < until_ms);
        world_sleep_ms(POLL_MS);
    }
}

void stage_expect_fault(void)
{
    is_fault_expected = true;
}

/* ---- a server on it ---- */

static const char ordinary[] =
    "# services, somebody at work, a listener\n"
    "session\tid=0\tstate=disconnected\tname=Services\n"
    "session\tid=2\tstate=active\tname=RDP-Tcp#0\tuser=alice\tdomain=CORP"
    "\tclient=LAPTOP7\taddr=10.1.2.3\tdir=C:\\\\Windows\tproto=2\tbuild=19041"
    "\twidth=1920\theight=1080\tdepth=32\tlocked=1\tidle_s=300"
    "\tlogon_age_s=7200\tconnect_age_s=7100\n"
    "session\tid=65536\tstate=listen\tname=RDP-Tcp\n";

void *stage_server;

int stage_server_setup(void **state)
{
    int result = stage_setup(state);

    stage_write(ordinary);
    assert_int_equal(stage_api()->open(NULL, &stage_server), WTS_ERROR_NONE);
    return result;
}

int stage_server_teardown(void **state)
{
    stage_api()->close(stage_server);
    return stage_teardown(state);
}

void stage_write_more(const char *lines)
{
    char text[2048];

    snprintf(text, sizeof(text), "%s%s\n", ordinary, lines);
    stage_write(text);
}
