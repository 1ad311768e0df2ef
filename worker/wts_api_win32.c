#include "worker/wts_api_win32.h"

#include <winsock2.h>

#include <windows.h>
#include <ws2tcpip.h>

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "protocol/bytes.h"
#include "protocol/io/wide_win32.h"
#include "worker/wts_abi.h"

/* More than any machine has; a larger number is no answer. */
#define ENTRY_COUNT_MAX 65536u
/* The longest text that a class may answer with, in bytes. */
#define TEXT_BYTES_MAX 65536u
#define ADDRESS_SIZE 64
#define IPV4_LEN 4
#define IPV6_LEN 16

/* The functions of wtsapi32.dll, with our own names for its types. */
struct calls {
    HANDLE(WINAPI *open_server)(wchar_t *name);
    void(WINAPI *close_server)(HANDLE server);
    BOOL(WINAPI *enumerate)
    (HANDLE server, DWORD *level, DWORD filter,
     struct wts_abi_session **entries, DWORD *count);
    BOOL(WINAPI *free_entries)(int type, void *entries, ULONG count);
    BOOL(WINAPI *query)
    (HANDLE server, DWORD session, int class, wchar_t **block, DWORD *bytes);
    void(WINAPI *free_block)(void *block);
    BOOL(WINAPI *disconnect)(HANDLE server, DWORD session, BOOL wait);
    BOOL(WINAPI *logoff)(HANDLE server, DWORD session, BOOL wait);
    BOOL(WINAPI *send_message)
    (HANDLE server, DWORD session, wchar_t *title, DWORD title_bytes,
     wchar_t *text, DWORD text_bytes, DWORD style, DWORD timeout_s,
     DWORD *answer, BOOL wait);
    BOOL(WINAPI *wait_event)(HANDLE server, DWORD mask, DWORD *events);
};

struct server {
    HMODULE library; /* owned; NULL: this Windows has none */
    HANDLE handle;   /* owned unless NULL, which means this machine */
    struct calls calls;
};

/* ---- opening ---- */

/* All of them, or none. */
static bool bind_calls(HMODULE library, struct calls *out)
{
    static const char *const names[] = {
        "WTSOpenServerExW",
        "WTSCloseServer",
        "WTSEnumerateSessionsExW",
        "WTSFreeMemoryExW",
        "WTSQuerySessionInformationW",
        "WTSFreeMemory",
        "WTSDisconnectSession",
        "WTSLogoffSession",
        "WTSSendMessageW",
        "WTSWaitSystemEvent",
    };
    FARPROC found[sizeof(names) / sizeof(names[0])];

    _Static_assert(sizeof(found) == sizeof(*out), "a name for each call");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        found[i] = GetProcAddress(library, names[i]);
        if (found[i] == NULL)
            return false;
    }
    memcpy(out, found, sizeof(*out));
    return true;
}

/* What GetLastError() says of a call that failed. */
static uint32_t last_error(void)
{
    DWORD error = GetLastError();

    return error == 0 ? WTS_ERROR_UNKNOWN : error;
}

static void win32_close(void *state)
{
    struct server *server = state;

    if (server == NULL)
        return;
    if (server->handle != NULL)
        server->calls.close_server(server->handle);
    if (server->library != NULL)
        FreeLibrary(server->library);
    free(server);
}

static uint32_t open_handle(struct server *server, const char *computer)
{
    wchar_t *name;
    uint32_t error = WTS_ERROR_NONE;

    if (computer == NULL || server->library == NULL)
        return WTS_ERROR_NONE;
    name = wide_from_utf8(computer);
    if (name == NULL)
        return ERROR_NO_UNICODE_TRANSLATION;
    SetLastError(0);
    server->handle = server->calls.open_server(name);
    if (server->handle == NULL) /* which would mean this machine */
        error = last_error();
    free(name);
    return error;
}

static uint32_t win32_open(const char *computer, void **out)
{
    struct server *server = calloc(1, sizeof(*server));
    uint32_t error;

    *out = NULL;
    if (server == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    server->library =
        LoadLibraryExW(L"wtsapi32.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (server->library != NULL &&
        !bind_calls(server->library, &server->calls)) {
        FreeLibrary(server->library);
        server->library = NULL;
    }
    error = open_handle(server, computer);
    if (error != WTS_ERROR_NONE) {
        win32_close(server);
        return error;
    }
    *out = server;
    return WTS_ERROR_NONE;
}

/* Before each call: it may not set a number when it fails. */
static bool is_ready(const struct server *server)
{
    SetLastError(0);
    return server->library != NULL;
}

/* ---- the list ---- */

/* NULL and "" are both nobody; false: no memory. */
static bool take_text(const wchar_t *units, size_t count, char **out)
{
    *out = NULL;
    if (units == NULL || count == 0 || units[0] == 0)
        return true;
    *out = wide_array_to_utf8(units, count);
    return *out != NULL;
}

static bool take_entry(const struct wts_abi_session *raw,
                       struct wts_entries *out)
{
    struct wts_entry *entry = &out->items[out->count];

    *entry = (struct wts_entry){.id = raw->session_id, .state = raw->state};
    out->count++;
    return take_text(raw->session_name, SIZE_MAX, &entry->session_name) &&
           take_text(raw->user_name, SIZE_MAX, &entry->username) &&
           take_text(raw->domain_name, SIZE_MAX, &entry->domain);
}

static uint32_t take_entries(const struct wts_abi_session *raw, DWORD count,
                             struct wts_entries *out)
{
    out->items = calloc((size_t)count + 1, sizeof(*out->items));
    if (out->items == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    for (DWORD i = 0; i < count; i++)
        if (!take_entry(&raw[i], out)) {
            wts_entries_deinit(out);
            return ERROR_NOT_ENOUGH_MEMORY;
        }
    return WTS_ERROR_NONE;
}

static uint32_t win32_enumerate(void *state, struct wts_entries *out)
{
    const struct server *server = state;
    struct wts_abi_session *raw = NULL;
    DWORD level = WTS_ABI_LEVEL;
    DWORD count = 0;
    uint32_t error = WTS_ERROR_UNKNOWN;

    *out = (struct wts_entries){0};
    if (!is_ready(server))
        return ERROR_CALL_NOT_IMPLEMENTED;
    if (!server->calls.enumerate(server->handle, &level, 0, &raw, &count))
        return last_error();
    /* A list without a list is no proof that everybody has gone. */
    if (raw == NULL)
        return WTS_ERROR_UNKNOWN;
    if (level == WTS_ABI_LEVEL && count <= ENTRY_COUNT_MAX)
        error = take_entries(raw, count, out);
    server->calls.free_entries(WTS_ABI_TYPE_SESSION_1, raw, count);
    return error;
}

/* ---- one session ---- */

/* On WTS_ERROR_NONE block may still be NULL, then bytes is 0; else the caller
 * frees it by free_block. */
static uint32_t query(const struct server *server, uint32_t session,
                      enum wts_abi_class class, wchar_t **block, DWORD *bytes)
{
    *block = NULL;
    *bytes = 0;
    if (!is_ready(server))
        return ERROR_CALL_NOT_IMPLEMENTED;
    if (!server->calls.query(server->handle, session, (int)class, block, bytes))
        return last_error();
    if (*block == NULL)
        *bytes = 0;
    return WTS_ERROR_NONE;
}

/* Ask for a structure; less of it than there must be is no answer. */
static uint32_t query_struct(const struct server *server, uint32_t session,
                             enum wts_abi_class class, void *out, size_t size)
{
    wchar_t *block;
    DWORD bytes;
    uint32_t error = query(server, session, class, &block, &bytes);

    if (error != WTS_ERROR_NONE)
        return error;
    if (bytes < size)
        error = WTS_ERROR_UNKNOWN;
    else
        memcpy(out, block, size);
    if (block != NULL)
        server->calls.free_block(block);
    return error;
}

static uint32_t read_info_ex(const struct server *server, uint32_t session,
                             struct wts_info *out)
{
    struct wts_abi_info_ex raw;
    uint32_t error =
        query_struct(server, session, WTS_ABI_INFO_EX, &raw, sizeof(raw));

    if (error != WTS_ERROR_NONE)
        return error;
    if (raw.level != WTS_ABI_LEVEL)
        return WTS_ERROR_UNKNOWN;
    *out = (struct wts_info){
        .state = raw.state,
        .lock_flags = raw.flags,
        .logon_ft = raw.logon_time,
        .connect_ft = raw.connect_time,
        .disconnect_ft = raw.disconnect_time,
        .last_input_ft = raw.last_input_time,
        .current_ft = raw.current_time,
    };
    return WTS_ERROR_NONE;
}

static uint32_t read_info_old(const struct server *server, uint32_t session,
                              struct wts_info *out)
{
    struct wts_abi_info raw;
    uint32_t error =
        query_struct(server, session, WTS_ABI_INFO, &raw, sizeof(raw));

    if (error != WTS_ERROR_NONE)
        return error;
    *out = (struct wts_info){
        .state = raw.state,
        .lock_flags = WTS_LOCK_UNKNOWN,
        .logon_ft = raw.logon_time,
        .connect_ft = raw.connect_time,
        .disconnect_ft = raw.disconnect_time,
        .last_input_ft = raw.last_input_time,
        .current_ft = raw.current_time,
    };
    return WTS_ERROR_NONE;
}

static uint32_t win32_read_info(void *state, uint32_t session,
                                struct wts_info *out)
{
    uint32_t error;

    *out = (struct wts_info){0};
    error = read_info_ex(state, session, out);
    if (error == ERROR_INVALID_PARAMETER || error == ERROR_NOT_SUPPORTED)
        error = read_info_old(state, session, out);
    return error;
}

/* NULL: there is none; false: no memory. */
static bool take_address(const struct wts_abi_client *raw, char **out)
{
    unsigned char bytes[IPV6_LEN] = {0};
    char text[ADDRESS_SIZE] = "";
    size_t len = 0;
    int sum = 0;

    *out = NULL;
    if (raw->address_family == WTS_ABI_FAMILY_IPV4)
        len = IPV4_LEN;
    else if (raw->address_family == WTS_ABI_FAMILY_IPV6)
        len = IPV6_LEN;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (unsigned char)(raw->address[i] & 0xff);
        sum |= bytes[i];
    }
    if (sum == 0 || inet_ntop(len == IPV4_LEN ? AF_INET : AF_INET6, bytes, text,
                              sizeof(text)) == NULL)
        return true;
    *out = bytes_copy_text(text);
    return *out != NULL;
}

#define TAKE_ARRAY(array, out)                                                 \
    take_text(array, sizeof(array) / sizeof((array)[0]), out)

static uint32_t win32_read_client(void *state, uint32_t session,
                                  struct wts_client *out)
{
    struct wts_abi_client raw;
    uint32_t error;

    *out = (struct wts_client){0};
    error =
        query_struct(state, session, WTS_ABI_CLIENT_INFO, &raw, sizeof(raw));
    if (error != WTS_ERROR_NONE)
        return error;
    out->build = raw.build;
    out->width = raw.width;
    out->height = raw.height;
    out->color_depth = raw.color_depth;
    if (!TAKE_ARRAY(raw.client_name, &out->name) ||
        !TAKE_ARRAY(raw.client_directory, &out->directory) ||
        !take_address(&raw, &out->address)) {
        wts_client_deinit(out);
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    return WTS_ERROR_NONE;
}

static uint32_t win32_read_text(void *state, uint32_t session,
                                enum wts_text which, char **out)
{
    const struct server *server = state;
    wchar_t *block;
    DWORD bytes;
    uint32_t error;

    *out = NULL;
    error = query(server, session,
                  which == WTS_TEXT_USERNAME ? WTS_ABI_USER_NAME
                                             : WTS_ABI_DOMAIN_NAME,
                  &block, &bytes);
    if (error != WTS_ERROR_NONE || block == NULL)
        return error;
    if (bytes > TEXT_BYTES_MAX)
        error = WTS_ERROR_UNKNOWN;
    else if (!take_text(block, bytes / sizeof(*block), out))
        error = ERROR_NOT_ENOUGH_MEMORY;
    server->calls.free_block(block);
    return error;
}

static uint32_t win32_read_protocol(void *state, uint32_t session,
                                    uint32_t *out)
{
    uint16_t protocol = 0;
    uint32_t error;

    *out = 0;
    error = query_struct(state, session, WTS_ABI_CLIENT_PROTOCOL, &protocol,
                         sizeof(protocol));
    *out = protocol;
    return error;
}

/* ---- acting ---- */

static uint32_t win32_disconnect(void *state, uint32_t session)
{
    const struct server *server = state;

    if (!is_ready(server))
        return ERROR_CALL_NOT_IMPLEMENTED;
    return server->calls.disconnect(server->handle, session, TRUE)
               ? WTS_ERROR_NONE
               : last_error();
}

static uint32_t win32_logoff(void *state, uint32_t session)
{
    const struct server *server = state;

    if (!is_ready(server))
        return ERROR_CALL_NOT_IMPLEMENTED;
    return server->calls.logoff(server->handle, session, FALSE) ? WTS_ERROR_NONE
                                                                : last_error();
}

/* Lengths are in bytes, without the NUL. */
static DWORD bytes_of(const wchar_t *text)
{
    return (DWORD)(wcslen(text) * sizeof(*text));
}

static uint32_t win32_send_message(void *state, uint32_t session,
                                   const struct wts_message *message,
                                   uint32_t *answer)
{
    const struct server *server = state;
    wchar_t *title = wide_from_utf8(message->title);
    wchar_t *text = wide_from_utf8(message->text);
    DWORD response = 0;
    uint32_t error = ERROR_NO_UNICODE_TRANSLATION;

    *answer = 0;
    if (title == NULL || text == NULL)
        goto out;
    error = ERROR_CALL_NOT_IMPLEMENTED;
    if (!is_ready(server))
        goto out;
    error = server->calls.send_message(server->handle, session, title,
                                       bytes_of(title), text, bytes_of(text),
                                       message->style, message->timeout_s,
                                       &response, message->wait ? TRUE : FALSE)
                ? WTS_ERROR_NONE
                : last_error();
    if (error == WTS_ERROR_NONE)
        *answer = response;

out:
    free(title);
    free(text);
    return error;
}

/* ---- events ---- */

static uint32_t win32_wait_event(void *state)
{
    const struct server *server = state;
    DWORD events = 0;

    if (!is_ready(server))
        return ERROR_CALL_NOT_IMPLEMENTED;
    return server->calls.wait_event(server->handle, WTS_ABI_EVENT_ALL, &events)
               ? WTS_ERROR_NONE
               : last_error();
}

static void win32_flush_events(void *state)
{
    const struct server *server = state;
    DWORD events = 0;

    if (is_ready(server))
        server->calls.wait_event(server->handle, WTS_ABI_EVENT_FLUSH, &events);
}

const struct wts_api_ops wts_api_win32 = {
    .open = win32_open,
    .close = win32_close,
    .enumerate = win32_enumerate,
    .read_info = win32_read_info,
    .read_client = win32_read_client,
    .read_text = win32_read_text,
    .read_protocol = win32_read_protocol,
    .disconnect = win32_disconnect,
    .logoff = win32_logoff,
    .send_message = win32_send_message,
    .wait_event = win32_wait_event,
    .flush_events = win32_flush_events,
    .own_session = wts_machine_own_session,
    .version_text = wts_machine_version_text,
    .computer_name = wts_machine_computer_name,
    .is_lock_reversed = wts_machine_is_lock_reversed,
    .error_text = wts_machine_error_text,
};
