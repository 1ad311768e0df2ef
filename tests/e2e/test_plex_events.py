"""Changes that Plex tells of by its event stream."""

import statistics

import pytest

from plex_live import AT_ONCE_S, HOST, PATH, SERVER, Live

ROUNDS = 4


@pytest.fixture
def live(stage, broker, plex):
    """Polled once a minute: what shows sooner was told by the stream."""
    made = Live(stage, plex, "60s")
    made.settle()
    return made


# holds 7.2, 7.4, 7.11
def test_a_change_is_told_within_a_second(live):
    took = [pair for _ in range(ROUNDS) for pair in live.round()]
    for name, times in (("event", [a for a, b in took]),
                        ("inventory", [b for a, b in took])):
        print("%s: median %.3f s, maximum %.3f s of %d" % (
            name, statistics.median(times), max(times), len(times)))
        assert max(times) < AT_ONCE_S, times


# holds 7.2
def test_the_inventory_that_is_retained_is_the_new_one(live):
    live.plex.play("one")
    live.await_inventory(lambda i: i["count"] == 1, timeout=AT_ONCE_S)
    late = live.stage.controller("late")
    assert late.await_inventory(HOST, SERVER)["count"] == 1


# holds 7.4
def test_an_ending_by_command_is_told_with_its_request(live):
    live.plex.play("one")
    live.await_inventory(lambda i: i["count"] == 1, timeout=AT_ONCE_S)
    mark = live.alice.mark()
    command = live.alice.send(live.alice.command(
        "host:" + HOST, {"action": "stop", "session_id": "one"}))
    assert live.alice.await_result(command, HOST)["success"]
    ended = live.alice.await_event(HOST, SERVER, lambda e: e["kind"] ==
                                   "ended", after=mark, timeout=AT_ONCE_S)
    assert ended["ended_by"] == command.jti


def test_a_restart_of_plex_is_followed(live):
    mark = live.alice.mark()
    live.plex.restart(refuse_ms=1500)
    # That the stream broke is reason to look: nobody waits a minute.
    live.await_inventory(lambda i: not i["reachable"], after=mark, timeout=3)
    live.await_inventory(lambda i: i["reachable"], after=mark, timeout=10)
    live.settle(streams=2)
    assert max(b for a, b in live.round()) < AT_ONCE_S
    assert live.logged("STREAM-LOST") <= 1


def test_what_happened_while_there_was_no_stream_is_listed(live):
    live.plex.fault("reset", path=PATH, sticky=True)
    live.plex.stream(close=True)
    live.quiet(4)
    mark = live.alice.mark()
    live.plex.play("one")  # told to nobody
    live.plex.release()
    live.plex.await_count("streams", 2)
    live.await_inventory(lambda i: i["count"] == 1, after=mark,
                         timeout=AT_ONCE_S)


def test_nothing_of_a_stream_is_left_to_the_next(live):
    live.plex.stream(text=": half a comment")
    live.plex.stream(close=True)
    live.settle(streams=2)
    assert max(b for a, b in live.round()) < AT_ONCE_S


def test_a_reload_follows_the_stream_anew(live):
    live.worker.reload()
    live.plex.await_count("streams", 2)
    live.quiet(4)
    assert max(b for a, b in live.round()) < AT_ONCE_S
    live.host.servers[SERVER]["events"] = "off"
    live.host.write_config()
    lists = live.lists()
    live.worker.reload()
    live.plex.await_count("lists", lists + 1)  # by the one that is new
    live.quiet(2)
    assert live.attempts() == 2
