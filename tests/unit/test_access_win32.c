#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/access_win32.h"

#include <windows.h>

#include <aclapi.h>
#include <sddl.h> /* not by itself */

/* Administrators, LocalSystem, and what a test adds. */
#define CLOSED L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
#define EVERYBODY_WRITES CLOSED L"(A;OICI;FA;;;WD)"
#define EVERYBODY_READS CLOSED L"(A;OICI;FRFX;;;WD)"
#define PATH_UNITS 128

/* ---- what Wine lacks: two calls go through us, by their imports ---- */

/* Which of the next files that are looked at is a link; 0: none. */
static unsigned link_in;
/* What of a file was set last; 0: nothing. */
static SECURITY_INFORMATION last_set;

static FARPROC real(const wchar_t *library, const char *name)
{
    FARPROC found = GetProcAddress(GetModuleHandleW(library), name);

    assert_non_null(found);
    return found;
}

static BOOL WINAPI look(HANDLE file, FILE_INFO_BY_HANDLE_CLASS class, void *out,
                        DWORD size)
{
    typedef BOOL(WINAPI * look_call)(HANDLE, FILE_INFO_BY_HANDLE_CLASS, void *,
                                     DWORD);
    const look_call call = (look_call)(void (*)(void))real(
        L"kernel32.dll", "GetFileInformationByHandleEx");
    FILE_ATTRIBUTE_TAG_INFO *info = out;

    if (!call(file, class, out, size))
        return FALSE;
    if (class == FileAttributeTagInfo && link_in > 0 && --link_in == 0) {
        info->FileAttributes |= FILE_ATTRIBUTE_REPARSE_POINT;
        info->ReparseTag = IO_REPARSE_TAG_MOUNT_POINT;
    }
    return TRUE;
}

static DWORD WINAPI set_security(HANDLE file, SE_OBJECT_TYPE type,
                                 SECURITY_INFORMATION which, PSID owner,
                                 PSID group, PACL list, PACL audit)
{
    typedef DWORD(WINAPI * set_call)(
        HANDLE, SE_OBJECT_TYPE, SECURITY_INFORMATION, PSID, PSID, PACL, PACL);
    const set_call call =
        (set_call)(void (*)(void))real(L"advapi32.dll", "SetSecurityInfo");

    last_set = which;
    return call(file, type, which, owner, group, list, audit);
}

#define STANDS_FOR(import, function)                                           \
    extern void (*const import)(void);                                         \
    void (*const import)(void) = (void (*)(void))(function)
STANDS_FOR(__imp_GetFileInformationByHandleEx, look);
STANDS_FOR(__imp_SetSecurityInfo, set_security);

/* ---- files ---- */

/* A file in a folder at the root of C:, where the folders above are as the
 * system made them. */
struct place {
    wchar_t folder[PATH_UNITS];
    wchar_t inner[PATH_UNITS];
    wchar_t file[PATH_UNITS];
};

static void set_list(const wchar_t *path, const wchar_t *sddl)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;

    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorW(
        sddl, SDDL_REVISION_1, &descriptor, NULL));
    assert_true(SetFileSecurityW(
        path, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
        descriptor));
    LocalFree(descriptor);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    HANDLE file = INVALID_HANDLE_VALUE;
    bool is_made = false;

    if (place == NULL)
        return -1;
    *state = place;
    /* Wine gives its ids out again; one that failed may have left a folder. */
    for (unsigned number = 0; !is_made; number++) {
        _snwprintf(place->folder, PATH_UNITS - 1, L"C:\\lastcall-access-%lu-%u",
                   GetCurrentProcessId(), number);
        is_made = CreateDirectoryW(place->folder, NULL);
        if (!is_made && GetLastError() != ERROR_ALREADY_EXISTS)
            return -1;
    }
    _snwprintf(place->inner, PATH_UNITS - 1, L"%ls\\with blank", place->folder);
    _snwprintf(place->file, PATH_UNITS - 1, L"%ls\\program.exe", place->inner);
    if (!CreateDirectoryW(place->inner, NULL))
        return -1;
    file =
        CreateFileW(place->file, GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return -1;
    CloseHandle(file);
    set_list(place->folder, EVERYBODY_READS);
    set_list(place->inner, EVERYBODY_READS);
    set_list(place->file, EVERYBODY_READS);
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    DeleteFileW(place->file);
    RemoveDirectoryW(place->inner);
    RemoveDirectoryW(place->folder);
    free(place);
    return 0;
}

static void test_closed_is_fine(void **state)
{
    const struct place *place = *state;
    struct platform_error error = {{0}};

    assert_int_equal(access_check_file(place->file, &error), LASTCALL_OK);
    assert_string_equal(error.text, "");
    assert_int_equal(
        access_check_file(L"C:\\windows\\system32\\kernel32.dll", &error),
        LASTCALL_OK);
}

static void test_open_is_refused(void **state)
{
    const struct place *place = *state;
    const wchar_t *const paths[] = {place->file, place->inner, place->folder};
    struct platform_error error = {{0}};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        set_list(paths[i], EVERYBODY_WRITES);
        assert_int_equal(access_check_file(place->file, &error),
                         LASTCALL_E_PERMISSION);
        assert_non_null(strstr(error.text, "can be changed by"));
        assert_non_null(strstr(error.text, "lastcall-access-"));
        set_list(paths[i], EVERYBODY_READS);
    }
    assert_int_equal(access_check_file(place->file, &error), LASTCALL_OK);
}

static void test_missing(void **state)
{
    struct platform_error error = {{0}};

    (void)state;
    assert_int_equal(access_check_file(L"C:\\no such folder\\x.exe", &error),
                     LASTCALL_E_MISSING);
    assert_string_equal(error.text, "C:\\no such folder\\x.exe: is not there");
}

static void test_folder_is_closed(void **state)
{
    const struct place *place = *state;
    struct platform_error error = {{0}};

    /* An existing one. */
    set_list(place->inner, EVERYBODY_WRITES);
    assert_int_equal(access_close_folder(place->inner, &error), LASTCALL_OK);
    assert_int_equal(access_check_file(place->file, &error), LASTCALL_OK);
    /* What the folder above gives others does not come back. */
    assert_int_equal(last_set, DACL_SECURITY_INFORMATION |
                                   PROTECTED_DACL_SECURITY_INFORMATION);
    assert_int_equal(access_close_folder(place->inner, &error), LASTCALL_OK);
    /* A new one. */
    DeleteFileW(place->file);
    RemoveDirectoryW(place->inner);
    assert_int_equal(access_close_folder(place->inner, &error), LASTCALL_OK);
    assert_true((GetFileAttributesW(place->inner) & FILE_ATTRIBUTE_DIRECTORY) !=
                0);
    assert_int_equal(access_check_file(place->inner, &error), LASTCALL_OK);
    /* None above it. */
    assert_int_equal(access_close_folder(L"C:\\no such folder\\x", &error),
                     LASTCALL_E_MISSING);
}

/* Of something whose owner and list these are. */
static enum lastcall_status check(const wchar_t *sddl, enum access_place place,
                                  struct platform_error *error)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    enum lastcall_status status;

    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorW(
        sddl, SDDL_REVISION_1, &descriptor, NULL));
    status = access_check_descriptor(descriptor, place, L"C:\\x", error);
    LocalFree(descriptor);
    return status;
}

static void test_who_is_trusted(void **state)
{
    static const struct {
        const wchar_t *sddl;
        bool is_file, is_folder, is_above; /* fine at that place */
    } cases[] = {
        {L"O:BAD:(A;;FA;;;SY)(A;;FA;;;BA)", true, true, true},
        /* TrustedInstaller, whom Program Files belongs to. */
        {L"O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
         L"D:(A;;FA;;;S-1-5-80-956008885-3418522649-1831038044-1853292631-"
         L"2271478464)(A;OICIIO;GA;;;CO)(A;;0x1200a9;;;BU)",
         true, true, true},
        /* The root of a drive, and ProgramData: everybody makes folders. */
        {L"O:SYD:(A;;FA;;;BA)(A;OICIIO;SDGXGWGR;;;AU)(A;;LC;;;AU)", false,
         false, true},
        {L"O:SYD:(A;;FA;;;BA)(A;CI;0x116;;;BU)", false, false, true},
        {L"O:BAD:(A;;FA;;;BA)(A;;SD;;;AU)", false, false, false},
        {L"O:BAD:(A;;FA;;;BA)(A;;WD;;;AU)", false, false, false},
        {L"O:BAD:(A;;FA;;;BA)(A;;WO;;;AU)", false, false, false},
        {L"O:BAD:(A;;FA;;;BA)(A;;GA;;;AU)", false, false, false},
        {L"O:BAD:(A;;FA;;;BA)(A;;GW;;;AU)", false, false, true},
        {L"O:BAD:(A;;FA;;;BA)(A;;0x40;;;AU)", true, false, false},
        /* Who owns it may give himself everything. */
        {L"O:BUD:(A;;FA;;;BA)", false, false, false},
        {L"O:WDD:", false, false, false},
        {L"D:(A;;FA;;;BA)", false, false, false},
        {L"O:BAD:", true, true, true},
        {L"O:BA", false, false, false},
        /* Denied first, and still not trusted: order and groups decide. */
        {L"O:BAD:(D;;FA;;;BU)(A;;FA;;;BU)", false, false, false},
        {L"O:BAD:(D;;FA;;;BU)(A;;FA;;;BA)", true, true, true},
        /* NetworkService and LocalService are no administrators. */
        {L"O:BAD:(A;;FA;;;S-1-5-20)", false, false, false},
        {L"O:S-1-5-19D:(A;;FA;;;BA)", false, false, false},
    };
    struct platform_error error = {{0}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const bool found[] = {
            check(cases[i].sddl, ACCESS_FILE, &error) == LASTCALL_OK,
            check(cases[i].sddl, ACCESS_FOLDER, &error) == LASTCALL_OK,
            check(cases[i].sddl, ACCESS_ABOVE, &error) == LASTCALL_OK,
        };

        if (found[0] != cases[i].is_file || found[1] != cases[i].is_folder ||
            found[2] != cases[i].is_above)
            fail_msg("%ls: %d %d %d, %s", cases[i].sddl, found[0], found[1],
                     found[2], error.text);
    }
}

/* Of an entry for users that gives everything, were it of this type. */
static enum lastcall_status check_type(BYTE type, BYTE flags)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    struct platform_error error = {{0}};
    enum lastcall_status status;
    void *entry = NULL;
    PACL list = NULL;
    BOOL is_there = FALSE;
    BOOL is_default = FALSE;

    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorW(
        L"O:BAD:(A;;FA;;;BU)", SDDL_REVISION_1, &descriptor, NULL));
    assert_true(
        GetSecurityDescriptorDacl(descriptor, &is_there, &list, &is_default));
    assert_true(GetAce(list, 0, &entry));
    ((ACE_HEADER *)entry)->AceType = type;
    ((ACE_HEADER *)entry)->AceFlags = flags;
    status =
        access_check_descriptor(descriptor, ACCESS_ABOVE, L"C:\\x", &error);
    LocalFree(descriptor);
    return status;
}

static void test_kinds_of_entries(void **state)
{
    static const BYTE giving[] = {
        ACCESS_ALLOWED_ACE_TYPE,
        ACCESS_ALLOWED_CALLBACK_ACE_TYPE,
        ACCESS_ALLOWED_OBJECT_ACE_TYPE,
        ACCESS_ALLOWED_COMPOUND_ACE_TYPE,
        ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE,
        SYSTEM_MANDATORY_LABEL_ACE_TYPE,
    };
    static const BYTE denying[] = {
        ACCESS_DENIED_ACE_TYPE,
        ACCESS_DENIED_OBJECT_ACE_TYPE,
        ACCESS_DENIED_CALLBACK_ACE_TYPE,
        ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(giving); i++) {
        assert_int_equal(check_type(giving[i], 0), LASTCALL_E_PERMISSION);
        assert_int_equal(check_type(giving[i], INHERITED_ACE),
                         LASTCALL_E_PERMISSION);
        assert_int_equal(check_type(giving[i], CONTAINER_INHERIT_ACE),
                         LASTCALL_E_PERMISSION);
        assert_int_equal(check_type(giving[i], INHERIT_ONLY_ACE), LASTCALL_OK);
    }
    for (size_t i = 0; i < sizeof(denying); i++)
        assert_int_equal(check_type(denying[i], 0), LASTCALL_OK);
}

/* A list that is there and is none gives everybody everything. */
static void test_no_list_is_everybody(void **state)
{
    BYTE owner[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof(owner);
    SECURITY_DESCRIPTOR descriptor;
    struct platform_error error = {{0}};

    (void)state;
    assert_true(CreateWellKnownSid(WinLocalSystemSid, NULL, owner, &size));
    assert_true(InitializeSecurityDescriptor(&descriptor,
                                             SECURITY_DESCRIPTOR_REVISION));
    assert_true(SetSecurityDescriptorOwner(&descriptor, owner, FALSE));
    assert_true(SetSecurityDescriptorDacl(&descriptor, TRUE, NULL, FALSE));
    assert_int_equal(
        access_check_descriptor(&descriptor, ACCESS_ABOVE, L"C:\\x", &error),
        LASTCALL_E_PERMISSION);
    assert_string_equal(error.text, "C:\\x: can be changed by everybody");
}

static void test_what_is_a_link(void **state)
{
    (void)state;
    assert_true(
        access_is_link(FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DIRECTORY,
                       IO_REPARSE_TAG_MOUNT_POINT));
    assert_true(
        access_is_link(FILE_ATTRIBUTE_REPARSE_POINT, IO_REPARSE_TAG_SYMLINK));
    /* Its own content, kept in another way. */
    assert_false(
        access_is_link(FILE_ATTRIBUTE_REPARSE_POINT, IO_REPARSE_TAG_DEDUP));
    assert_false(
        access_is_link(FILE_ATTRIBUTE_DIRECTORY, IO_REPARSE_TAG_MOUNT_POINT));
}

/* Wherever on the way it stands. */
static void test_a_link_is_refused(void **state)
{
    const struct place *place = *state;
    struct platform_error error = {{0}};

    for (unsigned at = 1; at <= 4; at++) { /* the file, two folders, C: */
        link_in = at;
        assert_int_equal(access_check_file(place->file, &error),
                         LASTCALL_E_PERMISSION);
        assert_non_null(strstr(error.text, "is a link"));
        assert_int_equal(link_in, 0);
    }
    link_in = 1;
    last_set = 0;
    assert_int_equal(access_close_folder(place->inner, &error),
                     LASTCALL_E_PERMISSION);
    assert_non_null(strstr(error.text, "is a link"));
    assert_int_equal(last_set, 0);
}

static void test_a_file_is_no_folder_to_close(void **state)
{
    const struct place *place = *state;
    struct platform_error error = {{0}};

    set_list(place->file, EVERYBODY_READS);
    assert_int_equal(access_close_folder(place->file, &error),
                     LASTCALL_E_PERMISSION);
    assert_non_null(strstr(error.text, "is no folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_trusted),
        cmocka_unit_test(test_kinds_of_entries),
        cmocka_unit_test(test_no_list_is_everybody),
        cmocka_unit_test(test_what_is_a_link),
        cmocka_unit_test_setup_teardown(test_a_link_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_is_no_folder_to_close,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closed_is_fine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folder_is_closed, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
