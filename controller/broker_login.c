#include "controller/broker_login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/io/keyfile.h"

#define PASSWORD_BYTES_MAX 4096
#define KEEP_ALIVE_S 30

/* Have the login own a text that may be NULL. */
static enum lastcall_status own(struct broker_login *login, const char **text)
{
    char *copy = bytes_copy_text(*text);

    if (copy == NULL)
        return *text == NULL ? LASTCALL_OK : LASTCALL_E_NOMEM;
    login->texts[login->text_count++] = copy;
    *text = copy;
    return LASTCALL_OK;
}

static enum lastcall_status own_all(struct broker_login *login)
{
    struct broker_account *account = &login->account;
    const char **const texts[BROKER_LOGIN_TEXT_MAX] = {
        &account->uri, &account->username, &account->password_file,
        &account->ca,  &account->cert,     &account->cert_key,
    };
    enum lastcall_status status = LASTCALL_OK;

    for (size_t i = 0; i < BROKER_LOGIN_TEXT_MAX && status == LASTCALL_OK; i++)
        status = own(login, texts[i]);
    return status;
}

enum lastcall_status broker_login_open(const struct broker_account *account,
                                       struct broker_login *out,
                                       struct platform_error *error)
{
    struct request_id id = {0};
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    *out = (struct broker_login){.account = *account};
    *error = (struct platform_error){0};
    status = platform_random_id(&id);
    if (status != LASTCALL_OK)
        return status;
    snprintf(out->client_id, sizeof out->client_id, "lastcall-%s", id.text);
    status = own_all(out);
    if (status != LASTCALL_OK || account->password_file == NULL)
        return status;
    return keyfile_read_line(account->password_file, FILE_SECRET,
                             PASSWORD_BYTES_MAX, &out->password, error);
}

void broker_login_deinit(struct broker_login *login)
{
    bytes_deinit(&login->password);
    for (size_t i = 0; i < login->text_count; i++)
        free(login->texts[i]);
    *login = (struct broker_login){0};
}

static bool is_same(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other
                                        : strcmp(one, other) == 0;
}

/* The file may have another password now. */
static bool is_same_password(const struct broker_login *login, const char *path)
{
    struct platform_error error = {0};
    struct bytes now;
    bool is_as_before = false;

    if (path == NULL)
        return login->password.len == 0;
    if (keyfile_read_line(path, FILE_SECRET, PASSWORD_BYTES_MAX, &now,
                          &error) == LASTCALL_OK)
        is_as_before =
            is_same((const char *)login->password.data, (const char *)now.data);
    bytes_deinit(&now);
    return is_as_before;
}

bool broker_login_is_as(const struct broker_login *login,
                        const struct broker_account *account)
{
    const struct broker_account *known = &login->account;

    return is_same(known->uri, account->uri) &&
           is_same(known->username, account->username) &&
           is_same(known->ca, account->ca) &&
           is_same(known->cert, account->cert) &&
           is_same(known->cert_key, account->cert_key) &&
           is_same_password(login, account->password_file);
}

struct mqtt_options broker_login_options(const struct broker_login *login)
{
    const struct broker_account *account = &login->account;

    return (struct mqtt_options){
        .uri = account->uri,
        .client_id = login->client_id,
        .username = account->username,
        .password = (const char *)login->password.data,
        .ca = account->ca,
        .cert = account->cert,
        .cert_key = account->cert_key,
        .clean_start = true,
        .keep_alive_s = KEEP_ALIVE_S,
        .receive_maximum = UINT16_MAX,
    };
}
