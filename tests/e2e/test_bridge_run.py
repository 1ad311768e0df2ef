"""The bridge as a process: it starts, shows, presses, and ends in order."""

import json
import os
import time

import pytest

from home_assistant import UNAVAILABLE, HomeAssistant
from stage import write_file

CONFIG = """\
[bridge]
quiet = %s
%s
[button "stop-all"]
target = host:media-*
action = stop
every = yes
reason = Enough.
min_interval = 1s

[button "everywhere"]
target = all
action = stop
every = yes
min_interval = 1s
"""
SESSIONS = "sensor.lastcall_media_01_sessions_home"
BUTTON = "button.lastcall_media_01_stop_all"
RESULT = "event.lastcall_media_01_result"


class Bridge:
    def __init__(self, stage, quiet="0s", more=""):
        self.stage = stage
        self.operator = stage.operator("bridge")
        self.config = write_file(
            os.path.join(self.operator.directory, "bridge.conf"),
            CONFIG % (quiet, more))
        self.process = None

    def start(self):
        self.process = self.operator.spawn("bridge", "--config", self.config,
                                           "--log-level", "debug")
        self.process.await_line("HOME-UP")
        return self

    def check(self):
        return self.operator.run("bridge", "--config", self.config, "--check")


@pytest.fixture
def home(scene):
    client = HomeAssistant().start(scene.stage.broker)
    scene.stage.clients.append(client)
    return client


def test_the_fleet_is_shown_and_follows(scene, home):
    bridge = Bridge(scene.stage).start()
    home.await_states({SESSIONS: "0",
                       "binary_sensor.lastcall_media_01_worker": "on",
                       "binary_sensor.lastcall_media_01_reachable_home": "on",
                       "binary_sensor.lastcall_bridge": "on"})
    key = scene.plex.play("one", user="kim", title="Alien")
    home.await_state(SESSIONS, "1")
    shown = home.attributes(SESSIONS)["sessions"]
    assert [s["username"] for s in shown] == ["kim"]
    event = home.await_event("event.lastcall_media_01_event")
    assert event.type == "started"
    assert event.attributes["session"]["session_id"] == "one"
    scene.plex.remove(key)
    home.await_state(SESSIONS, "0")
    scene.worker.stop()
    home.await_states({"binary_sensor.lastcall_media_01_worker": "off",
                       SESSIONS: UNAVAILABLE})
    assert home.problems == []
    # What is plain is not announced as a token.
    assert not any(hasattr(m.properties, "ContentType")
                   for m in home.messages)
    assert bridge.process.stop() == 0
    home.await_state("binary_sensor.lastcall_bridge", "off")


def test_a_press_is_answered_within_a_second(scene, home):
    Bridge(scene.stage).start()
    home.await_state(SESSIONS, "0")
    announced = [m.topic for m in home.messages
                 if m.topic.endswith("/config")]
    assert announced[0] == "homeassistant/device/lastcall_lastcall/config"
    scene.plex.play("one", user="kim")
    home.await_state(SESSIONS, "1")
    at = home.press(BUTTON)
    event = home.await_event(RESULT)
    assert event.arrived - at < 1
    assert event.type == "success", event
    assert event.attributes["succeeded"] == 1
    ended = home.await_event("event.lastcall_media_01_event",
                             match=lambda e: e.type == "ended")
    assert ended.attributes["ended_by"] == event.attributes["request_id"]
    assert ended.attributes["ended_by_controller"] == "bridge"


def test_a_broadcast_is_told_on_both_devices(scene, home):
    bridge = Bridge(scene.stage).start()
    home.await_state(SESSIONS, "0")
    home.press("button.lastcall_everywhere")
    whole = home.await_event("event.lastcall_result")
    assert whole.type == "success"
    assert whole.attributes["hosts"] == whole.attributes["answered"] == 1
    one = home.await_event(RESULT)
    assert one.attributes["request_id"] == whole.attributes["request_id"]
    jobs = bridge.operator.run("jobs", "-o", "json").json()
    assert "bridge: button everywhere" in json.dumps(jobs)


def test_early_and_retained_presses_do_not_count(scene, home):
    press = "lastcall/ha/host/media-01/press"
    bridge = Bridge(scene.stage, quiet="2s")
    home.send(press, "stop-all", qos=1, retain=True)
    bridge.start()
    bridge.process.await_line("PRESS-DROP.*: retained")
    home.send(press, "stop-all", qos=1)
    bridge.process.await_line("PRESS-DROP.*stop-all.*: early")
    home.send(press, "x" * 5000, qos=1)
    deadline = time.monotonic() + 10
    while "PRESS-TAKEN" not in bridge.process.output():
        assert time.monotonic() < deadline, bridge.process.output()
        home.send(press, "stop-all", qos=1)
        time.sleep(0.3)
    home.send(press, "", qos=1, retain=True)


def test_a_press_with_the_retain_flag_does_not_count_either(scene, home):
    press = "lastcall/ha/host/media-01/press"
    bridge = Bridge(scene.stage).start()
    home.await_state(SESSIONS, "0")
    home.send(press, "stop-all", qos=1, retain=True)
    bridge.process.await_line("PRESS-DROP.*stop-all.*: retained")
    assert "PRESS-TAKEN" not in bridge.process.output()
    home.send(press, "", qos=1, retain=True)


def test_what_is_stale_is_swept(scene, home):
    first = Bridge(scene.stage).start()
    home.await_state(SESSIONS, "0")
    assert first.process.stop() == 0
    left = Bridge.__new__(Bridge)
    left.__dict__.update(first.__dict__)
    left.config = write_file(first.config + "2",
                             CONFIG % ("0s", "hosts = none-*\n"))
    mark = home.mark()
    left.start()
    home.await_state(SESSIONS, None)
    topics = {m.topic for m in home.since(mark, lambda m: not m.payload)}
    assert "homeassistant/device/lastcall_lastcall_media-01/config" in topics


def test_check_says_what_would_be_shown(scene):
    done = Bridge(scene.stage).check()
    assert done.status == 0, done
    assert "host media-01: home [stop-all]" in done.out
    bad = Bridge.__new__(Bridge)
    bad.operator = scene.stage.operator(
        "narrow", [{"actions": ["stop", "end"], "backends": ["plex"],
                    "audiences": ["host:*"]}])
    bad.config = write_file(os.path.join(bad.operator.directory, "b.conf"),
                            CONFIG % ("0s", ""))
    done = bad.check()
    assert done.status == 1, done
    assert 'button "everywhere" will be refused' in done.err
    assert "which is more than any button asks" in done.err
