/*
 * Signing in with a broker, the fleet's or the home's: what both sessions tell
 * of us, under an id that nobody else has.
 */
#ifndef LASTCALL_CONTROLLER_BROKER_LOGIN_H
#define LASTCALL_CONTROLLER_BROKER_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/bytes.h"
#include "protocol/io/mqtt.h"
#include "protocol/io/platform.h"
#include "protocol/name.h"

#define BROKER_LOGIN_ID_SIZE (sizeof "lastcall-" + REQUEST_ID_LEN_MAX)

/* Texts of an account. */
#define BROKER_LOGIN_TEXT_MAX 6

/* Where a broker is, and what we prove ourselves with; all borrowed. */
struct broker_account {
    const char *uri;
    const char *username;      /* or NULL, as all that follow */
    const char *password_file; /* one line */
    const char *ca;
    const char *cert;
    const char *cert_key;
};

/* {0} is empty. */
struct broker_login {
    struct broker_account account;      /* its texts are these: */
    char *texts[BROKER_LOGIN_TEXT_MAX]; /* owned */
    size_t text_count;
    struct bytes password; /* owned */
    char client_id[BROKER_LOGIN_ID_SIZE];
};

/*
 * Read the password, and make up an id.
 *
 *   account  copied, with its texts
 *   error    what is wrong with the file, or ""
 *
 * Returns LASTCALL_OK, LASTCALL_E_INTERNAL (no randomness), LASTCALL_E_NOMEM,
 *         or what keyfile_read_line() returns.
 * Owner:  the caller calls broker_login_deinit(out) in every case.
 */
LASTCALL_MUST_USE enum lastcall_status
broker_login_open(const struct broker_account *account,
                  struct broker_login *out, struct platform_error *error);
void broker_login_deinit(struct broker_login *login);

/* Say whether a login that would be opened now would be the same, but for its
 * id; the password is read again. */
bool broker_login_is_as(const struct broker_login *login,
                        const struct broker_account *account);

/* The options of a session, the texts borrowed from the login: without what is
 * the session's own, which begins clean and ends with the connection. */
struct mqtt_options broker_login_options(const struct broker_login *login);

#endif
