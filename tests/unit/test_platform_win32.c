/* What is Windows' own about files: access lists, roots, UTF-16 names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <windows.h>

#include <aclapi.h>
#include <cmocka.h>
#include <sddl.h>

#include "protocol/io/mqtt.h"
#include "protocol/io/platform_win32.h"
#include "protocol/io/wide_win32.h"
#include "tests/unit/scratch.h"

static char directory[] = "/tmp/lastcall-win32-XXXXXX";
static struct platform_error error;

static const char *at(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void set_list(const char *path, const wchar_t *description)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PACL list = NULL;
    BOOL is_there = FALSE;
    BOOL is_default = FALSE;
    wchar_t *wide = wide_from_utf8(path);

    assert_non_null(wide);
    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorW(
        description, SDDL_REVISION_1, &descriptor, NULL));
    assert_true(
        GetSecurityDescriptorDacl(descriptor, &is_there, &list, &is_default));
    assert_int_equal(
        SetNamedSecurityInfoW(wide, SE_FILE_OBJECT,
                              DACL_SECURITY_INFORMATION |
                                  PROTECTED_DACL_SECURITY_INFORMATION,
                              NULL, NULL, list, NULL),
        ERROR_SUCCESS);
    LocalFree(descriptor);
    free(wide);
}

/* Give a file an access list, and try to read it as a secret. */
static enum lastcall_status read_with(const wchar_t *description,
                                      enum file_secrecy secrecy)
{
    enum lastcall_status status;
    struct bytes data;

    assert_int_equal(
        platform_create_file(at("file"), FILE_SECRET, "x", 1, &error),
        LASTCALL_OK);
    set_list(at("file"), description);
    status = platform_read_file(at("file"), secrecy, 10, &data, &error);
    bytes_deinit(&data);
    assert_true(scratch_hide(at("file"))); /* or we could not remove it */
    assert_int_equal(unlink(at("file")), 0);
    return status;
}

static void only_the_machine_may_read_a_secret_besides(void **state)
{
    (void)state;
    assert_int_equal(read_with(L"D:P(A;;FA;;;SY)(A;;FA;;;BA)", FILE_SECRET),
                     LASTCALL_OK);
    assert_int_equal(read_with(L"D:P(A;;FA;;;SY)(A;;FA;;;OW)", FILE_SECRET),
                     LASTCALL_OK);
    assert_int_equal(read_with(L"D:P(A;;FA;;;SY)(A;;FR;;;WD)", FILE_SECRET),
                     LASTCALL_E_PERMISSION);
    assert_non_null(strstr(error.text, "S-1-1-0"));
    assert_non_null(strstr(error.text, "/inheritance:r /grant:r *S-1-5-18:F "
                                       "*S-1-5-32-544:F"));
    assert_int_equal(read_with(L"D:P(A;;FA;;;SY)(A;;FW;;;WD)", FILE_SECRET),
                     LASTCALL_E_PERMISSION);
}

static void what_everybody_may_change_is_not_trusted(void **state)
{
    (void)state;
    assert_int_equal(read_with(L"D:P(A;;FA;;;SY)(A;;FR;;;WD)", FILE_GUARDED),
                     LASTCALL_OK);
    assert_int_equal(read_with(L"D:P(A;;FA;;;SY)(A;;FA;;;WD)", FILE_GUARDED),
                     LASTCALL_E_PERMISSION);
    assert_non_null(strstr(error.text, "change this file"));
    assert_int_equal(read_with(L"D:P(A;;FA;;;SY)(A;;FA;;;WD)", FILE_PUBLIC),
                     LASTCALL_OK);
}

static enum lastcall_status check_as(const wchar_t *description,
                                     enum file_secrecy secrecy,
                                     enum platform_heirs heirs)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    enum lastcall_status status;

    error = (struct platform_error){{0}};
    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorW(
        description, SDDL_REVISION_1, &descriptor, NULL));
    status =
        platform_check_descriptor(descriptor, secrecy, heirs, "C:\\k", &error);
    LocalFree(descriptor);
    return status;
}

static enum lastcall_status check(const wchar_t *description,
                                  enum file_secrecy secrecy)
{
    return check_as(description, secrecy, PLATFORM_FILE);
}

static void who_may_use_a_secret(void **state)
{
    static const wchar_t *const good[] = {
        L"O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)",
        L"O:SYD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)",
        L"O:BAD:(D;;FA;;;WD)(A;;FA;;;BA)",       /* denies others */
        L"O:BAD:(A;OICIIO;FA;;;WD)(A;;FA;;;BA)", /* of heirs alone */
        L"O:BAD:(A;;FA;;;BA)(A;;0x120080;;;WD)", /* looks at, no more */
        L"O:BAD:(A;;FA;;;S-1-3-4)(A;;FA;;;BA)",  /* the owner, whoever */
        L"O:BAD:",                               /* for nobody */
    };
    static const wchar_t *const bad[] = {
        L"O:BAD:(A;;FR;;;BU)(A;;FA;;;BA)",
        L"O:BAD:(A;;FA;;;BA)(A;;FW;;;BU)",
        L"O:BAD:(A;;GR;;;AU)",
        L"O:BAD:(A;;GA;;;WD)",
        L"O:BAD:(A;;WD;;;BU)",
        L"O:BAD:(A;;WO;;;BU)",
        L"O:BAD:(A;;DCLC;;;BU)",
        L"O:BAD:(A;ID;FR;;;BU)",
        L"O:BAD:(D;;FA;;;BU)(A;;FR;;;BU)",
        L"O:BA",
        L"O:WDD:(A;;FA;;;BA)",
        L"D:(A;;FA;;;BA)",
        L"O:S-1-5-21-1-2-3-4D:(A;;FA;;;BA)",
        L"O:BAD:(A;;FA;;;S-1-5-21-1-2-3-4)",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (check(good[i], FILE_SECRET) != LASTCALL_OK)
            fail_msg("%ls: %s", good[i], error.text);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (check(bad[i], FILE_SECRET) != LASTCALL_E_PERMISSION)
            fail_msg("%ls is taken for a secret", bad[i]);
        assert_true(error.text[0] != '\0');
    }
}

static void who_may_change_what_we_trust(void **state)
{
    static const wchar_t *const good[] = {
        L"O:BAD:(A;;FA;;;BA)(A;;FR;;;BU)(A;;FX;;;WD)",
        L"O:SYD:(A;;FA;;;SY)(A;;GR;;;AU)",
    };
    static const wchar_t *const bad[] = {
        L"O:BAD:(A;;FA;;;BA)(A;;FA;;;BU)",
        L"O:BAD:(A;;FW;;;WD)",
        L"O:BAD:(A;;GW;;;AU)",
        L"O:BAD:(A;;DCLC;;;BU)",
        L"O:BAD:(A;;WD;;;BU)",
        L"O:BA",
        L"O:S-1-5-21-1-2-3-4D:(A;;FA;;;BA)",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (check(good[i], FILE_GUARDED) != LASTCALL_OK)
            fail_msg("%ls: %s", good[i], error.text);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (check(bad[i], FILE_GUARDED) != LASTCALL_E_PERMISSION)
            fail_msg("%ls is trusted", bad[i]);
}

static void who_may_change_what_is_in_a_folder(void **state)
{
    static const wchar_t *const good[] = {
        L"O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",
        L"O:SYD:AI(A;OICIID;FA;;;SY)(A;OICIIOID;GA;;;CO)(A;OICIID;FR;;;BU)",
        L"O:BAD:(D;OICI;FA;;;BU)(A;OICI;FA;;;BA)",
    };
    static const wchar_t *const bad[] = {
        L"O:BAD:(A;OICI;FA;;;BA)(A;CI;LC;;;BU)", /* as ProgramData's own */
        L"O:BAD:(A;OICI;FA;;;BA)(A;CI;DC;;;BU)",
        L"O:BAD:(A;OICI;FA;;;BA)(A;;0x40;;;BU)",     /* takes away */
        L"O:BAD:(A;OICI;FA;;;BA)(A;;SD;;;BU)",       /* the folder */
        L"O:BAD:(A;OICI;FA;;;BA)(A;OICIIO;FA;;;BU)", /* what will be */
        L"O:S-1-5-21-1-2-3-4D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",
        L"O:BA",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (check_as(good[i], FILE_GUARDED, PLATFORM_FOLDER) != LASTCALL_OK)
            fail_msg("%ls: %s", good[i], error.text);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (check_as(bad[i], FILE_GUARDED, PLATFORM_FOLDER) !=
            LASTCALL_E_PERMISSION)
            fail_msg("%ls is trusted", bad[i]);
}

/* As a journal's folder is looked at, and what is in it. */
static void what_was_there_is_looked_at(void **state)
{
    static const wchar_t closed[] = L"D:P(A;;FA;;;SY)(A;;FA;;;OW)";
    static const wchar_t open[] = L"D:P(A;;FA;;;SY)(A;;FA;;;WD)";
    const char *const names[] = {"folder", "file"};

    (void)state;
    assert_int_equal(platform_check_guarded(at("nothing"), &error),
                     LASTCALL_OK);
    assert_int_equal(platform_make_directory(at("folder"), &error),
                     LASTCALL_OK);
    assert_int_equal(
        platform_create_file(at("file"), FILE_SECRET, "x", 1, &error),
        LASTCALL_OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(platform_check_guarded(at(names[i]), &error),
                         LASTCALL_OK);
        set_list(at(names[i]), open);
        assert_int_equal(platform_check_guarded(at(names[i]), &error),
                         LASTCALL_E_PERMISSION);
        set_list(at(names[i]), closed);
        assert_int_equal(platform_check_guarded(at(names[i]), &error),
                         LASTCALL_OK);
    }
    set_list(at("folder"), open);
    assert_int_equal(platform_check_guarded(at("folder"), &error),
                     LASTCALL_E_PERMISSION);
    assert_non_null(strstr(error.text, "change what is in this folder"));
    assert_non_null(strstr(error.text, "*S-1-5-18:(OI)(CI)F"));
    assert_true(scratch_hide(at("file")));
    assert_int_equal(unlink(at("file")), 0);
    assert_int_equal(rmdir(at("folder")), 0);
}

static void the_mend_fits_the_fault(void **state)
{
    static const char grant[] = "icacls \"C:\\k\" /inheritance:r /grant:r "
                                "*S-1-5-18:F *S-1-5-32-544:F";

    (void)state;
    (void)check(L"O:BAD:(A;ID;FR;;;BU)", FILE_SECRET);
    assert_non_null(strstr(error.text, grant));
    assert_null(strstr(error.text, "/remove")); /* goes with the inheritance */
    (void)check(L"O:BAD:(A;;FR;;;BU)", FILE_SECRET);
    assert_non_null(strstr(error.text, grant));
    assert_non_null(strstr(error.text, "/remove:g *S-1-5-32-545"));
    (void)check(L"O:BA", FILE_SECRET);
    assert_non_null(strstr(error.text, grant));
    (void)check(L"O:WDD:(A;;FA;;;BA)", FILE_SECRET);
    assert_non_null(
        strstr(error.text, "icacls \"C:\\k\" /setowner *S-1-5-32-544"));
}

static void names_are_unicode(void **state)
{
    const char *path = at("\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87 \xc3\xa4");
    wchar_t *wide = wide_from_utf8(path);
    struct bytes data;
    char *full;

    (void)state;
    assert_int_equal(platform_create_file(path, FILE_SECRET, "x", 1, &error),
                     LASTCALL_OK);
    assert_int_not_equal(GetFileAttributesW(wide), INVALID_FILE_ATTRIBUTES);
    assert_int_equal(platform_read_file(path, FILE_SECRET, 1, &data, &error),
                     LASTCALL_OK);
    bytes_deinit(&data);
    full = platform_full_path(path);
    assert_non_null(full);
    assert_non_null(strstr(full, "\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87 \xc3\xa4"));
    assert_null(strstr(full, "\\\\?\\"));
    free(full);
    assert_true(DeleteFileW(wide));
    free(wide);
}

static void paths_have_drives_and_shares(void **state)
{
    (void)state;
    assert_true(platform_is_absolute("C:\\a"));
    assert_true(platform_is_absolute("c:/a"));
    assert_true(platform_is_absolute("\\\\server\\share\\a"));
    assert_true(platform_is_absolute("/a"));
    assert_false(platform_is_absolute("C:a"));
    assert_false(platform_is_absolute("a\\b"));
    assert_false(platform_is_absolute("host.key"));
    assert_false(platform_is_absolute(""));
    assert_true(platform_is_elsewhere("\\\\server\\share\\a"));
    assert_true(platform_is_elsewhere("//server/share/a"));
    assert_true(platform_is_elsewhere("\\/server"));
    assert_true(platform_is_elsewhere("\\\\.\\pipe\\a"));
    assert_true(platform_is_elsewhere("\\\\?\\UNC\\server\\share\\a"));
    assert_true(platform_is_elsewhere("\\\\?\\"));
    assert_false(platform_is_elsewhere("\\\\?\\C:\\a"));
    assert_false(platform_is_elsewhere("C:\\a"));
    assert_false(platform_is_elsewhere("\\a"));
    assert_false(platform_is_elsewhere("a"));
    assert_false(platform_is_elsewhere(""));
    assert_int_equal(platform_folder_len("C:\\a\\b"), 5);
    assert_int_equal(platform_folder_len("C:\\a/b"), 5);
    assert_int_equal(platform_folder_len("C:b"), 2);
    assert_int_equal(platform_folder_len("b"), 0);
}

static void configuration_lies_below_program_data(void **state)
{
    char state_dir[300];

    (void)state;
    assert_non_null(strstr(platform_config_dir(), "\\ProgramData\\Lastcall"));
    assert_true(platform_is_absolute(platform_config_dir()));
    snprintf(state_dir, sizeof(state_dir), "%s\\state", platform_config_dir());
    assert_string_equal(platform_state_dir(), state_dir);
}

static const char *app_data;

static const char *one_variable(const char *name)
{
    return strcmp(name, "APPDATA") == 0 ? app_data : NULL;
}

static void personal_settings_lie_in_app_data(void **state)
{
    static const char *const unusable[] = {"C:\\Users\\J\xfcrgen",
                                           "C:\\Users\\???", "Users", NULL};
    char *found;

    (void)state;
    app_data = "C:\\Users\\J\xc3\xbcrgen\\AppData\\Roaming";
    found = platform_personal_dir(one_variable);
    assert_string_equal(found,
                        "C:\\Users\\J\xc3\xbcrgen\\AppData\\Roaming\\Lastcall");
    free(found);
    for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++) {
        app_data = unusable[i];
        found = platform_personal_dir(one_variable);
        assert_non_null(found); /* the system knows it, too */
        assert_true(platform_is_absolute(found));
        assert_string_equal(found + platform_folder_len(found), "Lastcall");
        assert_true(unusable[i] == NULL || strstr(found, unusable[i]) == NULL);
        free(found);
    }
}

static const char *local_variable(const char *name)
{
    return strcmp(name, "LOCALAPPDATA") == 0 ? app_data : NULL;
}

static void personal_state_lies_in_local_app_data(void **state)
{
    char *found;

    (void)state;
    app_data = "C:\\Users\\alice\\AppData\\Local";
    found = platform_personal_state_dir(local_variable);
    assert_string_equal(found, "C:\\Users\\alice\\AppData\\Local\\Lastcall");
    free(found);
    app_data = NULL;
    found = platform_personal_state_dir(local_variable);
    assert_non_null(found);
    assert_true(platform_is_absolute(found));
    free(found);
}

/* Whoever may change it says who the broker is. */
static void authorities_are_guarded(void **state)
{
    struct mqtt_options options = {.uri = "mqtts://broker.example",
                                   .ca = at("file")};
    char detail[MQTT_DETAIL_SIZE] = "";
    struct mqtt_uri uri;

    (void)state;
    assert_int_equal(
        platform_create_file(at("file"), FILE_SECRET, "x", 1, &error),
        LASTCALL_OK);
    assert_int_equal(mqtt_options_check(&options, &uri, detail), LASTCALL_OK);
    set_list(at("file"), L"D:P(A;;FA;;;SY)(A;;FA;;;WD)");
    assert_int_equal(mqtt_options_check(&options, &uri, detail),
                     LASTCALL_E_CONFIG);
    assert_non_null(strstr(detail, "change this file"));
    assert_true(scratch_hide(at("file")));
    assert_int_equal(unlink(at("file")), 0);
}

static void a_lock_is_held_once(void **state)
{
    struct platform_lock lock;
    struct platform_lock other;

    (void)state;
    assert_int_equal(platform_lock(at("lock"), &lock, &error), LASTCALL_OK);
    assert_int_equal(platform_lock(at("lock"), &other, &error), LASTCALL_BUSY);
    assert_non_null(strstr(error.text, "another process"));
    platform_unlock(&other);
    platform_unlock(&lock);
    assert_int_equal(platform_lock(at("lock"), &lock, &error), LASTCALL_OK);
    platform_unlock(&lock);
    assert_int_equal(platform_lock(at("none/lock"), &lock, &error),
                     LASTCALL_E_IO);
    unlink(at("lock"));
}

static void the_environment_tells_libraries_nothing(void **state)
{
    static const char *const names[] = {"http_proxy", "https_proxy",
                                        "SSLKEYLOGFILE", "OPENSSL_CONF",
                                        "OPENSSL_MODULES"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char setting[64];

        snprintf(setting, sizeof(setting), "%s=x", names[i]);
        assert_int_equal(_putenv(setting), 0);
        assert_non_null(getenv(names[i]));
    }
    platform_clean_environment();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_null(getenv(names[i]));
        assert_int_equal(GetEnvironmentVariableA(names[i], NULL, 0), 0);
    }
}

static int set_up_group(void **state)
{
    (void)state;
    return scratch_make(directory) != NULL ? 0 : -1;
}

static int tear_down_group(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(authorities_are_guarded),
        cmocka_unit_test(the_environment_tells_libraries_nothing),
        cmocka_unit_test(only_the_machine_may_read_a_secret_besides),
        cmocka_unit_test(what_everybody_may_change_is_not_trusted),
        cmocka_unit_test(who_may_use_a_secret),
        cmocka_unit_test(who_may_change_what_we_trust),
        cmocka_unit_test(who_may_change_what_is_in_a_folder),
        cmocka_unit_test(what_was_there_is_looked_at),
        cmocka_unit_test(the_mend_fits_the_fault),
        cmocka_unit_test(names_are_unicode),
        cmocka_unit_test(paths_have_drives_and_shares),
        cmocka_unit_test(configuration_lies_below_program_data),
        cmocka_unit_test(personal_settings_lie_in_app_data),
        cmocka_unit_test(personal_state_lies_in_local_app_data),
        cmocka_unit_test(a_lock_is_held_once),
    };

    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
