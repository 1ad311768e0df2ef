"""Presses: which count, and what comes of them."""

import time

from household import (BUTTON, COUNT, LINK, RESULT, SESSION, STOP, SUMMARY,
                       entity, await_plays)

PRESS_S = 1.0  # from a press to its result


# holds 9.1, 9.7
def test_a_press_is_answered_within_a_second(house):
    """Several buttons, since each has its interval."""
    names = ["stop%d" % number for number in range(6)]
    plex = house.host()
    house.bridge(buttons={name: STOP for name in names}).start()
    house.ha = house.home_assistant()
    house.ha.await_state(COUNT, "0")
    took = []
    for number, name in enumerate(names):
        await_plays(house, plex, "session-%d" % number)
        at = house.ha.press(entity("button", name))
        result = house.ha.await_event(RESULT, after=number)
        took.append(result.arrived - at)
        assert result.type == "success"
        assert result.attributes["button"] == name
        assert result.attributes["code"] == "ok"
        assert result.attributes["succeeded"] == 1
        house.ha.await_state(COUNT, "0")
    print("press to result: max %.3f s of %s" % (
        max(took), ", ".join("%.3f" % t for t in took)))
    assert max(took) < PRESS_S, took
    assert plex.terminated() == ["session-%d" % n for n in range(6)]
    assert plex.terminates()[0].reason == b"It is bedtime."


# holds 9.5, 9.7
def test_the_ended_session_names_the_press(home):
    await_plays(home, home.plex, "one")
    home.ha.press(BUTTON)
    result = home.ha.await_event(RESULT)
    ended = home.ha.await_event(SESSION, match=lambda e: e.type == "ended")
    assert ended.attributes["ended_by"] == result.attributes["request_id"]
    assert ended.attributes["ended_by_controller"] == "home"
    assert ended.attributes["ended_by_plan"] is None


def test_a_press_with_nothing_to_do_is_a_success(home):
    home.ha.press(BUTTON)
    result = home.ha.await_event(RESULT)
    assert (result.type, result.attributes["code"]) == ("success", "no_match")
    assert result.attributes["matched"] == 0


# holds 9.6
def test_a_retained_press_is_dropped(house):
    plex = house.host()
    press = house.topic("host", "media-01", "press")
    plex.play("one")
    house.watcher.publish(press, "stop", retain=True)
    bridge = house.bridge().start()
    house.ha = house.home_assistant()
    house.ha.await_state(COUNT, "1")
    # Both while it is connected and when it comes back.
    house.watcher.publish(press, "stop", retain=True)
    bridge.restart()
    house.ha.await_states({COUNT: "1", LINK: "on"})
    house.watcher.publish(press, "", retain=True)
    house.ha.press(BUTTON)
    assert house.ha.await_event(RESULT).type == "success"
    assert plex.terminated() == ["one"]
    assert len(house.ha.events(RESULT)) == 1


# holds 9.6
def test_presses_in_the_first_seconds_are_dropped(house):
    plex = house.host()
    plex.play("one")
    house.ha = house.home_assistant()
    bridge = house.bridge(quiet="3s").start()
    house.ha.await_states({COUNT: "1", LINK: "on"})
    online = time.monotonic()
    house.ha.press(BUTTON)
    bridge.process.await_line("PRESS-DROP .*early")
    assert plex.terminated() == []
    time.sleep(max(0.0, online + 3.2 - time.monotonic()))
    house.ha.press(BUTTON)
    assert house.ha.await_event(RESULT).type == "success"
    assert len(house.ha.events(RESULT)) == 1


# holds 9.6
def test_presses_while_the_bridge_was_away_are_dropped(home):
    """Its session ends with it, so that no broker keeps presses for it."""
    await_plays(home, home.plex, "one")
    home.link.kill()
    home.ha.await_state(LINK, "off")
    home.ha.press(BUTTON)
    home.link.start()
    home.ha.await_states({LINK: "on", COUNT: "1"})
    home.ha.press(BUTTON)
    assert home.ha.await_event(RESULT).type == "success"
    assert len(home.ha.events(RESULT)) == 1


# holds 9.6
def test_a_press_that_comes_too_soon_is_dropped(house):
    plex = house.host()
    slow = {**STOP, "min_interval": "2s"}
    bridge = house.bridge(buttons={"stop": slow, "other": slow}).start()
    house.ha = house.home_assistant()
    await_plays(house, plex, "one")
    first = house.ha.press(BUTTON)
    house.ha.await_event(RESULT)
    await_plays(house, plex, "two")
    house.ha.press(BUTTON)
    bridge.process.await_line("PRESS-DROP .*repeated")
    assert plex.terminated() == ["one"]
    # Another button has an interval of its own.
    house.ha.press(entity("button", "other"))
    house.ha.await_event(RESULT, after=1)
    assert plex.terminated() == ["one", "two"]
    await_plays(house, plex, "three")
    time.sleep(max(0.0, first + 2.1 - time.monotonic()))
    house.ha.press(BUTTON)
    house.ha.await_event(RESULT, after=2)
    assert plex.terminated() == ["one", "two", "three"]


HOSTILE = {
    "empty": b"", "binary": b"\x00\xff\xfe\x80", "a megabyte": b"s" * 2 ** 20,
    "unknown": b"PRESS", "longer": b"stopx", "a space": b"stop ",
    "a NUL behind": b"stop\x00", "JSON": b'{"button": "stop"}',
    "of another host": b"other", "of the bridge": b"everybody"}


# holds 9.6
def test_what_is_no_press_is_dropped_and_the_bridge_lives(house):
    plex = house.host()
    bridge = house.bridge(buttons={
        "stop": STOP, "other": {**STOP, "target": "host:attic-01"},
        "everybody": {**STOP, "target": "all"}}).start()
    house.ha = house.home_assistant()
    await_plays(house, plex, "one")
    press = house.topic("host", "media-01", "press")
    for payload in HOSTILE.values():
        house.watcher.publish(press, payload)
    for odd in (house.topic("host", "no-such-host", "press"),
                house.topic("host", "Media-01", "press"),
                house.topic("host", "media-01", "x", "press"),
                house.topic("bridge", "press")):
        house.watcher.publish(odd, "stop")
    house.ha.press(BUTTON)
    assert house.ha.await_event(RESULT).attributes["succeeded"] == 1
    assert len(house.ha.events(RESULT)) == 1
    assert plex.terminated() == ["one"]
    assert bridge.process.running()


# holds 9.7
def test_a_host_that_does_not_answer_is_said_to_be_silent(house):
    plex = house.host()
    house.bridge(buttons={"stop": {**STOP, "timeout": "2s"}}).start()
    house.ha = house.home_assistant()
    await_plays(house, plex, "one")
    plex.fault("hang")
    house.ha.press(BUTTON)
    result = house.ha.await_event(RESULT)
    assert result.type in ("silent", "failure"), result
    plex.release()


# holds 9.1
def test_what_the_grant_does_not_permit_is_refused(house):
    house.host()
    narrow = [{"actions": ["stop"], "backends": ["plex"],
               "audiences": ["host:attic-*"]}]
    house.bridge(permit=narrow).start()
    house.ha = house.home_assistant()
    house.ha.await_state(COUNT, "0")
    house.ha.press(BUTTON)
    result = house.ha.await_event(RESULT)
    assert (result.type, result.attributes["code"]) == ("refused",
                                                        "forbidden")


# holds 9.7
def test_a_group_s_button_is_answered_by_each_host_and_summed_up(house):
    plexes = {name: house.host(name) for name in ("media-01", "media-02")}
    house.host("attic-01", groups=("attic",))
    lobby = [{"actions": ["stop"], "backends": ["plex"],
              "audiences": ["group:lobby"]}]
    house.bridge(permit=lobby, buttons={
        "all-off": {**STOP, "target": "group:lobby"}}).start()
    house.ha = house.home_assistant()
    second = entity("sensor", "sessions_home", "media-02")
    house.ha.await_states({COUNT: "0", second: "0", LINK: "on"})
    for plex in plexes.values():
        plex.play("one")
    house.ha.await_states({COUNT: "1", second: "1"})
    at = house.ha.press("button.lastcall_all_off")
    summary = house.ha.await_event(SUMMARY)
    assert summary.arrived - at < PRESS_S
    assert summary.type == "success"
    assert (summary.attributes["hosts"], summary.attributes["answered"],
            summary.attributes["silent"]) == (2, 2, 0)
    assert summary.attributes["succeeded"] == 2
    for host in plexes:
        result = house.ha.await_event(entity("event", "result", host))
        assert result.type == "success"
        assert result.attributes["button"] == "all-off"
        assert plexes[host].terminated() == ["one"]
    assert not house.ha.events(entity("event", "result", "attic-01"))
