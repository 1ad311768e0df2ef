#include "controller/broker_login.h"

#include <stdio.h>

#include "protocol/io/keyfile.h"

#define PASSWORD_BYTES_MAX 4096
#define KEEP_ALIVE_S 30

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
    if (account->password_file == NULL)
        return LASTCALL_OK;
    return keyfile_read_line(account->password_file, FILE_SECRET,
                             PASSWORD_BYTES_MAX, &out->password, error);
}

void broker_login_deinit(struct broker_login *login)
{
    bytes_deinit(&login->password);
    *login = (struct broker_login){0};
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
