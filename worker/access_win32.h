/*
 * Who may change a file: what runs as LocalSystem must not be the word of
 * whoever may write to a folder.
 */
#ifndef LASTCALL_WORKER_ACCESS_WIN32_H
#define LASTCALL_WORKER_ACCESS_WIN32_H

#include <wchar.h>

#include "protocol/io/platform.h"

/*
 * Check that none but administrators may change a file, put something beside
 * it, or put another in its place by way of a folder above it.  Trusted are
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
 * Make a folder that LocalSystem and administrators alone may enter, or make
 * an existing one so, with what inherits from it.  One that somebody else owns
 * is refused: ProgramData lets every user make folders, and their owner gets
 * in again.
 *
 * Returns as access_check_file().
 */
LASTCALL_MUST_USE enum lastcall_status
access_close_folder(const wchar_t *path, struct platform_error *error);

#endif
