"""The command as a Windows program, beside the service; under Wine."""

import pytest

from desk import OK
from household import entity
from terminal_server import session
from wine import WineHouse, WineOperator

DISCONNECT = {"name": "Free the desks", "target": "host:*",
              "action": "disconnect", "every": "yes", "reason": "Feierabend",
              "min_interval": "1s"}


@pytest.fixture
def operator(windows):
    return WineOperator(windows)


def test_it_ends_sessions_and_shows_them(windows, operator):
    windows.machine.put(session(2, user="zoë"))
    done = operator.run("disconnect", "--host", windows.name, "--user", "zoë",
                        "--yes", "--pass-thru", "-o", "json")
    [result] = done.json()["results"]
    assert result["success"] is True
    assert result["sessions"][0]["session"]["username"] == "zoë"
    assert windows.machine.ended("WTSDisconnectSession") == [2]


def test_it_watches(windows, operator):
    """From the first event on, in the letters that people have."""
    watch = operator.spawn("watch", "--host", windows.name, "--count", "2",
                           "-o", "ndjson")
    watch.await_record(lambda r: r["type"] == "start")
    windows.machine.put(session(2, user="zoë", domain="БЮРО"))
    watch.await_record(lambda r: r["type"] == "event")
    windows.machine.remove(2)
    assert watch.wait() == OK, watch.output()
    events = [r for r in watch.records() if r["type"] == "event"]
    assert [(e["kind"], e["session"]["username"], e["session"]["domain"])
            for e in events] == [("started", "zoë", "БЮРО"),
                                 ("ended", "zoë", "БЮРО")]


def test_it_is_a_bridge(windows):
    """Home Assistant counts a terminal server's sessions and frees it."""
    house = WineHouse(windows)
    home = house.home_assistant()
    house.bridge(buttons={"free": DISCONNECT}).start()
    count = entity("sensor", "sessions_desktop", windows.name)
    home.await_state(count, "0")
    windows.machine.put(session(2), session(3, user="zoë"))
    home.await_state(count, "2")
    home.press(entity("button", "free", windows.name))
    result = home.await_event(entity("event", "result", windows.name))
    assert (result.type, result.attributes["code"]) == ("success", "ok")
    assert result.attributes["succeeded"] == 2
    assert sorted(windows.machine.ended("WTSDisconnectSession")) == [2, 3]
    assert house.problems() == []
