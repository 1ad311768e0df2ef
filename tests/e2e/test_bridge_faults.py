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
