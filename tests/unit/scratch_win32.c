#include "tests/unit/scratch.h"

#include <string.h>
#include <windows.h>

#include <aclapi.h>

#include "protocol/io/platform.h"

#define MARK_LEN 6

const char scratch_mend[] = "icacls \"";
const bool scratch_modes_are_copied = false;

FILE *scratch_full(void)
{
    return fopen("NUL", "r");
}

char *scratch_make(char *template)
{
    struct request_id id;
    struct platform_error error;

    if (platform_random_id(&id) != LASTCALL_OK)
        return NULL;
    memcpy(template + strlen(template) - MARK_LEN, id.text, MARK_LEN);
    if (platform_make_directory(template, &error) != LASTCALL_OK)
        return NULL;
    return template;
}

static DWORD everybody(PSID sid)
{
    DWORD size = SECURITY_MAX_SID_SIZE;

    return (DWORD)CreateWellKnownSid(WinWorldSid, NULL, sid, &size);
}

/* Put one entry into a file's list: beside the others, or in their place. */
static bool set_entry(const char *path, bool is_alone, bool is_for_everybody)
{
    BYTE world[SECURITY_MAX_SID_SIZE];
    EXPLICIT_ACCESSW access = {.grfAccessPermissions = FILE_GENERIC_READ,
                               .grfAccessMode = GRANT_ACCESS};
    const SECURITY_INFORMATION which =
        DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    char name[MAX_PATH];
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    PACL before = NULL;
    PACL after = NULL;
    bool ok = false;

    if (!everybody(world) || strlen(path) >= sizeof(name))
        return false;
    memcpy(name, path, strlen(path) + 1);
    if (GetNamedSecurityInfoA(
            name, SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner,
            NULL, &before, NULL, &descriptor) != ERROR_SUCCESS)
        return false;
    access.Trustee.TrusteeForm = TRUSTEE_IS_SID;
    access.Trustee.ptstrName = is_for_everybody ? (LPWSTR)world : owner;
    if (!is_for_everybody)
        access.grfAccessPermissions = FILE_ALL_ACCESS;
    if (SetEntriesInAclW(1, &access, is_alone ? NULL : before, &after) ==
        ERROR_SUCCESS)
        ok = SetNamedSecurityInfoA(name, SE_FILE_OBJECT, which, NULL, NULL,
                                   after, NULL) == ERROR_SUCCESS;
    LocalFree(after);
    LocalFree(descriptor);
    return ok;
}

bool scratch_share(const char *path)
{
    return set_entry(path, false, true);
}

bool scratch_hide(const char *path)
{
    return set_entry(path, true, false);
}

bool scratch_is_private(const char *path)
{
    BYTE world[SECURITY_MAX_SID_SIZE];
    char name[MAX_PATH];
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PACL list = NULL;
    bool is_private = true;

    if (!everybody(world) || strlen(path) >= sizeof(name))
        return false;
    memcpy(name, path, strlen(path) + 1);
    if (GetNamedSecurityInfoA(name, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION,
                              NULL, NULL, &list, NULL,
                              &descriptor) != ERROR_SUCCESS ||
        list == NULL || list->AceCount == 0)
        is_private = false;
    for (DWORD i = 0; is_private && i < list->AceCount; i++) {
        ACCESS_ALLOWED_ACE *entry = NULL;

        is_private = GetAce(list, i, (void **)&entry) &&
                     !EqualSid(&entry->SidStart, world);
    }
    LocalFree(descriptor);
    return is_private;
}
