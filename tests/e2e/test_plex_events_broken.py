"""An event stream of Plex that is broken, silent or lying: what it should
have told of is found by polling, and nobody is stormed."""

import time

import pytest

import stage as stage_module
from plex_live import HOST, PATH, SERVER, STOP_S, Live

# A polling interval that a test can wait for, and what a list and its way to
# us may take besides on a loaded machine.
POLL_S = 2
SLACK_S = 1.5


@pytest.fixture
def polled(stage, broker, plex):
    """Started by the test, once it has broken the stream."""
    return lambda **keys: Live(stage, plex, "%ds" % POLL_S, **keys)


def sticky(fault, **rule):
    return lambda plex: plex.fault(fault, path=PATH, sticky=True, **rule)


def options(**change):
    return lambda plex: plex.options(**change)


# What is wrong, and how often at most the stream may be asked for within the
# ten seconds or so of a test: pauses are 0.5, 1, 2, 4, 8 s at the least.
BROKEN = {
    "hang": (sticky("hang"), 1),
    "reset": (sticky("reset"), 6),
    "empty reply": (sticky("empty_reply"), 6),
    "400": (sticky("status", status=400), 6),
    "401": (sticky("status", status=401), 1),
    "403": (sticky("status", status=403), 1),
    "404": (sticky("status", status=404), 1),
    "405": (sticky("status", status=405), 1),
    "429": (sticky("status", status=429, retry_after="1"), 6),
    "500": (sticky("status", status=500), 6),
    "503": (sticky("status", status=503), 6),
    "redirect": (sticky("redirect"), 1),
    "html": (sticky("html"), 1),
    "json": (sticky("null"), 1),
    "no type": (sticky("body", type="text/event-streams", text="data: a\n\n"),
                1),
    "ended body": (sticky("body", type="text/event-stream",
                          text="event: playing\ndata: {}\n\n"), 6),
    "accepted and closed": (options(stream_drop_after=0), 6),
    "one event and closed": (options(stream_drop_after=1), 9),
    "half an event and closed": (options(stream_drop_after=1,
                                         stream_drop_partial=True), 9),
    "silent": (options(stream_events=False, stream_pings=False), 1),
    "lying": (options(stream_events=False), 1),
}


# holds 7.11
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_stream_leaves_the_polling(polled, plex, fault):
    break_it, most = BROKEN[fault]
    break_it(plex)
    live = polled()
    assert max(b for a, b in live.round(rest=0)) < POLL_S + SLACK_S
    assert 1 <= live.attempts() <= most
    # What happens again and again is said once.
    said = {event: live.logged(event) for event in (
        "STREAM-LOST", "STREAM-DENIED", "STREAM-ABSENT", "STREAM-LIVE")}
    assert sum(said.values()) == (0 if fault in ("hang", "silent", "lying")
                                  else 1), said


def test_a_stream_that_is_switched_off_is_never_asked_for(polled):
    live = polled(events="off")
    assert max(b for a, b in live.round(rest=0)) < POLL_S + SLACK_S
    assert live.attempts() == 0


def test_another_token_is_found_by_both(polled, plex):
    live = polled()
    plex.await_stream()
    plex.tokens({plex.token: "revoked", "second-token": "owner"})
    plex.stream(close=True)
    mark = live.alice.mark()
    live.await_inventory(lambda i: not i["reachable"], after=mark)
    live.worker.process.await_line("STREAM-DENIED")
    stage_module.write_file(live.host.path(SERVER + ".token"),
                            "second-token\n", 0o600)
    live.await_inventory(lambda i: i["reachable"], after=mark,
                         timeout=2 * POLL_S + SLACK_S)
    plex.await_count("streams", 2)


def test_another_token_is_found_where_only_the_stream_is_denied(polled, plex):
    plex.fault("status", status=401, path=PATH)
    plex.tokens({"second-token": "owner"})
    live = polled()
    live.worker.process.await_line("STREAM-DENIED")
    plex.await_lists(2)
    assert live.attempts() == 1
    stage_module.write_file(live.host.path(SERVER + ".token"),
                            "second-token\n", 0o600)
    live.plex.await_count("streams", 1)


@pytest.mark.parametrize("fault", ["hang", "silent", "lost"])
def test_a_stop_does_not_wait_for_the_stream(polled, plex, fault):
    if fault == "lost":
        plex.fault("reset", path=PATH, sticky=True)
    else:
        BROKEN[fault][0](plex)
    live = polled()
    while live.attempts() == 0:
        time.sleep(0.05)
    begun = time.monotonic()
    live.worker.stop()
    assert time.monotonic() - begun < STOP_S


@pytest.mark.parametrize("events, fault, line", [
    ("on", None, "ok   server home: its event stream tells of changes"),
    ("on", "404", "warn server home: no event stream, so that the sessions "
                  "are read every 3 s: there is none behind url (404 "),
    ("on", "hang", "warn server home: no event stream, so that the sessions "
                   "are read every 3 s: Plex: nothing came for "),
    ("off", None, "ok   server home: events = off: the sessions are read "
                  "every 3 s")])
def test_check_says_whether_there_is_a_stream(stage, broker, plex, events,
                                              fault, line):
    if fault:
        BROKEN[fault][0](plex)
    host = stage.host(HOST, {SERVER: (plex, {
        "sessions_interval": "3s", "events": events, "timeout": "500ms"})})
    done = stage_module.run([stage_module.processes.bin_path(
        "lastcall-worker"), "--config", host.config, "--check"])
    assert line in done.out and done.status == 0, done
    if events == "off":
        assert plex.counters()["streams"] == 0
