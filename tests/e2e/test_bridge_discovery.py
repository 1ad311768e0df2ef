"""What the bridge announces when, and what it takes back."""

import json
import time

import lastcall_py as py
import processes
from home_assistant import UNKNOWN
from household import (BUTTON, COUNT, LINK, SERVER, STOP, WORKER, House,
                       await_plays, entity)


# holds 9.10
def test_after_a_birth_everything_comes_again_after_a_while(stage):
    """3 to 10 s, and not all bridges at once: eight of them, each of a fleet
    of its own, hear one birth."""
    names = ["fleet%d" % number for number in range(8)]
    house = House(stage, names)
    for name in names:
        house.bridge(name, fleet=py.Fleet(name), buttons={}).start()
    configs = {house.config_topic(fleet=name) for name in names}
    states = {house.topic("bridge", "state", fleet=name) for name in names}
    await_each(house.watcher, configs)
    await_each(house.watcher, states, b"online")
    arrivals = arrival_times(house.watcher, configs)
    mark = house.watcher.mark()
    born = time.monotonic()
    house.home_assistant()
    await_each(house.watcher, configs, after=mark)
    await_each(house.watcher, states, b"online", after=mark)
    waited = sorted(at - born for at in arrivals)
    print("after the birth: " + ", ".join("%.2f s" % t for t in waited))
    assert len(waited) == len(names), waited  # once, not more
    assert waited[0] >= 3.0 and waited[-1] <= 10.5, waited
    assert waited[-1] - waited[0] > 0.5, waited


def await_each(client, topics, payload=None, after=0):
    for topic in topics:
        client.await_message(
            lambda m, t=topic: m.topic == t and m.payload
            and payload in (None, m.payload), topic, after)


def arrival_times(client, topics):
    """When messages at these topics arrive, from now on."""
    found = []
    take = client.mqtt.on_message

    def stamped(mqtt, userdata, message):
        if message.topic in topics:
            found.append(time.monotonic())
        take(mqtt, userdata, message)

    client.mqtt.on_message = stamped
    return found


# holds 9.10
def test_a_broker_that_forgot_everything_is_told_again(home):
    await_plays(home, home.plex, "one")
    before = home.retained()
    home.home_broker.stop()
    home.home_broker.start()
    home.ha.await_states({COUNT: "1", LINK: "on", WORKER: "on"})
    processes.eventually(lambda: set(before) <= set(home.retained()),
                         "all that was retained before")


def announced(origin, name, key="x"):
    return json.dumps({
        "device": {"identifiers": [name], "name": name},
        "origin": {"name": origin}, "components": {
            key: {"platform": "sensor", "unique_id": name + ":x",
                  "state_topic": "a/b"}}})


# holds 9.11
def test_only_what_is_stale_and_ours_is_swept(house):
    stale = house.config_topic("gone-01")
    stranger = house.config_topic("kitchen")
    other = house.config_topic("media-01", fleet="other")
    foreign = "homeassistant/device/zigbee/config"
    house.watcher.publish(
        stale, announced("Lastcall", "gone", "sessions_home"), retain=True)
    former = {house.topic("host", "gone-01", "state"): "offline",
              house.topic("host", "gone-01", "sessions", "home"): "{}"}
    for topic, payload in former.items():
        house.watcher.publish(topic, payload, retain=True)
    house.watcher.publish(stranger, announced("Kitchen", "k"), retain=True)
    house.watcher.publish(other, announced("Lastcall", "o"), retain=True)
    house.watcher.publish(foreign, announced("Zigbee2MQTT", "z"),
                          retain=True)
    house.host()
    mark = house.watcher.mark()
    house.bridge().start()
    house.watcher.await_message(
        lambda m: m.topic == stale and not m.payload, "the sweep", after=mark)
    house.ha = house.home_assistant()
    house.ha.await_states({COUNT: "0", LINK: "on"})
    processes.eventually(
        lambda: not {stale, *former} & set(house.retained()),
        "all of the former host is cleared")
    left = house.retained()
    assert {stranger, other, foreign, house.config_topic(),
            house.config_topic("media-01")} <= set(left)


# holds 9.9
def test_a_button_that_is_gone_from_the_configuration_is_removed(house):
    house.host()
    bridge = house.bridge(buttons={
        "stop": STOP, "former": STOP,
        "everybody": {**STOP, "target": "all"}}).start()
    house.ha = house.home_assistant()
    former = entity("button", "former")
    house.ha.await_states({BUTTON: UNKNOWN, former: UNKNOWN,
                           "button.lastcall_everybody": UNKNOWN})
    bridge.buttons = {"stop": STOP}
    bridge.restart()
    house.ha.await_states({former: None, "button.lastcall_everybody": None,
                           BUTTON: UNKNOWN, COUNT: "0"})
    config = house.retained()[house.config_topic("media-01")].decode()
    assert "former" not in config


# holds 9.9
def test_a_server_that_is_gone_is_removed(house):
    house.host()
    house.bridge().start()
    house.ha = house.home_assistant()
    house.ha.await_states({COUNT: "0", SERVER: "on"})
    host = house.hosts["media-01"]
    host.servers["attic"] = host.servers.pop("home")
    host.write_config()
    house.workers["media-01"].stop()
    house.stage.worker(host).start()
    house.ha.await_states({COUNT: None, SERVER: None, entity(
        "sensor", "sessions_attic"): "0"})


def test_a_host_that_left_the_fleet_is_taken_away(home):
    attic = home.host("attic-01")
    count = entity("sensor", "sessions_home", "attic-01")
    home.ha.await_states({count: "0", COUNT: "0"})
    home.workers["attic-01"].stop()
    owner = home.stage.controller("owner")
    for topic in (home.fleet.topic("host", "attic-01", "sessions", "home"),
                  home.fleet.topic("host", "attic-01", "status")):
        owner.publish(topic, "", retain=True)
    home.ha.await_states({count: None, COUNT: "0"})
    processes.eventually(
        lambda: not [t for t in home.retained() if "attic-01" in t],
        "all of the host is cleared")
    assert attic.process.running()


def test_another_word_on_its_state_is_contradicted(home):
    """Such as the will of an earlier connection, which comes late."""
    mark = home.watcher.mark()
    state = home.topic("bridge", "state")
    home.watcher.publish(state, "offline", retain=True)
    home.watcher.await_message(
        lambda m: m.topic == state and m.payload == b"online", "its own word",
        after=mark)
    home.ha.await_states({LINK: "on", COUNT: "0"})
