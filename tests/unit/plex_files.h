/*
 * Recorded answers for the tests of the Plex backend: a file is read and
 * handed over as the answer it would have been.
 */
#ifndef LASTCALL_TESTS_UNIT_PLEX_FILES_H
#define LASTCALL_TESTS_UNIT_PLEX_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "protocol/io/platform.h"
#include "worker/plex_parse.h"

#define PLEX_FILE_BYTES_MAX ((size_t)1024 * 1024)

static const struct plex_source plex_files_source = {
    .server = "home", .uri = "http://127.0.0.1:32400"};

/* Read tests/<path>; fails the test when that cannot be done. */
static inline void plex_files_read(const char *path, struct bytes *out)
{
    char name[512];
    struct platform_error error = {0};

    (void)snprintf(name, sizeof(name), "%s/%s", TEST_SOURCE_DIR, path);
    if (platform_read_file(name, FILE_PUBLIC, PLEX_FILE_BYTES_MAX, out,
                           &error) != LASTCALL_OK)
        fail_msg("%s", error.text);
}

static inline struct plex_answer plex_files_answer(const void *data, size_t len)
{
    return (struct plex_answer){
        .data = data, .len = len, .content_type = "", .total = ""};
}

/* Parse a text as the answer of /status/sessions. */
static inline enum lastcall_status plex_files_parse(const void *data,
                                                    size_t len,
                                                    struct session_list *out,
                                                    struct json_error *error)
{
    struct plex_answer answer = plex_files_answer(data, len);

    return plex_parse_sessions(&answer, &plex_files_source, out, error);
}

/* Parse tests/fixtures/plex/<name>, which must be sound. */
static inline void plex_files_load(const char *name, struct session_list *out)
{
    char path[256];
    struct bytes body = {0};
    struct json_error error = {0};

    (void)snprintf(path, sizeof(path), "fixtures/plex/%s", name);
    plex_files_read(path, &body);
    if (plex_files_parse(body.data, body.len, out, &error) != LASTCALL_OK)
        fail_msg("%s: %s", name, error.text);
    bytes_deinit(&body);
}

#endif
