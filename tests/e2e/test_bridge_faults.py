"""The bridge beside what went wrong: a grant that is over, another bridge, a
home that sends too much, a database that is held, a broker that hangs."""

import functools
import json
import os
import re
import sqlite3
import time

import pytest

import lastcall_py as py
from household import House
from processes import eventually
from stage import lastcall, write_file
from test_bridge_life import Home, home  # noqa: F401

RESULT = "event.lastcall_one_result"
STATE = "lastcall/ha/bridge/state"
CLOCK_SKEW_S = 30  # IDENTITY_SKEW_S
HELD_MS = 2000  # STORE_BUSY_TIMEOUT_MS
LARGE_BYTES = 64 * 1024 * 1024
HANGING_HOSTS = 150  # more than HOME_WINDOW
CONFIG = """\
[bridge]
broker = %s
quiet = 0s
"""


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


# holds 9.16
def test_a_grant_that_ends_while_the_bridge_runs_is_said(stage, broker):
    home = Home(stage)
    party = home.operator.party
    claims = py.read_parts(party.grant)[1]
    now = int(time.time())
    claims.update(iat=now - 100, exp=now - CLOCK_SKEW_S + 8)
    write_file(home.operator.grant,
               stage.fleet.root.sign(py.TYP_GRANT, claims) + "\n")
    await_button(home)
    watch = await_commands(home)
    # The moment is the matter here: nothing tells of it but the clock.
    time.sleep(max(0.0, now + 9.5 - time.time()))
    home.assistant.press("button.lastcall_one_stop")
    event = home.assistant.await_event(RESULT)
    assert (event.type, event.attributes["code"]) == ("refused", "expired")
    assert event.attributes["request_id"] is None
    assert "expired" in event.attributes["detail"]
    assert not commands(watch)
    home.bridge.await_line("PRESS-REFUSED")


# holds 9.16
def test_a_grant_that_is_revoked_while_the_bridge_runs_is_said(home):
    await_button(home)
    watch = await_commands(home)
    home.client.publish(
        home.stage.fleet.topic("trust", "revoked"),
        home.stage.fleet.revocation(
            {home.operator.party.key.thumbprint: int(time.time()) + 60}),
        retain=True)

    def refused():
        home.assistant.press("button.lastcall_one_stop")
        return "PRESS-REFUSED" in home.bridge.output()
    eventually(refused, "a refusal")
    event = home.assistant.await_event(
        RESULT, match=lambda e: e.type == "refused")
    assert event.attributes["code"] == "revoked"
    assert all(m.payload for m in commands(watch))


def test_a_press_of_megabytes_is_not_taken_in(home):
    await_button(home)
    before = peak_kib(home.bridge.pid)
    home.client.publish("lastcall/ha/host/one/press", b"x" * LARGE_BYTES)
    home.assistant.press("button.lastcall_one_stop")
    home.assistant.await_event(RESULT)
    assert peak_kib(home.bridge.pid) - before < LARGE_BYTES // 1024 // 4


def test_megabytes_of_a_host_are_not_taken_in(home):
    one = home.paper("one")
    one.inventory(count=1)
    home.start()
    home.assistant.await_state(home.count("one"), "1")
    before = peak_kib(home.bridge.pid)
    one.say("sessions", "home", token=b"x" * LARGE_BYTES)
    one.inventory(count=2)
    home.assistant.await_state(home.count("one"), "2")
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
    home.client.publish(STATE, "online", retain=True)  # of a former life
    await_button(home)
    time.sleep(2.1)  # BRIDGE_STATE_WAIT_MS: what was kept has come
    assert "BRIDGE-TWO" not in home.bridge.output()
    home.operator.spawn("bridge", "--config", home.config)
    home.bridge.await_line("BRIDGE-TWO")


def jobs_file(home):
    found = [os.path.join(folder, name)
             for folder, _, names in os.walk(home.operator.directory)
             for name in names if name.startswith("jobs.")]
    return min(found, key=len)


def test_a_database_that_is_held_delays_and_stops_no_press(home):
    await_button(home)
    watch = await_commands(home)
    holder = sqlite3.connect(jobs_file(home), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        began = time.monotonic()
        home.assistant.press("button.lastcall_one_stop")
        watch.await_message(lambda m: m.topic.endswith("/command"),
                            "the command")
        assert time.monotonic() - began < HELD_MS / 1000 + 1.5
        event = home.assistant.await_event(RESULT)
        assert event.attributes["request_id"] is not None
        home.bridge.await_line("not kept")
        # It is not asked again for a while, so the next is not held up.
        began = time.monotonic()
        home.assistant.press("button.lastcall_one_stop")
        eventually(lambda: len({m.payload for m in commands(watch)}) == 2,
                   "the second command")
        assert time.monotonic() - began < HELD_MS / 1000
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.mark.parametrize("change, said", [
    (("pw-lastcall-bridge", "wrong"), "Not authorized|not authorised"),
    (None, "home.password: cannot open"),
    ("away", "refused"),
])
def test_a_check_finds_a_home_that_does_not_take_us(stage, change, said):
    house = House(stage)
    bridge = house.bridge()
    bridge.write_config()
    check = functools.partial(lastcall, "bridge", "--check", "--config",
                              bridge.config, "--timeout", "5s")
    done = check()
    assert done.status == 0, done
    if change is None:
        os.unlink(os.path.join(bridge.directory, "home.password"))
    elif change == "away":
        house.home_broker.kill()
    else:
        bridge.write("home.password", change[1] + "\n", 0o600)
    done = check()
    assert done.status == 1, done
    assert re.search(said, done.err, re.IGNORECASE), done


def test_a_home_s_broker_that_hangs_is_told_all_of_it_later(home):
    names = ["h%03d" % number for number in range(HANGING_HOSTS)]
    papers = [home.paper(name, wait=name == names[-1]) for name in names]
    fleets = home.stage.broker
    away = home.stage.start_broker()
    home.stage.broker = fleets  # where the bridge finds the hosts
    home.config = write_file(home.config, CONFIG % away.uri)
    seen = {}
    watch = py.Client()
    watch.connect(away)
    home.stage.clients.append(watch)
    watch.mqtt.message_callback_add(
        "homeassistant/device/+/config",
        lambda client, context, message: seen.update(
            {message.topic: message.payload}))
    watch.subscribe("homeassistant/device/+/config")
    home.start()
    eventually(lambda: len(seen) > HANGING_HOSTS, "the devices")
    away.process.pause()
    for paper in papers:
        paper.status(servers=("home", "second"), wait=paper is papers[-1])
    time.sleep(1.5)  # as much as may be under way, is
    away.process.resume()
    eventually(lambda: sum(b"sessions_second" in payload
                           for payload in seen.values()) == HANGING_HOSTS,
               "what is new")


# holds 9.11
def test_a_server_of_an_earlier_life_is_cleared(home):
    """Its host is shown, so that the device stays."""
    one = home.paper("one")
    one.inventory(count=1)
    old = "lastcall/ha/host/one/sessions/old"
    device = "homeassistant/device/lastcall_lastcall_one/config"
    home.client.publish(old, '{"count": 7}', retain=True)
    home.client.publish(device, json.dumps({
        "device": {"identifiers": ["lastcall_lastcall_one"]},
        "origin": {"name": "Lastcall"},
        "components": {"sessions_old": {"platform": "sensor"}}}), retain=True)
    watch = home.stage.controller("watch")
    watch.subscribe(old)
    home.start()
    watch.await_message(lambda m: m.topic == old and not m.payload,
                        "the clearing")
    home.assistant.await_state(home.count("one"), "1")


UNANNOUNCED_ACL = """\
user scribe
topic readwrite #
user homeassistant
topic readwrite #
user bridge
topic readwrite lastcall/#
topic read homeassistant/#
"""


def test_what_the_home_s_broker_refuses_is_said(stage):
    users = ("scribe", "homeassistant", "bridge")
    stage.start_broker(acl=UNANNOUNCED_ACL,
                       passwords={user: "pw-" + user for user in users})
    home = Home(stage)
    home.paper("one")
    home.start()
    home.bridge.await_line("HOME-REFUSED .*homeassistant/device/")


def test_who_is_not_shown_has_no_result_at_home(home):
    write_file(home.config, """\
[bridge]
quiet = 0s
hosts = one
[button "stop"]
target = all
action = stop
every = yes
timeout = 1s
""")
    home.paper("one")
    home.paper("two")
    home.start()
    home.assistant.await_state("event.lastcall_result", "unknown")
    watch = home.stage.controller("watch")
    watch.subscribe("lastcall/ha/+/+/result", "lastcall/ha/bridge/result")
    home.assistant.press("button.lastcall_stop")
    total = watch.await_message(lambda m: "/bridge/" in m.topic, "the sum")
    assert json.loads(total.payload)["hosts"] == 2
    told = watch.since(0, lambda m: m.topic.startswith("lastcall/ha/host/"))
    assert [m.topic for m in told] == ["lastcall/ha/host/one/result"]
    home.bridge.await_line("PRESS-DONE .*hosts=2 .*silent=2 ")
