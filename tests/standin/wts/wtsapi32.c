/*
 * wtsapi32.dll for tests: the functions that Windows exports, over rds.h.
 * Source: learn.microsoft.com, wtsapi32.h.
 */
#include <winsock2.h>

#include <windows.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "tests/standin/wts/answer_win32.h"
#include "tests/standin/wts/block.h"
#include "tests/standin/wts/rds.h"
#include "tests/standin/wts/world.h"
#include "worker/wts_abi.h"

#define HANDLE_COUNT 64
#define HANDLE_FIRST 0x5700
#define NAME_SIZE 256
#define TEXT_SIZE 16384
#define QUERY "WTSQuerySessionInformationW"

/* WTS_SESSION_INFOW, which the worker does not use. */
struct session_plain {
    uint32_t session_id;
    uint16_t *station_name;
    int32_t state;
};
_Static_assert(sizeof(struct session_plain) == 24, "WTS_SESSION_INFOW");

/* Names of the machines that were opened; "" is free. */
static char machines[HANDLE_COUNT][NAME_SIZE];

HANDLE WINAPI WTSOpenServerExW(wchar_t *name);
HANDLE WINAPI WTSOpenServerW(wchar_t *name);
void WINAPI WTSCloseServer(HANDLE server);
BOOL WINAPI WTSEnumerateSessionsW(HANDLE server, DWORD reserved, DWORD version,
                                  struct session_plain **sessions,
                                  DWORD *count);
BOOL WINAPI WTSEnumerateSessionsExW(HANDLE server, DWORD *level, DWORD filter,
                                    struct wts_abi_session **sessions,
                                    DWORD *count);
void WINAPI WTSFreeMemory(void *block);
BOOL WINAPI WTSFreeMemoryExW(int type, void *block, ULONG count);
BOOL WINAPI WTSQuerySessionInformationW(HANDLE server, DWORD session, int class,
                                        wchar_t **block, DWORD *bytes);
BOOL WINAPI WTSDisconnectSession(HANDLE server, DWORD session, BOOL wait);
BOOL WINAPI WTSLogoffSession(HANDLE server, DWORD session, BOOL wait);
BOOL WINAPI WTSSendMessageW(HANDLE server, DWORD session, wchar_t *title,
                            DWORD title_bytes, wchar_t *text, DWORD text_bytes,
                            DWORD style, DWORD timeout_s, DWORD *answer,
                            BOOL wait);
BOOL WINAPI WTSWaitSystemEvent(HANDLE server, DWORD mask, DWORD *events);
BOOL WINAPI WTSRegisterSessionNotification(HWND window, DWORD flags);
BOOL WINAPI WTSUnRegisterSessionNotification(HWND window);
BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved);

/* ---- handles ---- */

static BOOL answer_with(uint32_t error)
{
    SetLastError(error);
    return error == RDS_OK;
}

/* The machine behind a handle; false: it is none of ours. */
static bool find_machine(HANDLE server, const char **name)
{
    uintptr_t index = (uintptr_t)server - HANDLE_FIRST;

    *name = NULL;
    if (server == NULL)
        return true;
    if (index >= HANDLE_COUNT || machines[index][0] == '\0')
        return false;
    *name = machines[index];
    return true;
}

/* A name that nobody bears shows with the first call that uses it. */
HANDLE WINAPI WTSOpenServerExW(wchar_t *name)
{
    HANDLE opened = NULL;

    if (name == NULL)
        return NULL;
    world_lock();
    for (uintptr_t i = 0; i < HANDLE_COUNT && opened == NULL; i++)
        if (machines[i][0] == '\0' &&
            WideCharToMultiByte(CP_UTF8, 0, name, -1, machines[i], NAME_SIZE,
                                NULL, NULL) > 1)
            opened = (HANDLE)(HANDLE_FIRST + i); // NOLINT
    world_unlock();
    if (opened == NULL)
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return opened;
}

HANDLE WINAPI WTSOpenServerW(wchar_t *name)
{
    return WTSOpenServerExW(name);
}

void WINAPI WTSCloseServer(HANDLE server)
{
    uintptr_t index = (uintptr_t)server - HANDLE_FIRST;

    if (index >= HANDLE_COUNT || machines[index][0] == '\0')
        rds_log("\"bad_free\":\"a handle that is not open\"");
    else
        machines[index][0] = '\0';
}

static unsigned count_open(void)
{
    unsigned count = 0;

    for (size_t i = 0; i < HANDLE_COUNT; i++)
        if (machines[i][0] != '\0')
            count++;
    return count;
}

static bool call_init(HANDLE server, const char *fn, enum rds_reach reach,
                      DWORD session, struct rds_call *out)
{
    *out = (struct rds_call){
        .fn = fn, .reach = reach, .session = session, .class = STATE_ANY};
    if (find_machine(server, &out->server))
        return true;
    rds_log("\"fn\":\"%s\",\"error\":6", fn);
    SetLastError(ERROR_INVALID_HANDLE);
    return false;
}

/* ---- lists ---- */

static bool is_on(const struct state_session *session, const char *server)
{
    if (session->server == NULL || server == NULL)
        return session->server == server;
    return strcmp(session->server, server) == 0;
}

static uint32_t count_on(const struct state *state, const char *server)
{
    uint32_t count = 0;

    for (size_t i = 0; i < state->sessions.count; i++)
        if (is_on(state_session_at(state, i), server))
            count++;
    return count;
}

struct listing {
    const char *server;
    struct wts_abi_session **sessions;
    struct session_plain **plain;
    DWORD *level;
    DWORD *count;
};

static void fill_entry(const struct state_session *session,
                       struct wts_abi_session *out)
{
    size_t bytes;

    out->exec_env_id = (uint32_t)session->id;
    out->state = (int32_t)session->state;
    out->session_id = (uint32_t)session->id;
    out->session_name = block_text(BLOCK_TEXT, session->name, &bytes);
    out->user_name = block_text(BLOCK_TEXT, session->user, &bytes);
    out->domain_name = block_text(BLOCK_TEXT, session->domain, &bytes);
}

static uint32_t act_enumerate_ex(struct rds_scene *scene, void *context)
{
    const struct listing *listing = context;
    const struct state *state = scene->state;
    uint32_t count = count_on(state, listing->server);
    struct wts_abi_session *next;

    if (scene->quirk.level != 0)
        *listing->level = (DWORD)scene->quirk.level;
    if (scene->quirk.nullptr_ != 0)
        return RDS_OK;
    next = block_new(BLOCK_LIST, (count + 1) * sizeof(*next), count);
    if (next == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    *listing->sessions = next;
    *listing->count = count;
    for (size_t i = 0; i < state->sessions.count; i++)
        if (is_on(state_session_at(state, i), listing->server))
            fill_entry(state_session_at(state, i), next++);
    return RDS_OK;
}

BOOL WINAPI WTSEnumerateSessionsExW(HANDLE server, DWORD *level, DWORD filter,
                                    struct wts_abi_session **sessions,
                                    DWORD *count)
{
    struct rds_call call;
    struct listing listing = {
        .sessions = sessions, .level = level, .count = count};

    if (!call_init(server, "WTSEnumerateSessionsExW", RDS_MACHINE, 0, &call))
        return FALSE;
    call.is_bad = level == NULL || *level != WTS_ABI_LEVEL || filter != 0 ||
                  sessions == NULL || count == NULL;
    listing.server = call.server;
    if (!call.is_bad) {
        *sessions = NULL;
        *count = 0;
    }
    return answer_with(rds_call(&call, act_enumerate_ex, &listing));
}

/* One block: the array, and behind it the texts. */
static uint32_t act_enumerate(struct rds_scene *scene, void *context)
{
    const struct listing *listing = context;
    const struct state *state = scene->state;
    uint32_t count = count_on(state, listing->server);
    size_t text_units = (size_t)count * STATE_TEXT_BYTES_MAX;
    struct session_plain *next;
    uint16_t *text;

    if (scene->quirk.nullptr_ != 0)
        return RDS_OK;
    next = block_new(BLOCK_PLAIN,
                     count * sizeof(*next) + text_units * sizeof(*text), 0);
    if (next == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    *listing->plain = next;
    *listing->count = count;
    text = (uint16_t *)(void *)(next + count);
    for (size_t i = 0; i < state->sessions.count; i++) {
        const struct state_session *session = state_session_at(state, i);

        if (!is_on(session, listing->server))
            continue;
        *next++ = (struct session_plain){(uint32_t)session->id, text,
                                         (int32_t)session->state};
        MultiByteToWideChar(CP_UTF8, 0,
                            session->name == NULL ? "" : session->name, -1,
                            text, STATE_TEXT_BYTES_MAX);
        text += STATE_TEXT_BYTES_MAX;
    }
    return RDS_OK;
}

BOOL WINAPI WTSEnumerateSessionsW(HANDLE server, DWORD reserved, DWORD version,
                                  struct session_plain **sessions, DWORD *count)
{
    struct rds_call call;
    struct listing listing = {.plain = sessions, .count = count};

    if (!call_init(server, "WTSEnumerateSessionsW", RDS_MACHINE, 0, &call))
        return FALSE;
    call.is_bad =
        reserved != 0 || version != 1 || sessions == NULL || count == NULL;
    listing.server = call.server;
    if (!call.is_bad) {
        *sessions = NULL;
        *count = 0;
    }
    return answer_with(rds_call(&call, act_enumerate, &listing));
}

void WINAPI WTSFreeMemory(void *block)
{
    block_free(block, BLOCK_PLAIN, 0);
}

BOOL WINAPI WTSFreeMemoryExW(int type, void *block, ULONG count)
{
    struct wts_abi_session *sessions = block;

    if (type != WTS_ABI_TYPE_SESSION_1)
        return answer_with(RDS_INVALID_PARAMETER);
    for (ULONG i = 0; i < count; i++) {
        block_free(sessions[i].session_name, BLOCK_TEXT, 0);
        block_free(sessions[i].user_name, BLOCK_TEXT, 0);
        block_free(sessions[i].domain_name, BLOCK_TEXT, 0);
    }
    block_free(block, BLOCK_LIST, (uint32_t)count);
    return answer_with(RDS_OK);
}

/* ---- one session ---- */

BOOL WINAPI WTSQuerySessionInformationW(HANDLE server, DWORD session, int class,
                                        wchar_t **block, DWORD *bytes)
{
    struct rds_call call;
    struct answer answer = {.class = class};
    uint32_t error;

    if (!call_init(server, QUERY, RDS_ANY, session, &call))
        return FALSE;
    call.class = class;
    call.is_bad = block == NULL || bytes == NULL;
    error = rds_call(&call, answer_query, &answer);
    if (block != NULL)
        *block = answer.block;
    if (bytes != NULL)
        *bytes = (DWORD)answer.bytes;
    return answer_with(error);
}

/* ---- acting ---- */

BOOL WINAPI WTSDisconnectSession(HANDLE server, DWORD session, BOOL wait)
{
    struct rds_call call;

    if (!call_init(server, "WTSDisconnectSession", RDS_USERS, session, &call))
        return FALSE;
    call.is_waited = wait;
    return answer_with(rds_disconnect(&call));
}

BOOL WINAPI WTSLogoffSession(HANDLE server, DWORD session, BOOL wait)
{
    struct rds_call call;

    if (!call_init(server, "WTSLogoffSession", RDS_USERS, session, &call))
        return FALSE;
    call.is_waited = wait;
    return answer_with(rds_logoff(&call));
}

/* Text of so many BYTES, as UTF-8; false: an odd number, too long, or with
 * its NUL counted. */
static bool read_text(const wchar_t *wide, DWORD bytes, char *out, size_t size)
{
    int len = 0;

    if (bytes % sizeof(*wide) != 0 || (wide == NULL && bytes != 0) ||
        wcsnlen(wide, bytes / sizeof(*wide)) * sizeof(*wide) != bytes)
        return false;
    if (bytes > 0) {
        len =
            WideCharToMultiByte(CP_UTF8, 0, wide, (int)(bytes / sizeof(*wide)),
                                out, (int)size - 1, NULL, NULL);
        if (len <= 0)
            return false;
    }
    out[len] = '\0';
    return true;
}

// NOLINTNEXTLINE(readability-function-size): as many as Windows has
BOOL WINAPI WTSSendMessageW(HANDLE server, DWORD session, wchar_t *title,
                            DWORD title_bytes, wchar_t *text, DWORD text_bytes,
                            DWORD style, DWORD timeout_s, DWORD *answer,
                            BOOL wait)
{
    struct rds_call call;
    struct rds_box box = {.style = style, .timeout_s = timeout_s};
    char *texts = calloc(2, TEXT_SIZE);
    uint32_t error;

    if (texts == NULL ||
        !call_init(server, "WTSSendMessageW", RDS_USERS, session, &call)) {
        free(texts);
        return FALSE;
    }
    call.is_waited = wait;
    call.is_bad = !read_text(title, title_bytes, texts, TEXT_SIZE) ||
                  !read_text(text, text_bytes, texts + TEXT_SIZE, TEXT_SIZE) ||
                  answer == NULL;
    box.title = texts;
    box.text = texts + TEXT_SIZE;
    error = rds_send_message(&call, &box);
    if (error == RDS_OK && answer != NULL)
        *answer = box.answer;
    free(texts);
    return answer_with(error);
}

BOOL WINAPI WTSWaitSystemEvent(HANDLE server, DWORD mask, DWORD *events)
{
    struct rds_call call;
    uint32_t seen = 0;
    uint32_t error;

    if (!call_init(server, "WTSWaitSystemEvent", RDS_MACHINE, 0, &call))
        return FALSE;
    if ((mask & WTS_ABI_EVENT_FLUSH) != 0) {
        rds_flush();
        return answer_with(RDS_OK);
    }
    call.is_bad = events == NULL;
    error = rds_wait_event(&call, mask, &seen);
    if (events != NULL)
        *events = seen;
    return answer_with(error);
}

BOOL WINAPI WTSRegisterSessionNotification(HWND window, DWORD flags)
{
    (void)window;
    (void)flags;
    return answer_with(RDS_NOT_SUPPORTED);
}

BOOL WINAPI WTSUnRegisterSessionNotification(HWND window)
{
    (void)window;
    return answer_with(RDS_NOT_SUPPORTED);
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved)
{
    (void)module;
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        rds_log("\"loaded\":true");
    else if (reason == DLL_PROCESS_DETACH)
        block_report(count_open());
    return TRUE;
}
