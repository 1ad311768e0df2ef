#include "tests/unit/standin_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARG_COUNT_MAX 32
#define CALL_TIMEOUT_S 20L
#define ANSWER_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define FILE_PATH_SIZE 512

static void run(int in, int out, const char *const *args)
{
    const char *all[ARG_COUNT_MAX] = {
        PLEX_STANDIN, "--exit-on-eof", "--lifetime",     "120",
        "--token",    STANDIN_TOKEN,   "--shared-token", STANDIN_SHARED_TOKEN};
    size_t count = 8;

    while (args != NULL && *args != NULL && count + 1 < ARG_COUNT_MAX)
        all[count++] = *args++;
    all[count] = NULL;
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(126);
    /* execv() takes char *const[] for history's sake and changes nothing. */
    (void)execv(PLEX_STANDIN, (char *const *)(uintptr_t)all);
    _exit(127);
}

void standin_start(struct standin_process *standin, const char *const *args)
{
    int in[2];
    int out[2];
    FILE *ready = NULL;
    char line[128] = "";

    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    /* Ours must not live on in it, or it would not see the end of stdin. */
    assert_int_not_equal(fcntl(in[1], F_SETFD, FD_CLOEXEC), -1);
    assert_int_not_equal(fcntl(out[0], F_SETFD, FD_CLOEXEC), -1);
    standin->pid = fork();
    assert_int_not_equal(standin->pid, -1);
    if (standin->pid == 0)
        run(in[0], out[1], args);
    (void)close(in[0]);
    (void)close(out[1]);
    standin->stdin_fd = in[1];
    ready = fdopen(out[0], "r");
    assert_non_null(ready);
    assert_non_null(fgets(line, sizeof(line), ready));
    (void)fclose(ready);
    assert_int_equal(sscanf(line, "ready plex=%d control=%d",
                            &standin->plex_port, &standin->control_port),
                     2);
}

void standin_stop(struct standin_process *standin)
{
    int status = 0;

    (void)close(standin->stdin_fd);
    (void)kill(standin->pid, SIGTERM);
    assert_int_equal(waitpid(standin->pid, &status, 0), standin->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static size_t on_answer(char *data, size_t size, size_t count, void *userdata)
{
    return bytes_append(userdata, data, size * count) == LASTCALL_OK
               ? size * count
               : 0;
}

json_t *standin_call(const struct standin_process *standin, const char *method,
                     const char *path, const char *body)
{
    char url[256];
    struct bytes answer;
    struct json_error error;
    json_t *json = NULL;
    long status = 0;
    CURL *curl = curl_easy_init();

    assert_non_null(curl);
    bytes_init(&answer, ANSWER_BYTES_MAX);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s",
                   standin->control_port, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, CALL_TIMEOUT_S);
    if (body != NULL)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (status != 200)
        fail_msg("%s %s: %ld %s", method, path, status,
                 answer.data == NULL ? "" : (const char *)answer.data);
    assert_int_equal(json_parse_lenient(answer.data, answer.len, &json, &error),
                     LASTCALL_OK);
    bytes_deinit(&answer);
    return json;
}

void standin_tell(const struct standin_process *standin, const char *method,
                  const char *path, const char *body)
{
    json_decref(standin_call(standin, method, path, body));
}

void standin_load(const struct standin_process *standin, const char *name)
{
    char path[FILE_PATH_SIZE];
    json_error_t error;
    json_t *sample = NULL;
    char *text = NULL;

    (void)snprintf(path, sizeof(path), "%s/fixtures/plex/%s", TEST_SOURCE_DIR,
                   name);
    sample = json_load_file(path, 0, &error);
    assert_non_null(sample);
    text = json_dumps(sample, 0);
    standin_tell(standin, "DELETE", "/sessions", NULL);
    standin_tell(standin, "POST", "/sessions", text);
    free(text);
    json_decref(sample);
}

int64_t standin_count(const struct standin_process *standin,
                      const char *counter)
{
    json_t *counters = standin_call(standin, "GET", "/counters", NULL);
    const json_t *value = json_object_get(counters, counter);
    int64_t count = json_integer_value(value);

    assert_true(json_is_integer(value));
    json_decref(counters);
    return count;
}

void standin_reset(const struct standin_process *standin)
{
    standin_tell(standin, "DELETE", "/faults", NULL);
    standin_tell(standin, "POST", "/lifecycle", "{\"state\":\"up\"}");
    standin_tell(standin, "DELETE", "/sessions", NULL);
    standin_tell(standin, "DELETE", "/log", NULL);
}
