"""The bridge over time: hosts that go, old news, many presses, the end."""

import json
import os
import re
import signal
import time

import paho.mqtt.client as mqtt
import pytest

import lastcall_py as py
from home_assistant import UNAVAILABLE, HomeAssistant
from household import COUNT, LINK, House, entity
from processes import eventually
from stage import write_file

IN_FLIGHT_MAX = 32  # BRIDGE_PRESS_MAX
HEARD_S = 15  # BRIDGE_HEARD_MS
CONFIG = """\
[bridge]
quiet = 0s
[button "stop"]
target = host:*
action = stop
every = yes
min_interval = 1s
timeout = %s
"""


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


class Paper:
    """A host without a worker: what it says is signed here."""

    def __init__(self, stage, client, name):
        self.party = stage.fleet.host(name)
        self.name, self.client, self.fleet = name, client, stage.fleet
        self.seq = 0

    def sign(self, kind, body, typ, now=None):
        claims = {"iss": "host:" + self.name,
                  "iat": int(now or time.time()), "jti": py.fresh_id(),
                  kind: body}
        return self.party.key.sign(typ, claims, self.party.grant)

    def say(self, *parts, token, retain=True, wait=True):
        self.client.publish(self.fleet.topic("host", self.name, *parts),
                            token, retain=retain, wait=wait)

    def status(self, servers=("home",), state="online", boot="boot-1",
               wait=True):
        body = {"state": state, "boot_id": boot, "version": "0.1.0",
                "protocol": 1, "os": "paper", "clock": moment(time.time()),
                "servers": [{"name": name, "backend": "plex",
                             "reachable": True, "version": "1",
                             "sessions": 0, "actions": ["stop"]}
                            for name in servers],
                "counters": {}, "maintenance": []}
        self.say("status", token=self.sign("status", body,
                                           "lastcall-status+jwt"), wait=wait)

    def inventory(self, server="home", count=0):
        self.seq += 1
        body = {"server": server, "backend": "plex", "boot_id": "boot-1",
                "seq": self.seq, "taken_at": moment(0), "reachable": True,
                "error": None, "count": count, "truncated": count > 0,
                "sessions": []}
        self.say("sessions", server, token=self.sign(
            "inventory", body, "lastcall-sessions+jwt"))

    def event(self, seq, boot="boot-1", now=None):
        session = {"session_id": str(seq), "server": "home",
                   "backend": "plex", "username": "kim", "state": "playing",
                   "client_name": None, "client_address": None,
                   "is_local": True, "started_at": None, "idle_s": None,
                   "endable": True}
        body = {"server": "home", "backend": "plex", "boot_id": boot,
                "seq": seq, "kind": "started", "session": session,
                "ended_by": None}
        return self.sign("event", body, "lastcall-event+jwt", now)


class Home:
    """A broker, paper hosts, a bridge and who looks at it."""

    def __init__(self, stage, timeout="2s"):
        self.stage = stage
        self.client = stage.controller("scribe")
        self.operator = stage.operator("bridge")
        self.config = write_file(
            os.path.join(self.operator.directory, "bridge.conf"),
            CONFIG % timeout)
        password = (stage.broker.passwords or {}).get("homeassistant")
        self.assistant = HomeAssistant(password=password).start(stage.broker)
        stage.clients.append(self.assistant)

    def paper(self, name, **options):
        host = Paper(self.stage, self.client, name)
        host.status(**options)
        return host

    def start(self):
        self.bridge = self.operator.spawn("bridge", "--config", self.config,
                                          "--log-level", "debug")
        self.bridge.await_line("HOME-UP")
        return self

    def count(self, host, server="home"):
        return "sensor.lastcall_%s_sessions_%s" % (host, server)

    def jobs(self):
        return self.operator.run("jobs", "-o", "json").json()


@pytest.fixture
def home(stage, broker):
    return Home(stage)


# holds 9.13
def test_a_host_that_is_struck_off_goes_and_may_come_back(home):
    one, two = home.paper("one"), home.paper("two")
    one.inventory(count=3)
    two.inventory(count=4)
    home.start()
    home.assistant.await_states({home.count("one"): "3",
                                 home.count("two"): "4"})
    watch = home.stage.controller("watch")
    watch.subscribe("lastcall/ha/#")
    one.say("status", token="")
    home.assistant.await_state(home.count("one"), None)
    topics = ("state", "sessions/home")
    for topic in topics:
        watch.await_message(
            lambda m: m.topic == "lastcall/ha/host/one/" + topic
            and not m.payload, topic)
    assert home.assistant.state(home.count("two")) == "4"
    one.status(boot="boot-2")
    one.inventory(count=5)
    home.assistant.await_state(home.count("one"), "5")
    assert home.assistant.problems == []


# holds 9.13
def test_a_broker_that_lost_everything_leaves_no_old_number(stage):
    """Who does not come back is offline; who does is not touched."""
    house = House(stage)
    plexes = {name: house.host(name) for name in ("media-01", "attic-01")}
    house.bridge().start()
    house.ha = house.home_assistant()
    for name, plex in plexes.items():
        plex.play("one")
        house.ha.await_state(entity("sensor", "sessions_home", name), "1")
    mark = house.watcher.mark()
    house.fleet_broker.kill()  # before its worker: no will is published
    house.ha.await_state(LINK, "off")
    house.workers["attic-01"].kill()
    house.fleet_broker.start()
    house.ha.await_state(LINK, "on")
    assert house.ha.state(entity("binary_sensor", "worker",
                                 "attic-01")) == "on"
    house.ha.await_states(
        {entity("binary_sensor", "worker", "attic-01"): "off",
         entity("sensor", "sessions_home", "attic-01"): UNAVAILABLE,
         entity("binary_sensor", "worker", "media-01"): "on",
         entity("sensor", "sessions_home", "media-01"): "1"},
        timeout=HEARD_S + 10)
    house.watcher.await_message(
        lambda m: m.topic == house.topic("host", "attic-01", "state")
        and m.payload == b"offline", "its state", after=mark)
    words = house.watcher.since(
        mark, lambda m: m.topic == house.topic("host", "media-01", "state"))
    assert b"offline" not in [m.payload for m in words]
    house.workers["attic-01"] = stage.worker(house.hosts["attic-01"]).start()
    house.ha.await_state(entity("sensor", "sessions_home", "attic-01"), "1")


# holds 9.13
def test_a_broker_that_kept_everything_changes_nothing(stage):
    house = House(stage, persistence=True)
    plex = house.host("media-01")
    bridge = house.bridge().start()
    house.ha = house.home_assistant()
    plex.play("one")
    house.ha.await_state(COUNT, "1")
    mark = house.watcher.mark()
    house.fleet_broker.kill()
    house.ha.await_state(LINK, "off")
    house.fleet_broker.start()
    house.ha.await_states({LINK: "on", COUNT: "1"})
    bridge.process.await_line("FLEET-HEARD", timeout=HEARD_S + 10)
    plex.play("two")  # and what is said afterwards has come behind it
    house.ha.await_state(COUNT, "2")
    assert "HOST-UNHEARD" not in bridge.process.output()
    assert not house.watcher.since(
        mark, lambda m: m.topic == house.topic("host", "media-01", "state"))


# holds 9.13
def test_a_status_that_was_cleared_unheard_counts_no_more(home):
    """Its session is taken away while the bridge stands still; of who is still
    retained nothing is told anew."""
    one, two = home.paper("one"), home.paper("two")
    one.inventory(count=3)
    two.inventory(count=4)
    home.start()
    home.assistant.await_states({home.count("one"): "3",
                                 home.count("two"): "4"})
    watch = home.stage.controller("watch")
    watch.subscribe("lastcall/ha/host/+/state")
    for name in ("one", "two"):
        watch.await_message(
            lambda m: m.topic == "lastcall/ha/host/%s/state" % name, name)
    mark = watch.mark()
    # The fleet is asked before the home hears of it.
    client_id = re.search(r" as (lastcall-\S+) \(",
                          home.stage.broker.process.output()).group(1)
    os.kill(home.bridge.pid, signal.SIGSTOP)
    try:
        thief = mqtt.Client(client_id=client_id, protocol=mqtt.MQTTv5)
        thief.connect(home.stage.broker.host, home.stage.broker.port,
                      clean_start=True)
        thief.loop_start()
        eventually(thief.is_connected, "the session")
        two.say("status", token="")
        thief.disconnect()
        thief.loop_stop()
    finally:
        os.kill(home.bridge.pid, signal.SIGCONT)
    home.bridge.await_line("FLEET-UP")
    home.bridge.await_line("HOST-UNHEARD .*two", timeout=HEARD_S + 10)
    home.assistant.await_states(
        {"binary_sensor.lastcall_two_worker": "off",
         home.count("two"): UNAVAILABLE,
         "binary_sensor.lastcall_one_worker": "on",
         home.count("one"): "3"})
    watch.await_message(lambda m: m.payload == b"offline", "its state",
                        after=mark)
    told = watch.since(mark, lambda m: m.topic.endswith("/state"))
    assert [(m.topic.split("/")[3], m.payload) for m in told] == [
        ("two", b"offline")]
    two.status()
    home.assistant.await_state(home.count("two"), "4")


# holds 3.8, 9.13
def test_a_host_whose_key_is_revoked_goes(home):
    one = home.paper("one")
    one.inventory(count=3)
    home.paper("two").inventory(count=4)
    home.start()
    home.assistant.await_states({home.count("one"): "3",
                                 home.count("two"): "4"})
    home.client.publish(
        home.stage.fleet.topic("trust", "revoked"),
        home.stage.fleet.revocation(
            {one.party.key.thumbprint: int(time.time()) + 60}), retain=True)
    home.assistant.await_state(home.count("one"), None)
    assert home.assistant.state(home.count("two")) == "4"
    one.status(boot="boot-2")
    home.bridge.await_line("NEWS-REFUSED news of one")
    assert home.assistant.state(home.count("one")) is None


def test_a_server_that_goes_is_cleared(home):
    one = home.paper("one", servers=("home", "lake", "mute"))
    one.inventory("home", 1)
    one.inventory("lake", 2)
    home.start()
    home.assistant.await_states({home.count("one", "home"): "1",
                                 home.count("one", "lake"): "2"})
    # Its will names no servers: nothing is known to be gone, also not one that
    # has not told anything yet.
    one.status(servers=(), state="offline")
    home.assistant.await_state("binary_sensor.lastcall_one_worker", "off")
    one.inventory("home", 3)
    home.assistant.await_message(lambda m: b'"count":3' in m.payload,
                                 "the count")
    for server in ("lake", "mute"):
        assert home.assistant.state(home.count("one", server)) == UNAVAILABLE
    watch = home.stage.controller("watch")
    watch.subscribe("lastcall/ha/#")
    one.status(servers=("home",))
    watch.await_message(
        lambda m: m.topic == "lastcall/ha/host/one/sessions/lake"
        and not m.payload, "the clearing")
    home.assistant.await_state(home.count("one", "lake"), None)
    home.assistant.await_state(home.count("one", "home"), "3")


def test_what_is_the_same_is_not_published_again(home):
    one = home.paper("one")
    one.inventory(count=3)
    home.start()
    home.assistant.await_state(home.count("one"), "3")
    watch = home.stage.controller("watch")
    watch.subscribe("lastcall/ha/#", "homeassistant/device/+/config")
    for retained in ("bridge/state", "host/one/state", "sessions/home",
                     "lastcall_lastcall/config", "lastcall_one/config"):
        watch.await_message(lambda m: m.topic.endswith(retained), retained)
    mark = watch.mark()
    one.status()
    one.inventory(count=3)
    one.inventory(count=4)
    watch.await_message(lambda m: b'"count":4' in m.payload, "the count")
    new = watch.since(mark, lambda m: "/v1/" not in m.topic)
    assert [m.topic for m in new] == ["lastcall/ha/host/one/sessions/home"]


# holds 9.14
def test_an_old_event_is_passed_on_once(home):
    one = home.paper("one")
    one.inventory()
    home.start()
    home.assistant.await_state(home.count("one"), "0")
    entity = "event.lastcall_one_event"
    first, late = one.event(1), one.event(9)
    stale = one.event(2, now=time.time() - 3600)
    for token in (first, first, stale, one.event(3), first, one.event(2),
                  one.event(1, boot="boot-2")):
        one.say("event", "home", token=token, retain=False)
    # Of another life none counts, however new it is.
    one.status(boot="boot-2")
    for token in (late, one.event(1, boot="boot-2"), late,
                  one.event(1, boot="boot-2"), one.event(2, boot="boot-2")):
        one.say("event", "home", token=token, retain=False)
    home.assistant.await_event(entity, after=3)
    ids = [e.attributes["session"]["session_id"]
           for e in home.assistant.events(entity)]
    assert ids == ["1", "3", "1", "2"]


def test_a_birth_that_the_broker_kept_is_an_old_one(home):
    home.assistant.send("homeassistant/status", "online", retain=True)
    home.paper("one")
    home.start()
    entity = "event.lastcall_one_result"
    home.assistant.await_state(entity, "unknown")
    home.assistant.press("button.lastcall_one_stop")
    home.bridge.await_line("PRESS-TAKEN")
    assert "HOME-BIRTH" not in home.bridge.output()
    # Kept or not: what comes now is a birth.
    home.assistant.send("homeassistant/status", "online", retain=True)
    home.bridge.await_line("HOME-BIRTH")
    home.assistant.send("homeassistant/status", "", retain=True)


def test_only_what_the_broker_had_kept_is_swept(home):
    """Or two bridges of one fleet would go on clearing after each other."""
    home.paper("one")
    home.start()
    home.assistant.await_state("binary_sensor.lastcall_one_worker", "on")
    ghost = "homeassistant/device/lastcall_lastcall_ghost/config"
    [payload] = {m.payload for m in home.assistant.messages if m.topic
                 == "homeassistant/device/lastcall_lastcall_one/config"}
    home.assistant.send(ghost, payload, retain=True)
    home.assistant.press("button.lastcall_one_stop")
    home.bridge.await_line("PRESS-TAKEN")
    assert "ghost" not in home.bridge.output()
    home.bridge.stop()
    home.start()
    home.bridge.await_line("HOME-SWEEP ghost")
    home.assistant.await_message(
        lambda m: m.topic == ghost and not m.payload, "the clearing")


def test_a_large_fleet_is_shown_step_by_step(home):
    watch = home.stage.controller("watch")
    arrived = []
    watch.mqtt.message_callback_add(
        "homeassistant/device/+/config",
        lambda client, context, message: arrived.append(time.monotonic()))
    watch.subscribe("homeassistant/device/+/config")
    for number in range(300):
        home.paper("h%03d" % number, wait=number == 299)
    home.start()
    eventually(lambda: len(arrived) >= 301, "the devices")
    # Two messages of each host, 50 in a tenth of a second.
    assert arrived[-1] - arrived[0] > 0.6


PRESSED_ACL = """\
user scribe
topic readwrite #
user homeassistant
topic readwrite #
user bridge
topic readwrite lastcall/ha/#
topic readwrite homeassistant/#
topic read lastcall/v1/#
topic write lastcall/v1/host/one/command
"""


def test_what_the_broker_refuses_ends_that_press_alone(stage):
    users = ("scribe", "homeassistant", "bridge")
    stage.start_broker(acl=PRESSED_ACL,
                       passwords={user: "pw-" + user for user in users})
    home = Home(stage, timeout="3s")
    home.paper("one")
    home.paper("two")
    home.start()
    one, two = ["event.lastcall_%s_result" % name for name in ("one", "two")]
    home.assistant.await_states({one: "unknown", two: "unknown"})
    at = home.assistant.press("button.lastcall_one_stop")
    home.assistant.press("button.lastcall_two_stop")
    refused = home.assistant.await_event(two)
    assert refused.arrived - at < 2
    assert refused.type == "silent"
    home.bridge.await_line("PRESS-FAIL .*refused to take it")
    assert home.assistant.await_event(one).arrived - at > 2.5


def test_a_late_will_is_put_right(home):
    home.paper("one")
    home.start()
    watch = home.stage.controller("watch")
    watch.subscribe("lastcall/ha/bridge/state")

    def word(text, after=0):
        return watch.await_message(
            lambda m: m.topic == "lastcall/ha/bridge/state"
            and m.payload == text, "our state", after=after)

    word(b"online")
    home.client.publish("lastcall/ha/bridge/state", "offline", retain=True)
    word(b"online", after=word(b"offline").index + 1)


def test_many_presses_at_once_and_no_more(stage, broker):
    home = Home(stage, timeout="5s")
    names = ["h%02d" % number for number in range(IN_FLIGHT_MAX + 4)]
    for name in names:
        home.paper(name)
    home.start()
    results = ["event.lastcall_%s_result" % name for name in names]
    home.assistant.await_states(dict.fromkeys(results, "unknown"))
    for name in names:
        home.assistant.press("button.lastcall_%s_stop" % name)
    told = {}
    for entity in results:
        event = home.assistant.await_event(entity)
        told.setdefault((event.type, event.attributes["code"]),
                        []).append(event.attributes["request_id"])
    assert {key: len(ids) for key, ids in told.items()} == {
        ("silent", "silent"): IN_FLIGHT_MAX, ("refused", "busy"): 4}
    assert told[("refused", "busy")] == [None] * 4
    assert len(set(told[("silent", "silent")])) == IN_FLIGHT_MAX
    # Their places are free again, and all of them are on record.
    home.assistant.press("button.lastcall_h00_stop")
    home.assistant.await_event(results[0], after=1)
    jobs = home.jobs()["jobs"]
    assert [job["state"] for job in jobs] == ["done"] * len(jobs)


# holds 9.15
def test_a_press_is_not_carried_out_late(home):
    one = home.paper("one")
    home.start()
    entity = "event.lastcall_one_result"
    home.assistant.await_state(entity, "unknown")
    watch = home.stage.controller("reader")
    watch.subscribe(home.stage.fleet.topic("host", "one", "command"))
    home.assistant.press("button.lastcall_one_stop")
    token = watch.await_message(lambda m: m.topic.endswith("/command"),
                                "the command").payload
    claims = py.read_parts(token.decode())[1]
    assert claims["exp"] - claims["iat"] == 2
    assert claims["request"] == {"action": "stop",
                                 "where": "session_id != null"}
    assert claims["aud"] == "host:one"
    assert home.assistant.await_event(entity).type == "silent"
    one.status(servers=(), state="offline")
    home.assistant.await_state("binary_sensor.lastcall_one_worker", "off")
    home.assistant.send("lastcall/ha/host/one/press", "stop", qos=1)
    offline = home.assistant.await_event(entity, after=1)
    assert offline.attributes["code"] == "offline"


def test_who_ends_the_bridge_is_not_kept_waiting(stage, broker):
    home = Home(stage, timeout="60s")
    home.paper("one")
    home.start()
    home.assistant.await_state("event.lastcall_one_result", "unknown")
    home.assistant.press("button.lastcall_one_stop")
    home.bridge.await_line("PRESS-TAKEN")
    at = time.monotonic()
    assert home.bridge.stop(signal.SIGINT) == 0
    assert time.monotonic() - at < 5
    assert home.assistant.await_event(
        "event.lastcall_one_result").type == "silent"
    home.assistant.await_state("binary_sensor.lastcall_bridge", "off")
    assert [job["state"] for job in home.jobs()["jobs"]] == ["interrupted"]


def test_a_flood_of_presses_holds_up_nothing(home):
    one = home.paper("one")
    one.inventory(count=1)
    home.start()
    home.assistant.await_state(home.count("one"), "1")
    for number in range(20000):
        home.assistant.mqtt.publish("lastcall/ha/host/one/press",
                                    "x%d" % number, qos=0)
    one.inventory(count=2)
    home.assistant.await_state(home.count("one"), "2", timeout=10)
    home.assistant.press("button.lastcall_one_stop")
    home.assistant.await_event("event.lastcall_one_result", timeout=20)
    # What does not count is told a few times, not each time.
    assert home.bridge.output().count("PRESS-DROP") < 20
