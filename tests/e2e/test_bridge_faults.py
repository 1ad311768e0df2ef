"""The bridge beside what went wrong: a grant that is over, another bridge, a
home that sends too much, a database that is held, a broker that hangs."""

import os
import sqlite3
import time

import lastcall_py as py
from processes import eventually
from stage import write_file
from test_bridge_life import Home, home  # noqa: F401

RESULT = "event.lastcall_one_result"
STATE = "lastcall/ha/bridge/state"
CLOCK_SKEW_S = 30  # IDENTITY_SKEW_S
HELD_MS = 2000  # STORE_BUSY_TIMEOUT_MS
LARGE_BYTES = 64 * 1024 * 1024


def await_button(home):
    home.paper("one")
    home.start()
    home.assistant.await_state(RESULT, "unknown")


def peak_kib(pid):
    with open("/proc/%d/status" % pid) as file:
        return next(int(line.split()[1]) for line in file
                    if line.startswith("VmHWM"))


def await_commands(home):
    watch = home.stage.controller("reader")
    watch.subscribe(home.stage.fleet.topic("host", "one", "command"))
    return watch


def commands(watch):
    return watch.since(0, lambda m: m.topic.endswith("/command"))


def test_a_press_of_megabytes_is_not_taken_in(home):
    await_button(home)
    before = peak_kib(home.bridge.pid)
    home.client.publish("lastcall/ha/host/one/press", b"x" * LARGE_BYTES)
    home.assistant.press("button.lastcall_one_stop")
    home.assistant.await_event(RESULT)
    assert peak_kib(home.bridge.pid) - before < LARGE_BYTES // 1024 // 4


def test_two_bridges_do_not_shout_at_each_other(home):
    """Nor is it kept from whoever runs them."""
    await_button(home)
    home.assistant.await_state("binary_sensor.lastcall_bridge", "on")
    rival = home.stage.controller("reader")
    rival.subscribe(STATE)

    def words(text, after=0):
        return rival.since(after, lambda m: m.topic == STATE
                           and m.payload == text)

    began = time.monotonic()
    seen = rival.await_message(lambda m: m.payload == b"online", "it").index
    for _ in range(3):
        rival.publish(STATE, "offline", retain=True)
        seen = rival.await_message(
            lambda m: m.topic == STATE and m.payload == b"online",
            "our state", after=seen + 1).index
    assert time.monotonic() - began > 1.9
    rival.publish(STATE, "online", retain=True)
    home.bridge.await_line("BRIDGE-TWO")
    assert home.bridge.output().count("BRIDGE-TWO") == 1


def test_a_second_bridge_is_told_of(home):
    await_button(home)
    time.sleep(2.1)  # BRIDGE_STATE_WAIT_MS: what was kept has come
    assert "BRIDGE-TWO" not in home.bridge.output()
    home.operator.spawn("bridge", "--config", home.config)
    home.bridge.await_line("BRIDGE-TWO")
