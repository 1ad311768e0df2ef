/*
 * The main() of fuzz targets that are built without libFuzzer: runs the
 * target over each file of the folders given.
 *
 *     fuzz_token [--fail-allocations [--but-not-jansson]] FOLDER...
 *
 * With --fail-allocations each file is run again and again with the n-th
 * allocation failing, n = 1, 2, ... until a run asks for fewer; needs
 * failing_alloc.c, which the sanitizers' builds leave out.
 *
 * With --but-not-jansson, jansson's own allocations succeed: 2.14 passes over
 * a failure to grow its text buffer, and when that falls on the closing quote
 * of a text it reads and writes beyond the buffer (a text of 14 characters,
 * such as "MediaContainer", is enough).
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "tests/fuzz/failing_alloc.h"

#define INPUT_BYTES_MAX (8u * 1024u * 1024u)
/* A run with more allocations than this does not end by itself. */
#define ALLOCATION_COUNT_MAX 1000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Weak, so that a build without failing_alloc.c links. */
#pragma weak failing_alloc_set
#pragma weak failing_alloc_has_failed

enum mode { MODE_PLAIN, MODE_FAIL_ALLOCATIONS };

/* jansson's own allocations: through here they are wrapped like ours. */
static void *json_malloc(size_t size)
{
    return malloc(size);
}

static int run_failing(const uint8_t *data, size_t size)
{
    for (size_t n = 1; n < ALLOCATION_COUNT_MAX; n++) {
        bool ended;

        failing_alloc_set(n);
        (void)LLVMFuzzerTestOneInput(data, size);
        ended = !failing_alloc_has_failed();
        failing_alloc_set(0);
        if (ended)
            return 0;
    }
    return -1;
}

static int run_data(const uint8_t *data, size_t size, enum mode mode)
{
    /* Once without failures, so that lazy set-up is not what fails. */
    (void)LLVMFuzzerTestOneInput(data, size);
    return mode == MODE_FAIL_ALLOCATIONS ? run_failing(data, size) : 0;
}

static int run_file(const char *path, enum mode mode)
{
    int result = -1;
    struct stat info;
    uint8_t *data = NULL;
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL || stat(path, &info) != 0 || info.st_size < 0 ||
        (uintmax_t)info.st_size > INPUT_BYTES_MAX)
        goto out;
    size = (size_t)info.st_size;
    /* Exactly as large as the input: the sanitizer sees one byte more. */
    data = malloc(size > 0 ? size : 1);
    if (data == NULL || fread(data, 1, size, file) != size)
        goto out;
    result = run_data(data, size, mode);
out:
    if (result != 0)
        (void)fprintf(stderr, "cannot replay %s\n", path);
    free(data);
    if (file != NULL)
        (void)fclose(file);
    return result;
}

/* Replay the files of a folder; the number of them, or -1. */
static int run_folder(const char *folder, enum mode mode)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int count = 0;

    if (dir == NULL)
        return -1;
    while (count >= 0 && (entry = readdir(dir)) != NULL) {
        char path[4096];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        count = run_file(path, mode) == 0 ? count + 1 : -1;
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    enum mode mode = MODE_PLAIN;
    int first = 1;

    if (argc > 1 && strcmp(argv[1], "--fail-allocations") == 0) {
        if (failing_alloc_set == NULL || failing_alloc_has_failed == NULL) {
            (void)fprintf(stderr, "built without failing allocations\n");
            return EXIT_FAILURE;
        }
        mode = MODE_FAIL_ALLOCATIONS;
        first = 2;
        if (argc > 2 && strcmp(argv[2], "--but-not-jansson") == 0)
            first = 3;
        else
            json_set_alloc_funcs(json_malloc, free);
    }
    if (first >= argc) {
        (void)fprintf(stderr,
                      "usage: %s [--fail-allocations "
                      "[--but-not-jansson]] FOLDER...\n",
                      argv[0]);
        return EXIT_FAILURE;
    }
    for (int i = first; i < argc; i++) {
        int count = run_folder(argv[i], mode);

        if (count <= 0) {
            (void)fprintf(stderr, "%s: nothing replayed\n", argv[i]);
            return EXIT_FAILURE;
        }
        (void)printf("%s: %d files\n", argv[i], count);
    }
    return EXIT_SUCCESS;
}
