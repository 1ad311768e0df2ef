/*
 * The structures of Windows' session calls as they lie in memory on 64-bit
 * Windows, declared by ourselves: older headers lack half of them.  Shared by
 * wts_api_win32.c and by the stand-in that answers it in tests.
 *
 * Texts are UTF-16; an array of fixed length need not end with a NUL.  No
 * header of Windows is needed, so the sizes are checked wherever it compiles.
 *
 * Source: learn.microsoft.com, wtsapi32.h: WTS_SESSION_INFO_1W, WTSINFOEXW,
 * WTSINFOW, WTSCLIENTW.
 */
#ifndef LASTCALL_WORKER_WTS_ABI_H
#define LASTCALL_WORKER_WTS_ABI_H

#include <stddef.h>
#include <stdint.h>

/* WTS_INFO_CLASS, as far as they are asked. */
enum wts_abi_class {
    WTS_ABI_USER_NAME = 5,
    WTS_ABI_DOMAIN_NAME = 7,
    WTS_ABI_CLIENT_PROTOCOL = 16, /* uint16_t */
    WTS_ABI_CLIENT_INFO = 23,     /* struct wts_abi_client */
    WTS_ABI_INFO = 24,            /* struct wts_abi_info */
    WTS_ABI_INFO_EX = 25,         /* struct wts_abi_info_ex */
};

/* WTS_TYPE_CLASS: WTSTypeSessionInfoLevel1. */
#define WTS_ABI_TYPE_SESSION_1 2
/* The level of WTSEnumerateSessionsEx() and of WTSINFOEX. */
#define WTS_ABI_LEVEL 1
#define WTS_ABI_EVENT_ALL 0x7fffffffu
#define WTS_ABI_EVENT_FLUSH 0x80000000u
#define WTS_ABI_FAMILY_IPV4 2
#define WTS_ABI_FAMILY_IPV6 23

/* WTS_SESSION_INFO_1W; each pointer may be NULL. */
struct wts_abi_session {
    uint32_t exec_env_id;
    int32_t state;
    uint32_t session_id;
    uint16_t *session_name;
    uint16_t *host_name;
    uint16_t *user_name;
    uint16_t *domain_name;
    uint16_t *farm_name;
};

/* WTSINFOEXW of level 1. */
struct wts_abi_info_ex {
    uint32_t level;
    uint32_t reserved;
    uint32_t session_id;
    int32_t state;
    int32_t flags;
    uint16_t station_name[33];
    uint16_t user_name[21];
    uint16_t domain_name[18];
    int64_t logon_time;
    int64_t connect_time;
    int64_t disconnect_time;
    int64_t last_input_time;
    int64_t current_time;
    uint32_t counters[6];
};

/* WTSINFOW.  The times have another order than in WTSINFOEXW. */
struct wts_abi_info {
    int32_t state;
    uint32_t session_id;
    uint32_t counters[6];
    uint16_t station_name[32];
    uint16_t domain_name[17];
    uint16_t user_name[21];
    int64_t connect_time;
    int64_t disconnect_time;
    int64_t last_input_time;
    int64_t logon_time;
    int64_t current_time;
};

/* WTSCLIENTW. */
struct wts_abi_client {
    uint16_t client_name[21];
    uint16_t domain[18];
    uint16_t user_name[21];
    uint16_t work_directory[261];
    uint16_t initial_program[261];
    uint8_t encryption_level;
    uint32_t address_family;
    uint16_t address[31]; /* a byte in each */
    uint16_t width;
    uint16_t height;
    uint16_t color_depth;
    uint16_t client_directory[261];
    uint32_t build;
    uint32_t hardware_id;
    uint16_t product_id;
    uint16_t out_buffers_host;
    uint16_t out_buffers_client;
    uint16_t out_buffer_len;
    uint16_t device_id[261];
};

#define WTS_ABI_AT(tag, member, offset)                                        \
    _Static_assert(offsetof(struct tag, member) == (offset),                   \
                   #tag "." #member " lies elsewhere")

#if UINTPTR_MAX > UINT32_MAX
_Static_assert(sizeof(struct wts_abi_session) == 56, "WTS_SESSION_INFO_1W");
WTS_ABI_AT(wts_abi_session, state, 4);
WTS_ABI_AT(wts_abi_session, session_id, 8);
WTS_ABI_AT(wts_abi_session, session_name, 16);
WTS_ABI_AT(wts_abi_session, host_name, 24);
WTS_ABI_AT(wts_abi_session, user_name, 32);
WTS_ABI_AT(wts_abi_session, domain_name, 40);
WTS_ABI_AT(wts_abi_session, farm_name, 48);

_Static_assert(sizeof(struct wts_abi_info_ex) == 232, "WTSINFOEXW");
WTS_ABI_AT(wts_abi_info_ex, session_id, 8);
WTS_ABI_AT(wts_abi_info_ex, state, 12);
WTS_ABI_AT(wts_abi_info_ex, flags, 16);
WTS_ABI_AT(wts_abi_info_ex, station_name, 20);
WTS_ABI_AT(wts_abi_info_ex, user_name, 86);
WTS_ABI_AT(wts_abi_info_ex, domain_name, 128);
WTS_ABI_AT(wts_abi_info_ex, logon_time, 168);
WTS_ABI_AT(wts_abi_info_ex, connect_time, 176);
WTS_ABI_AT(wts_abi_info_ex, disconnect_time, 184);
WTS_ABI_AT(wts_abi_info_ex, last_input_time, 192);
WTS_ABI_AT(wts_abi_info_ex, current_time, 200);
WTS_ABI_AT(wts_abi_info_ex, counters, 208);

_Static_assert(sizeof(struct wts_abi_info) == 216, "WTSINFOW");
WTS_ABI_AT(wts_abi_info, session_id, 4);
WTS_ABI_AT(wts_abi_info, counters, 8);
WTS_ABI_AT(wts_abi_info, station_name, 32);
WTS_ABI_AT(wts_abi_info, domain_name, 96);
WTS_ABI_AT(wts_abi_info, user_name, 130);
WTS_ABI_AT(wts_abi_info, connect_time, 176);
WTS_ABI_AT(wts_abi_info, disconnect_time, 184);
WTS_ABI_AT(wts_abi_info, last_input_time, 192);
WTS_ABI_AT(wts_abi_info, logon_time, 200);
WTS_ABI_AT(wts_abi_info, current_time, 208);
#endif

_Static_assert(sizeof(struct wts_abi_client) == 2304, "WTSCLIENTW");
WTS_ABI_AT(wts_abi_client, domain, 42);
WTS_ABI_AT(wts_abi_client, user_name, 78);
WTS_ABI_AT(wts_abi_client, work_directory, 120);
WTS_ABI_AT(wts_abi_client, initial_program, 642);
WTS_ABI_AT(wts_abi_client, encryption_level, 1164);
WTS_ABI_AT(wts_abi_client, address_family, 1168);
WTS_ABI_AT(wts_abi_client, address, 1172);
WTS_ABI_AT(wts_abi_client, width, 1234);
WTS_ABI_AT(wts_abi_client, height, 1236);
WTS_ABI_AT(wts_abi_client, color_depth, 1238);
WTS_ABI_AT(wts_abi_client, client_directory, 1240);
WTS_ABI_AT(wts_abi_client, build, 1764);
WTS_ABI_AT(wts_abi_client, hardware_id, 1768);
WTS_ABI_AT(wts_abi_client, product_id, 1772);
WTS_ABI_AT(wts_abi_client, device_id, 1780);

#endif
