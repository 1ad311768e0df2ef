/* TARGET and SELECT: which hosts, which sessions, and how it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/select.h"

#define WORD_MAX 16

/* A command line of words, NULL-terminated. */
static void parse(enum command_id command, const char *const *words,
                  struct options *out)
{
    static char buffers[WORD_MAX][600];
    static char *argv[WORD_MAX];
    int argc = 0;

    for (; words[argc] != NULL; argc++) {
        snprintf(buffers[argc], sizeof buffers[argc], "%s", words[argc]);
        argv[argc] = buffers[argc];
    }
    assert_int_equal(options_parse(command, argc, argv, out), LASTCALL_OK);
}

static enum lastcall_status select_for(enum command_id command,
                                       const char *const *words,
                                       enum target_kind target,
                                       struct selection *out, char *error)
{
    struct options options;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    error[0] = '\0';
    parse(command, words, &options);
    status = selection_parse(&options, SELECT_ONE, target, out, error);
    options_deinit(&options);
    return status;
}

static enum lastcall_status select_words(const char *const *words,
                                         enum target_kind target,
                                         struct selection *out, char *error)
{
    return select_for(COMMAND_STOP, words, target, out, error);
}

/* Say whether a verb with --every, or --state disconnected, would touch a
 * session of this user (NULL: nobody's) that can be ended or not. */
static bool reaches(enum command_id command, const char *const *words,
                    const char *user, int endable)
{
    struct selection selection;
    struct session session = {0};
    char error[SELECT_ERROR_SIZE];
    bool matches = false;

    if (select_for(command, words, TARGET_ALL, &selection, error) !=
        LASTCALL_OK)
        fail_msg("%s", error);
    assert_int_equal(session_set_text(&session, SESSION_ID, "0"), LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_STATE, "disconnected"),
                     LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_USERNAME, user),
                     LASTCALL_OK);
    session_set_bool(&session, SESSION_ENDABLE, endable);
    matches = filter_match(&selection.filter, &session);
    session_deinit(&session);
    selection_deinit(&selection);
    return matches;
}

/* Services and listeners are listed on every Windows machine; a logon screen
 * can be disconnected, and what is somebody's is never passed over unsaid. */
static void test_what_is_nobodys_is_passed_over_on_windows(void **state)
{
    static const enum command_id windows[] = {
        COMMAND_DISCONNECT, COMMAND_LOGOFF, COMMAND_MESSAGE, COMMAND_END};
    static const char *const by_state[] = {"--state", "disconnected", "text",
                                           NULL};
    static const char *const every[] = {"--every", "text", NULL};
    static const char *const or_else[] = {
        "--where", "endable or session_id == '0'", "text", NULL};
    static const char *const *const selections[] = {by_state, every, or_else};

    (void)state;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        for (size_t k = 0; k < sizeof selections / sizeof selections[0]; k++) {
            const char *words[WORD_MAX] = {selections[k][0], selections[k][1],
                                           selections[k][2]};

            /* Only a message takes a text. */
            for (size_t w = 0; w < 3; w++)
                if (windows[i] != COMMAND_MESSAGE && words[w] != NULL &&
                    strcmp(words[w], "text") == 0)
                    words[w] = NULL;
            assert_false(reaches(windows[i], words, NULL, 0));
            assert_true(reaches(windows[i], words, NULL, 1));
            assert_true(reaches(windows[i], words, "jdoe", 0));
            assert_true(reaches(windows[i], words, "jdoe", 1));
        }
    }
    const char *const stop[] = {"--every", NULL};
    assert_true(reaches(COMMAND_STOP, stop, NULL, 0));
}

static void test_shorthands_become_the_language(void **state)
{
    static const struct {
        const char *words[WORD_MAX];
        const char *where;
    } cases[] = {
        {{"--user", "jdoe"}, "username ~ 'jdoe'"},
        {{"--user", "CORP\\o'brien"},
         "(username ~ 'CORP\\\\o\\'brien' or domain ~ 'CORP' and "
         "username ~ 'o\\'brien')"},
        {{"--user", "\\x"}, "username ~ '\\\\x'"},
        {{"--user", "x\\"}, "username ~ 'x\\\\'"},
        {{"--player", "Lounge*"}, "client_name ~ 'Lounge*'"},
        {{"--client", "10.0.*"},
         "(client_name ~ '10.0.*' or client_address ~ '10.0.*')"},
        {{"--remote"}, "is_local == false"},
        {{"--local"}, "is_local == true"},
        {{"--state", "paused"}, "state ~ 'paused'"},
        {{"--idle", "30m"}, "idle_s >= 1800"},
        {{"--paused", "20m"}, "paused_s >= 1200"},
        {{"--title", "*news*"},
         "(media_title ~ '*news*' or show_title ~ '*news*')"},
        {{"--server", "home"}, "server == 'home'"},
        {{"--backend", "plex"}, "backend == 'plex'"},
        {{"--every"}, "session_id != null"},
        {{"--where", "idle_s > 1h or not endable", "--user", "x", "--local"},
         "(idle_s > 1h or not endable) and username ~ 'x' and "
         "is_local == true"},
        {{"--where", "endable", "--where", "is_local"},
         "(endable) and (is_local)"},
        {{"--every", "--server", "home"}, "server == 'home'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct selection selection;
        char error[SELECT_ERROR_SIZE];

        if (select_words(cases[i].words, TARGET_ALL, &selection, error) !=
            LASTCALL_OK)
            fail_msg("%s: %s", cases[i].where, error);
        assert_string_equal(selection.where, cases[i].where);
        assert_null(selection.session_id);
        assert_string_equal(selection.server.text, "");
        selection_deinit(&selection);
    }
}

/* What is quoted must match itself and nothing else. */
static void test_quoting_survives_the_parser(void **state)
{
    static const char *const names[] = {
        "plain",
        "it's",
        "back\\slash",
        "\"double\"",
        "' or endable or '",
        "\\' or true",
        "emoji ☕",
        "a\\",
        "%s%n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *const words[] = {"--state", names[i], NULL};
        struct selection selection;
        struct session same = {0};
        struct session other = {0};
        char error[SELECT_ERROR_SIZE];

        assert_int_equal(select_words(words, TARGET_ALL, &selection, error),
                         LASTCALL_OK);
        assert_int_equal(session_set_text(&same, SESSION_STATE, names[i]),
                         LASTCALL_OK);
        assert_int_equal(session_set_text(&other, SESSION_STATE, "other"),
                         LASTCALL_OK);
        session_set_bool(&other, SESSION_ENDABLE, 1);
        assert_true(filter_match(&selection.filter, &same));
        assert_false(filter_match(&selection.filter, &other));
        session_deinit(&same);
        session_deinit(&other);
        selection_deinit(&selection);
    }
}

static void test_every_matches_every_session(void **state)
{
    const char *const words[] = {"--every", NULL};
    struct selection selection;
    struct session session = {0};
    char error[SELECT_ERROR_SIZE];

    (void)state;
    assert_int_equal(select_words(words, TARGET_ALL, &selection, error),
                     LASTCALL_OK);
    assert_int_equal(session_set_text(&session, SESSION_ID, "s1"), LASTCALL_OK);
    assert_true(filter_match(&selection.filter, &session));
    session_deinit(&session);
    selection_deinit(&selection);
}

/* For hosts named one by one no other server is asked. */
static void test_server_narrows_for_named_hosts(void **state)
{
    const char *const filter[] = {"--server", "home", "--backend", "plex",
                                  "--user",   "x",    NULL};
    const char *const session[] = {"--session", "s1", "--server", "home", NULL};
    struct selection selection;
    char error[SELECT_ERROR_SIZE];

    (void)state;
    assert_int_equal(select_words(filter, TARGET_HOSTS, &selection, error),
                     LASTCALL_OK);
    assert_string_equal(selection.server.text, "home");
    assert_int_equal(selection.backends, BACKEND_BIT(BACKEND_PLEX));
    assert_string_equal(selection.where, "username ~ 'x'");
    selection_deinit(&selection);
    assert_int_equal(select_words(session, TARGET_ALL, &selection, error),
                     LASTCALL_OK);
    assert_string_equal(selection.server.text, "home");
    assert_string_equal(selection.session_id, "s1");
    assert_null(selection.where);
    selection_deinit(&selection);
}

static void test_selections_that_are_refused(void **state)
{
    static const struct {
        const char *words[WORD_MAX];
        const char *says;
    } cases[] = {
        {{NULL}, "which sessions"},
        {{"--session", "a", "--every"}, "exclude"},
        {{"--session", "a", "--user", "b"}, "exclude"},
        {{"--every", "--user", "b"}, "exclude"},
        {{"--session", ""}, "empty"},
        {{"--local", "--remote"}, "exclude"},
        {{"--idle", "soon"}, "--idle: \"soon\""},
        {{"--paused", "late"}, "--paused: \"late\""},
        {{"--where", "nosuch == 1"}, "character 1"},
        {{"--where", "endable and ("}, "character"},
        {{"--where", "endable) or (endable"}, "character"},
        {{"--where", ""}, "character"},
        {{"--server", "No Name"}, "--server"},
        {{"--backend", "vnc"}, "--backend"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct selection selection;
        char error[SELECT_ERROR_SIZE];

        assert_int_equal(
            select_words(cases[i].words, TARGET_ALL, &selection, error),
            LASTCALL_E_SYNTAX);
        if (strstr(error, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error, cases[i].says);
        selection_deinit(&selection);
    }
}

static enum lastcall_status target_words(const char *const *words,
                                         struct target *out, char *error)
{
    struct options options;
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    error[0] = '\0';
    parse(COMMAND_HOSTS, words, &options);
    status = target_parse(&options, out, error);
    options_deinit(&options);
    return status;
}

static void test_targets(void **state)
{
    const char *const none[] = {NULL};
    const char *const all[] = {"--all", NULL};
    const char *const hosts[] = {"--host", "a,web-*", "--host", "b", NULL};
    const char *const group[] = {"--group", "lobby", NULL};
    const struct name web = {"web-7"};
    const struct name other = {"db-1"};
    const struct name lobby = {"lobby"};
    struct target target;
    char error[SELECT_ERROR_SIZE];

    (void)state;
    assert_int_equal(target_words(none, &target, error), LASTCALL_OK);
    assert_int_equal(target.kind, TARGET_NONE);
    assert_true(target_includes(&target, &other, NULL, 0));
    target_deinit(&target);
    assert_int_equal(target_words(all, &target, error), LASTCALL_OK);
    assert_int_equal(target.kind, TARGET_ALL);
    target_deinit(&target);
    assert_int_equal(target_words(hosts, &target, error), LASTCALL_OK);
    assert_int_equal(target.entry_count, 3);
    assert_true(target_is_pattern(target.entries[1]));
    assert_true(target_includes(&target, &web, NULL, 0));
    assert_false(target_includes(&target, &other, NULL, 0));
    target_deinit(&target);
    assert_int_equal(target_words(group, &target, error), LASTCALL_OK);
    assert_true(target_includes(&target, &other, &lobby, 1));
    assert_false(target_includes(&target, &other, &web, 1));
    assert_false(target_includes(&target, &other, NULL, 0));
    target_deinit(&target);
}

static void test_targets_that_are_refused(void **state)
{
    static const struct {
        const char *words[WORD_MAX];
        const char *says;
    } cases[] = {
        {{"--all", "--host", "a"}, "different targets"},
        {{"--group", "g", "--all"}, "different targets"},
        {{"--host", "OFFICE-02"}, "is office-02 meant?"},
        {{"--host", "Upper_"}, "\"Upper_\" is no host's name; a name is"},
        {{"--host", "a/b"}, "a/b"},
        {{"--host", "+"}, "+"},
        {{"--host", ","}, "no host"},
        {{"--group", "a b"}, "--group"},
        {{"--hosts-file", "/nonexistent/hosts"}, "/nonexistent/hosts"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct target target;
        char error[SELECT_ERROR_SIZE];

        assert_int_equal(target_words(cases[i].words, &target, error),
                         LASTCALL_E_SYNTAX);
        if (strstr(error, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error, cases[i].says);
        target_deinit(&target);
    }
}

/* Parse a file that holds so many bytes. */
static enum lastcall_status target_file(const char *text, size_t len,
                                        struct target *target,
                                        char error[SELECT_ERROR_SIZE])
{
    char path[] = "/tmp/lastcall-hosts-XXXXXX";
    int fd = mkstemp(path);
    const char *const words[] = {"--hosts-file", path, NULL};
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    FILE *file = NULL;

    assert_true(fd >= 0);
    file = fdopen(fd, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    status = target_words(words, target, error);
    unlink(path);
    return status;
}

/* Windows writes the mark and the carriage returns. */
static void test_hosts_from_a_file(void **state)
{
    static const char text[] = "\xef\xbb\xbf"
                               "a\r\nb, c # the rest\n# nothing\n\n d\n";
    struct target target;
    char error[SELECT_ERROR_SIZE];

    (void)state;
    assert_int_equal(target_file(text, sizeof text - 1, &target, error),
                     LASTCALL_OK);
    assert_int_equal(target.entry_count, 4);
    assert_string_equal(target.entries[2], "c");
    assert_string_equal(target.entries[0], "a");
    assert_string_equal(target.entries[3], "d");
    target_deinit(&target);
}

static void test_a_file_that_is_refused_says_where(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *says;
    } cases[] = {
        {"a\nb c\n# x\nd Media-07\ne", 22, ", line 4: \"Media-07\" is no"},
        {"web_1", 5, ", line 1: \"web_1\" is no host's name"},
        {"\xff\xfe"
         "a",
         3, "save it as UTF-8"},
        {"# only\n", 7, "no host is named"},
        {"a\n\0b\n", 5, "save it as UTF-8"},
        {"a\0", 2, "save it as UTF-8"},
        {"a\n\xef\xbb\xbf"
         "b\n",
         7, ", line 2: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct target target;
        char error[SELECT_ERROR_SIZE] = "";

        assert_int_equal(
            target_file(cases[i].text, cases[i].len, &target, error),
            LASTCALL_E_SYNTAX);
        if (strstr(error, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error, cases[i].says);
        target_deinit(&target);
    }
}

#define MANY 10000

/* A third of the lines is there twice, and each host is found or not by name
 * or by pattern. */
static void test_a_file_of_many_hosts(void **state)
{
    char path[] = "/tmp/lastcall-hosts-XXXXXX";
    int fd = mkstemp(path);
    const char *const words[] = {"--hosts-file", path, "--host", "z-*", NULL};
    const struct name pattern = {"z-1"};
    const struct name stranger = {"media-10000"};
    struct target target;
    char error[SELECT_ERROR_SIZE];
    FILE *file = NULL;

    (void)state;
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_non_null(file);
    for (int i = MANY - 1; i >= 0; i--) {
        fprintf(file, "media-%d\n", i);
        if (i % 3 == 0)
            fprintf(file, "media-%d # again\n", i);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(target_words(words, &target, error), LASTCALL_OK);
    assert_int_equal(target.entry_count, MANY + 1);
    assert_string_equal(target.entries[0], "z-*");
    assert_string_equal(target.entries[1], "media-9999");
    for (int i = 0; i < MANY; i++) {
        struct name name;

        snprintf(name.text, sizeof name.text, "media-%d", i);
        assert_true(target_includes(&target, &name, NULL, 0));
    }
    assert_true(target_includes(&target, &pattern, NULL, 0));
    assert_false(target_includes(&target, &stranger, NULL, 0));
    target_deinit(&target);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_nobodys_is_passed_over_on_windows),
        cmocka_unit_test(test_shorthands_become_the_language),
        cmocka_unit_test(test_quoting_survives_the_parser),
        cmocka_unit_test(test_every_matches_every_session),
        cmocka_unit_test(test_server_narrows_for_named_hosts),
        cmocka_unit_test(test_selections_that_are_refused),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_targets_that_are_refused),
        cmocka_unit_test(test_hosts_from_a_file),
        cmocka_unit_test(test_a_file_that_is_refused_says_where),
        cmocka_unit_test(test_a_file_of_many_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
