/*
 * Inside the platform's Windows filling: sentences about what failed, and who
 * may use a file.
 */
#ifndef LASTCALL_IO_PLATFORM_WIN32_H
#define LASTCALL_IO_PLATFORM_WIN32_H

#include <windows.h>

#include "protocol/io/platform.h"

/*
 * Say in a sentence what could not be done with a file.
 *
 *   what  "open", "create"
 *   code  from GetLastError()
 *
 * Returns the status that the code means.
 */
enum lastcall_status platform_fail(const char *path, const char *what,
                                   DWORD code, struct platform_error *error);

/* What rights are about. */
enum platform_heirs {
    PLATFORM_FILE,   /* itself */
    PLATFORM_FOLDER, /* itself and all that is or will be in it */
};

/*
 * Check that an open file or folder is for its owner, SYSTEM and the
 * Administrators alone, and that the owner is the current user or one of those
 * two.
 *
 *   secrecy  FILE_SECRET: to read and to change; FILE_GUARDED: to change
 *   path     named in the sentence
 *
 * Returns LASTCALL_OK, LASTCALL_E_PERMISSION (with the command that mends it).
 */
LASTCALL_MUST_USE enum lastcall_status
platform_check_file(HANDLE file, enum file_secrecy secrecy,
                    enum platform_heirs heirs, const char *path,
                    struct platform_error *error);

/* The same of what a file's owner and access list are; for tests, which find
 * few kinds of them under Wine. */
LASTCALL_MUST_USE enum lastcall_status
platform_check_descriptor(PSECURITY_DESCRIPTOR descriptor,
                          enum file_secrecy secrecy, enum platform_heirs heirs,
                          const char *path, struct platform_error *error);

/*
 * Whom an entry of an access list gives one of the rights; NULL: nobody.  What
 * denies gives nothing, and what is only for heirs is not about a file.
 *
 *   is_strange  it is of a kind that is not known, and may give something
 */
PSID platform_ace_grantee(const void *entry, ACCESS_MASK rights,
                          enum platform_heirs heirs, bool *is_strange);

/*
 * Make the description of something that SYSTEM, the Administrators and the
 * current user have to themselves.
 *
 * Returns what the caller frees with LocalFree(), or NULL.
 */
PSECURITY_DESCRIPTOR platform_private_descriptor(enum platform_heirs heirs);

#endif
