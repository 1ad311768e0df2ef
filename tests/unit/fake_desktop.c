#include "tests/unit/fake_desktop.h"

enum lastcall_status fake_desktop_try(struct fake_desktop *desktop,
                                      int64_t timeout_ms,
                                      struct platform_error *error)
{
    const struct backend_surroundings around = {
        .settings = &desktop->settings,
        .clock = &platform_clock,
    };

    desktop->settings.timeout_ms = timeout_ms;
    desktop->settings.backend = BACKEND_WTS;
    snprintf(desktop->settings.name.text, sizeof(desktop->settings.name.text),
             "desktop");
    return fake_wts_backend_ops.open(&around, &desktop->backend, error);
}

void fake_desktop_open(struct fake_desktop *desktop, int64_t timeout_ms)
{
    struct platform_error error = {""};

    *desktop = (struct fake_desktop){0};
    assert_int_equal(fake_desktop_try(desktop, timeout_ms, &error),
                     LASTCALL_OK);
}

void fake_desktop_close(struct fake_desktop *desktop)
{
    fake_wts_release();
    fake_wts_backend_ops.close(desktop->backend);
    fake_wts_await(&fake_wts.closes, fake_wts.opens);
}

void fake_desktop_list(struct fake_desktop *desktop, struct session_list *out)
{
    struct session_outcome outcome;

    if (fake_wts_backend_ops.list(desktop->backend, out, &outcome) !=
        LASTCALL_OK)
        fail_msg("%s", outcome.detail);
    assert_int_equal(outcome.code, LASTCALL_OK);
}

void fake_desktop_hang(struct fake_desktop *desktop, unsigned held,
                       struct session_outcome *outcome)
{
    struct session_list sessions = {0};

    do
        assert_int_equal(
            fake_wts_backend_ops.list(desktop->backend, &sessions, outcome),
            LASTCALL_TIMEOUT);
    while (!watch_await(&fake_wts.watch, &fake_wts.held, held, MIDDLE_MS));
    assert_int_equal(sessions.count, 0);
}

void fake_desktop_pick(struct fake_desktop *desktop, const char *id,
                       struct session *out)
{
    struct session_list sessions = {0};

    fake_desktop_list(desktop, &sessions);
    assert_non_null(session_list_find(&sessions, id));
    assert_int_equal(session_copy(session_list_find(&sessions, id), out),
                     LASTCALL_OK);
    session_list_deinit(&sessions);
}

enum lastcall_status fake_desktop_act(struct fake_desktop *desktop,
                                      enum action action,
                                      const struct session *target,
                                      struct session_outcome *outcome)
{
    const struct order order = {.request = {.action = action}};
    enum lastcall_status status =
        fake_wts_backend_ops.act(desktop->backend, target, &order, outcome);

    assert_int_equal(status, outcome->code);
    return status;
}

enum lastcall_status fake_desktop_pick_and_act(struct fake_desktop *desktop,
                                               enum action action,
                                               const char *id,
                                               struct session_outcome *outcome)
{
    struct session target = {0};
    enum lastcall_status status = LASTCALL_OK;

    fake_desktop_pick(desktop, id, &target);
    status = fake_desktop_act(desktop, action, &target, outcome);
    session_deinit(&target);
    return status;
}

void fake_desktop_says(const struct session_outcome *outcome, const char *part)
{
    if (strstr(outcome->detail, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, outcome->detail);
}

int fake_desktop_setup(void **state)
{
    (void)state;
    fake_wts_reset();
    return 0;
}
