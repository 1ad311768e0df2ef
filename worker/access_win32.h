/*
 * Who may change a file: what runs as LocalSystem must not be the word of
 * whoever may write to a folder.
 */
#ifndef LASTCALL_WORKER_ACCESS_WIN32_H
#define LASTCALL_WORKER_ACCESS_WIN32_H

#include <stdbool.h>
#include <windows.h>

#include "protocol/io/platform.h"

/* Where something stands on the way to a file: what somebody may not have the
 * right to do differs. */
enum access_place {
    ACCESS_FILE,   /* change it */
    ACCESS_FOLDER, /* put something beside the file, or away */
    ACCESS_ABOVE,  /* put the folder away; other folders are beside it */
};

/*
 * Check that none but administrators may change a file, put something beside
 * it, or put another in its place by way of a folder above it.  A link on the
 * way is refused: whoever made it may let it lead elsewhere.  Trusted are
 * LocalSystem, the administrators, TrustedInstaller, and who asks: with an
 * administrator's rights, or it would be of no use.
 *
 *   path   absolute
 *   error  a sentence with the path and who it is
 *
 * Returns LASTCALL_OK, LASTCALL_E_PERMISSION, LASTCALL_E_MISSING,
 *         LASTCALL_E_IO, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status
access_check_file(const wchar_t *path, struct platform_error *error);

/*
 * The same of one owner and access list, as access_check_file() finds them;
 * for tests, which find few kinds of them under Wine.
 *
 *   path  named in the sentence
 */
LASTCALL_MUST_USE enum lastcall_status
access_check_descriptor(PSECURITY_DESCRIPTOR descriptor,
                        enum access_place place, const wchar_t *path,
                        struct platform_error *error);

/* Does a file with these attributes and this reparse tag stand for something
 * elsewhere: a symbolic link, a junction, a mounted drive?  For tests. */
bool access_is_link(DWORD attributes, DWORD tag);

/*
 * Make a folder that LocalSystem and administrators alone may enter, or make
 * an existing one so, with what inherits from it.  A link, and one that
 * somebody else owns, is refused: ProgramData lets every user make folders, and
 * their owner gets in again.
 *
 * Returns as access_check_file().
 */
LASTCALL_MUST_USE enum lastcall_status
access_close_folder(const wchar_t *path, struct platform_error *error);

#endif
