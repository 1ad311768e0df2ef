#include "tests/standin/wts/answer_win32.h"

#include <winsock2.h>

#include <windows.h>
#include <ws2tcpip.h>

#include <stdbool.h>
#include <string.h>

#include "tests/standin/wts/block.h"
#include "worker/wts_abi.h"

/* WTS_CLIENT_ADDRESS. */
struct client_address {
    uint32_t family;
    uint8_t address[20];
};

/* As Windows fills its arrays: cut, and without a NUL when they are full. */
static void fill_array(const char *text, uint16_t *out, size_t count)
{
    size_t bytes = 0;
    uint16_t *whole = block_text(BLOCK_PLAIN, text, &bytes);

    if (whole == NULL)
        return;
    if (bytes > count * sizeof(*out))
        bytes = count * sizeof(*out);
    memcpy(out, whole, bytes);
    block_free(whole, BLOCK_PLAIN, 0);
}

#define FILL(text, array)                                                      \
    fill_array(text, array, sizeof(array) / sizeof((array)[0]))

/* The address's bytes and its family; false: there is none. */
static bool read_address(const char *text, uint32_t *family, uint8_t bytes[16])
{
    memset(bytes, 0, 16);
    *family = 0;
    if (text == NULL || text[0] == '\0')
        return false;
    if (inet_pton(AF_INET, text, bytes) == 1)
        *family = WTS_ABI_FAMILY_IPV4;
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        *family = WTS_ABI_FAMILY_IPV6;
    return *family != 0;
}

/* Make a block of a structure. */
static uint32_t give(struct answer *answer, const void *data, size_t size)
{
    answer->block = block_new(BLOCK_PLAIN, size, 0);
    if (answer->block == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    memcpy(answer->block, data, size);
    answer->bytes = size;
    return RDS_OK;
}

static uint32_t give_text(struct answer *answer, const char *text)
{
    answer->block =
        block_text(BLOCK_PLAIN, text == NULL ? "" : text, &answer->bytes);
    return answer->block == NULL ? ERROR_NOT_ENOUGH_MEMORY : RDS_OK;
}

static uint32_t give_info_ex(const struct rds_scene *scene,
                             struct answer *answer)
{
    const struct state_session *session = scene->session;
    struct wts_abi_info_ex info = {
        .level = scene->quirk.level == 0 ? WTS_ABI_LEVEL
                                         : (uint32_t)scene->quirk.level,
        .session_id = (uint32_t)session->id,
        .state = (int32_t)session->state,
        .flags = rds_lock_flag(scene->state, session),
        .logon_time = session->logon_ft,
        .connect_time = session->connect_ft,
        .disconnect_time = session->disc_ft,
        .last_input_time = session->input_ft,
        .current_time = scene->now_ft,
    };

    FILL(session->name, info.station_name);
    FILL(session->user, info.user_name);
    FILL(session->domain, info.domain_name);
    return give(answer, &info, sizeof(info));
}

static uint32_t give_info(const struct rds_scene *scene, struct answer *answer)
{
    const struct state_session *session = scene->session;
    struct wts_abi_info info = {
        .state = (int32_t)session->state,
        .session_id = (uint32_t)session->id,
        .connect_time = session->connect_ft,
        .disconnect_time = session->disc_ft,
        .last_input_time = session->input_ft,
        .logon_time = session->logon_ft,
        .current_time = scene->now_ft,
    };

    FILL(session->name, info.station_name);
    FILL(session->user, info.user_name);
    FILL(session->domain, info.domain_name);
    return give(answer, &info, sizeof(info));
}

static uint32_t give_client(const struct state_session *session,
                            struct answer *answer)
{
    struct wts_abi_client client = {
        .width = (uint16_t)session->width,
        .height = (uint16_t)session->height,
        .color_depth = (uint16_t)session->depth,
        .build = (uint32_t)session->build,
    };
    uint8_t bytes[16];

    FILL(session->client, client.client_name);
    FILL(session->domain, client.domain);
    FILL(session->user, client.user_name);
    FILL(session->dir, client.client_directory);
    if (read_address(session->addr, &client.address_family, bytes))
        for (size_t i = 0; i < sizeof(bytes); i++)
            client.address[i] = bytes[i];
    return give(answer, &client, sizeof(client));
}

static uint32_t give_address(const struct state_session *session,
                             struct answer *answer)
{
    struct client_address address = {0};
    uint8_t bytes[16];

    if (read_address(session->addr, &address.family, bytes))
        memcpy(address.address +
                   (address.family == WTS_ABI_FAMILY_IPV4 ? 2 : 0),
               bytes, sizeof(bytes));
    return give(answer, &address, sizeof(address));
}

static uint32_t act_plainly(struct rds_scene *scene, void *context)
{
    const struct state_session *session = scene->session;
    struct answer *answer = context;
    uint32_t number;
    uint16_t protocol = (uint16_t)session->proto;
    uint8_t is_remote = session->proto != 0;

    switch (answer->class) {
    case RDS_SESSION_ID:
        number = (uint32_t)session->id;
        return give(answer, &number, sizeof(number));
    case RDS_CONNECT_STATE:
        number = (uint32_t)session->state;
        return give(answer, &number, sizeof(number));
    case RDS_USER_NAME:
        return give_text(answer, session->user);
    case RDS_STATION_NAME:
        return give_text(answer, session->name);
    case RDS_DOMAIN_NAME:
        return give_text(answer, session->domain);
    case RDS_CLIENT_NAME:
        return give_text(answer, session->client);
    case RDS_CLIENT_ADDRESS:
        return give_address(session, answer);
    case RDS_CLIENT_PROTOCOL:
        return give(answer, &protocol, sizeof(protocol));
    case RDS_CLIENT_INFO:
        return give_client(session, answer);
    case RDS_SESSION_INFO:
        return give_info(scene, answer);
    case RDS_SESSION_INFO_EX:
        return give_info_ex(scene, answer);
    case RDS_IS_REMOTE:
        return give(answer, &is_remote, sizeof(is_remote));
    default:
        return answer->class >= RDS_IDLE_TIME &&
                       answer->class <= RDS_LAST_UNSUPPORTED
                   ? RDS_NOT_SUPPORTED
                   : RDS_INVALID_PARAMETER;
    }
}

uint32_t answer_query(struct rds_scene *scene, void *context)
{
    struct answer *answer = context;

    if (scene->quirk.nullptr_ != 0)
        return RDS_OK;
    if (scene->quirk.bytes >= 0) {
        uint32_t error = act_plainly(scene, context);

        answer->bytes = (size_t)scene->quirk.bytes;
        return error;
    }
    return act_plainly(scene, context);
}
