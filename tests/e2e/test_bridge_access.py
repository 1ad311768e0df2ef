"""Whom the bridge believes, and who may what on the home's broker."""

import time

import lastcall_py as py
from household import (BUTTON, COUNT, RESULT, WORKER, House, entity,
                       await_plays)


# holds 9.3
def test_what_others_say_for_a_host_never_reaches_home(home):
    await_plays(home, home.plex, "one")
    before = home.retained()
    mallory = home.fleet.host("media-01")  # a key that the root never granted
    stranger = py.Fleet(home.fleet.name).host("media-01")
    topic = home.fleet.topic
    now = int(time.time())
    status = {"state": "offline", "boot_id": "x", "version": "9",
              "protocol": 1, "os": "forged", "clock": py.moment_of(now),
              "servers": [], "counters": {}, "maintenance": []}
    inventory = {"server": "home", "backend": "plex", "boot_id": "x",
                 "seq": 10 ** 9, "taken_at": py.moment_of(now),
                 "reachable": True, "error": None, "count": 7,
                 "truncated": False, "sessions": []}
    claims = {"iss": "host:media-01", "iat": now, "jti": py.fresh_id()}
    forger = home.stage.controller("forger")
    for party, grant in ((stranger, stranger.grant),
                         (stranger, mallory.grant)):
        for typ, name, body, where in (
                (py.TYP_STATUS, "status", status,
                 topic("host", "media-01", "status")),
                (py.TYP_SESSIONS, "inventory", inventory,
                 topic("host", "media-01", "sessions", "home")),
                (py.TYP_SESSIONS, "inventory", inventory,
                 topic("host", "media-09", "sessions", "home"))):
            token = party.key.sign(typ, {**claims, name: body}, grant)
            forger.publish(where, token, retain=True)
    forger.publish(topic("host", "media-09", "status"), b"no token",
                   retain=True)
    # What the host itself says comes later, through the same queue.
    home.plex.play("two")
    home.ha.await_state(COUNT, "2")
    after = home.retained()
    assert set(after) == set(before)
    assert b"forged" not in b"".join(after.values())
    assert home.ha.state(WORKER) == "on"


# holds 9.10
def test_what_is_no_birth_changes_nothing(home):
    mark = home.watcher.mark()
    for payload in ("offline", "", "ONLINE", "online ", b"\xff" * 1000):
        home.watcher.publish("homeassistant/status", payload)
    time.sleep(11)
    assert home.watcher.since(
        mark, lambda m: m.topic.endswith("/config")) == []
    # A birth may be set to be retained; it is one when it comes.
    home.watcher.publish("homeassistant/status", "online", retain=True)
    home.watcher.await_message(lambda m: m.topic.endswith("/config"),
                               "discovery", after=mark, timeout=15)


# Who may what on the home's broker.

def test_home_assistant_can_press_and_cannot_forge(home):
    await_plays(home, home.plex, "one")
    client = home.client("homeassistant")
    mark = home.watcher.mark()
    forbidden = [
        home.topic("bridge", "state"), home.topic("bridge", "result"),
        home.topic("host", "media-01", "state"),
        home.topic("host", "media-01", "sessions", "home"),
        home.topic("host", "media-01", "event"),
        home.topic("host", "media-01", "result"),
        home.config_topic("media-01"), home.config_topic(),
        home.fleet.topic("host", "media-01", "command"),
        home.fleet.topic("all", "command")]
    for topic in forbidden:
        client.publish(topic, "forged", retain=True)
    home.ha.press(BUTTON)
    home.ha.await_event(RESULT)
    assert [m for m in home.watcher.since(mark)
            if m.payload == b"forged"] == []
    assert home.plex.terminated() == ["one"]


def test_the_bridge_s_user_cannot_press(home):
    await_plays(home, home.plex, "one")
    client = home.client("lastcall-bridge")
    mark = home.watcher.mark()
    for topic in (home.topic("host", "media-01", "press"),
                  home.topic("bridge", "press"), "homeassistant/status",
                  "homeassistant/sensor/x/config", "anything"):
        client.publish(topic, "stop")
    home.ha.press(BUTTON)
    home.ha.await_event(RESULT)
    own = home.watcher.since(mark, lambda m: m.payload == b"stop")
    assert [m.topic for m in own] == [home.topic("host", "media-01",
                                                 "press")]


def test_node_red_presses_on_its_one_host_alone(house):
    house.host("media-01")
    house.host("media-02")
    house.bridge().start()
    house.ha = house.home_assistant()
    house.ha.await_states({COUNT: "0", entity(
        "sensor", "sessions_home", "media-02"): "0"})
    client = house.client("node-red")
    client.subscribe(house.topic("host", "+", "result"))
    for host in ("media-02", "media-01"):
        client.publish(house.topic("host", host, "press"), "stop")
    client.publish(house.topic("bridge", "press"), "stop")
    assert house.ha.await_event(RESULT).type == "success"
    assert house.ha.events(entity("event", "result", "media-02")) == []
    client.await_message(
        lambda m: m.topic == house.topic("host", "media-01", "result"),
        "the result")


def test_nobody_of_the_home_reads_the_fleet(stage):
    """Even where both have one broker."""
    house = House(stage)
    house.watcher.publish(house.fleet.topic("host", "media-01", "status"),
                          "secret", retain=True)
    for user in ("homeassistant", "node-red", "lastcall-bridge"):
        client = house.client(user)
        client.subscribe("#", "lastcall/v1/#")
        house.watcher.publish("homeassistant/status", "end")
        house.watcher.publish(house.topic("bridge", "press"), "end")
        client.await_message(lambda m: m.payload == b"end", "the end")
        assert [m for m in client.since(0) if m.payload == b"secret"] == []
