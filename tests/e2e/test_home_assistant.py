"""The discovery payloads against Home Assistant's rules, the rules against
payloads that it would not take, and the stand-in against a real broker."""

import json
import os

import pytest

import home_rules as rules
import lastcall_py as py
from home_assistant import UNAVAILABLE, UNKNOWN, HomeAssistant

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                     "cases", "discovery")
NAMES = ("host.json", "retired.json", "bridge.json")


def case(name):
    with open(os.path.join(CASES, name)) as file:
        return file.read()


# What the programs write; tests/unit/test_home_discovery.c holds them to the
# same files.

@pytest.mark.parametrize("name", NAMES)
def test_home_assistant_takes_it(name):
    device, origin, found = rules.components(case(name))
    assert origin["name"] == "Lastcall"
    assert device["identifiers"] and found


def test_what_is_retired_is_removed_and_nothing_else():
    gone = [key for key, (_, config) in
            rules.components(case("retired.json"))[2].items()
            if config is None]
    assert gone == ["button_former"]


@pytest.mark.parametrize("name", NAMES)
def test_every_entity_depends_on_what_it_shows(name):
    for key, (platform, config) in rules.components(case(name))[2].items():
        if config is None:
            continue
        topics = [item["topic"] for item in config.get("availability", [])]
        if key == "bridge":
            assert not topics  # that it is away must show as off
            continue
        assert config["availability_mode"] == "all"
        assert topics[0] == "lastcall/ha/bridge/state", key
        if name != "bridge.json" and key != "worker":
            assert topics[1] == "lastcall/ha/host/media-01/state", key


def test_unique_ids_are_of_one_device_alone():
    ids = [config["unique_id"] for name in ("host.json", "bridge.json")
           for _, config in rules.components(case(name))[2].values()]
    assert len(set(ids)) == len(ids)


STATE = {"server": "home.main", "backend": "plex", "reachable": True,
         "count": 2, "taken_at": "2026-11-21T19:00:00.000Z",
         "truncated": False, "sessions": [
             {"session_id": "a", "username": "an \"odd\" <name> ü"},
             {"session_id": "b", "username": None}]}


def test_templates_render_what_the_bridge_publishes():
    config = rules.components(case("host.json"))[2]["sessions_home.main"][1]
    payload = json.dumps(STATE)
    assert rules.render(config["value_template"], payload) == "2"
    attributes = json.loads(rules.render(config["json_attributes_template"],
                                         payload))
    assert attributes["sessions"] == STATE["sessions"]
    assert not set(attributes) & rules.ATTRIBUTES_BLOCKED


# What Home Assistant would not take.

def edited(*path, value=None, base="host.json", drop=False):
    root = json.loads(case(base))
    part = root
    for name in path[:-1]:
        part = part[name]
    if drop:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return json.dumps(root)


COUNT = ("components", "sessions_home.main")
EVENT = ("components", "event")
PRESS = ("components", "button_bed.time")
REFUSED = {
    "unknown root key": edited("icon", value="mdi:plex"),
    "topic base at the root": edited("~", value="lastcall/ha"),
    "attributes at the root": edited("json_attributes_topic", value="a/b"),
    "unknown device key": edited("device", "ip", value="192.0.2.1"),
    "os in the device": edited("device", "os", value="Debian"),
    "missing device": edited("device", drop=True),
    "missing origin": edited("origin", drop=True),
    "missing components": edited("components", drop=True),
    "origin without name": edited("origin", "name", drop=True),
    "unknown origin key": edited("origin", "version", value="1"),
    "origin with a bad URL": edited("origin", "support_url", value="x"),
    "no identifier": edited("device", "identifiers", value=[]),
    "identifier is an object": edited("device", "identifiers", value=[{}]),
    "name is null": edited("device", "name", value=None),
    "components are a list": edited("components", value=[]),
    "component without platform": edited(*COUNT, "platform", drop=True),
    "unknown platform": edited(*COUNT, "platform", value="sensors"),
    "component without unique id": edited(*COUNT, "unique_id", drop=True),
    "a unique id twice": edited(
        *EVENT, "unique_id",
        value="lastcall_lastcall_media-01:sessions_home.main"),
    "object_id, which is gone": edited(*COUNT, "object_id", value="x"),
    "entity id of another platform": edited(
        *COUNT, "default_entity_id", value="button.x"),
    "entity id with a dash": edited(
        *COUNT, "default_entity_id", value="sensor.media-01"),
    "sensor without state topic": edited(*COUNT, "state_topic", drop=True),
    "a wildcard within a level": edited(*COUNT, "state_topic", value="a/b+"),
    "a wildcard in the middle": edited(*COUNT, "state_topic", value="a/#/b"),
    "an empty topic": edited(*COUNT, "state_topic", value=""),
    "a control character": edited(*COUNT, "state_topic", value="a\u0007"),
    "a NUL": edited(*COUNT, "state_topic", value="a\u0000"),
    "a topic too long": edited(*COUNT, "state_topic", value="a" * 65536),
    "a template that ends early": edited(
        *COUNT, "value_template", value="{{ value_json.count"),
    "a filter that is none": edited(
        *COUNT, "value_template", value="{{ value_json | to_jsn }}"),
    "a state class that is none": edited(
        *COUNT, "state_class", value="measured"),
    "expire_after below 0": edited(*COUNT, "expire_after", value=-1),
    "expire_after as a text": edited(*COUNT, "expire_after", value="300"),
    "an icon without a prefix": edited(*COUNT, "icon", value="plex"),
    "a category that is none": edited(
        *COUNT, "entity_category", value="system"),
    "qos 3": edited(*COUNT, "qos", value=3),
    "qos 3 at the root": edited("qos", value=3),
    "options with a state class": edited(*COUNT, "options", value=["a"]),
    "last_reset without total": edited(
        *COUNT, "last_reset_value_template", value="{{ value }}"),
    "a short name": edited(*COUNT, "stat_t", value="a/b"),
    "no event types": edited(*EVENT, "event_types", drop=True),
    "event types are none": edited(*EVENT, "event_types", value=[]),
    "event types are a text": edited(*EVENT, "event_types", value="started"),
    "an event type is null": edited(*EVENT, "event_types", value=[None]),
    "an event type twice": edited(
        *EVENT, "event_types", value=["ended", "ended"]),
    "an event without topic": edited(*EVENT, "state_topic", drop=True),
    "a button without topic": edited(*PRESS, "command_topic", drop=True),
    "a press to a wildcard": edited(*PRESS, "command_topic", value="a/+"),
    "retain is a text": edited(*PRESS, "retain", value="false"),
    "a button with a state": edited(*PRESS, "state_topic", value="a/b"),
    "a class that is none": edited(
        "components", "worker", "device_class", value="connection"),
    "availability in two ways": edited("availability_topic", value="a/b"),
    "availability without topic": edited("availability", value=[{}]),
    "availability with a stranger": edited(
        "availability", value=[{"topic": "a/b", "qos": 1}]),
    "a mode that is none": edited("availability_mode", value="every"),
    "a name twice": '{"origin": {"name": "a"}, "origin": {"name": "b"}}',
    "not an object": "[]",
    "not JSON": "online",
    "nothing": "",
}


@pytest.mark.parametrize("name", REFUSED)
def test_home_assistant_refuses(name):
    with pytest.raises(rules.Invalid):
        rules.components(REFUSED[name])


def test_refusals_are_for_one_reason_each():
    """Each differs from what is taken in one place alone."""
    whole = json.loads(case("host.json"))
    for name, payload in REFUSED.items():
        try:
            root = json.loads(payload)
        except ValueError:
            continue
        if "components" not in root or not isinstance(root, dict):
            continue
        same = [key for key in whole if root.get(key) == whole[key]]
        assert len(same) >= len(whole) - 1, name


@pytest.mark.parametrize("topic, taken", [
    ("homeassistant/device/lastcall_lastcall_media-01/config", True),
    ("homeassistant/device/node/id/config", True),
    ("homeassistant/device/lastcall_media.01/config", False),
    ("homeassistant/device/a/b/c/config", False),
    ("homeassistant/sensor/x/config", False)])
def test_discovery_topics(topic, taken):
    assert bool(rules.CONFIG_TOPIC.fullmatch(topic)) == taken


# The stand-in, which test_bridge.py relies on.

CONFIG = "homeassistant/device/lastcall_lastcall_media-01/config"
BASE = "lastcall/ha/host/media-01/"
SENSOR = "sensor.lastcall_media_01_sessions_home_main"
WORKER = "binary_sensor.lastcall_media_01_worker"
SERVER = "binary_sensor.lastcall_media_01_reachable_home_main"
SESSION = "event.lastcall_media_01_event"
BUTTON = "button.lastcall_media_01_bed_time"


@pytest.fixture
def home(stage, broker):
    """Home Assistant, and somebody who publishes what a bridge would."""
    bridge = py.Client()
    bridge.connect(broker)
    stage.clients.append(bridge)
    ha = HomeAssistant().start(broker)
    stage.clients.append(ha)
    ha.bridge = bridge
    return ha


def announce(home, payload=None):
    home.bridge.publish(CONFIG, payload or case("host.json"), retain=True)
    home.bridge.publish("lastcall/ha/bridge/state", "online", retain=True)
    home.bridge.publish(BASE + "state", "online", retain=True)
    home.bridge.publish(BASE + "sessions/home.main", json.dumps(STATE),
                        retain=True)


def test_the_standin_shows_what_was_announced(home):
    announce(home)
    home.await_states({SENSOR: "2", WORKER: "on", SERVER: "on",
                       BUTTON: UNKNOWN, SESSION: UNKNOWN})
    home.await_attributes(
        SENSOR, lambda a: a.get("sessions") == STATE["sessions"])
    assert not home.problems


def test_the_standin_knows_what_is_not_available(home):
    announce(home)
    home.await_states({SENSOR: "2", SERVER: "on"})
    gone = {**STATE, "reachable": False}
    home.bridge.publish(BASE + "sessions/home.main", json.dumps(gone))
    home.await_states({SENSOR: UNAVAILABLE, SERVER: "off", WORKER: "on"})
    home.bridge.publish(BASE + "state", "offline")
    home.await_states({SERVER: UNAVAILABLE, WORKER: "off",
                       BUTTON: UNAVAILABLE})
    home.bridge.publish("lastcall/ha/bridge/state", "offline")
    home.await_states({WORKER: UNAVAILABLE})


def test_the_standin_ignores_retained_events(home):
    started = json.dumps({"event_type": "started", "server": "home.main"})
    home.bridge.publish(BASE + "event", started, retain=True)
    announce(home)
    home.await_state(SENSOR, "2")
    home.bridge.publish(BASE + "event", started.replace("started", "ended"))
    assert home.await_event(SESSION).type == "ended"
    home.bridge.publish(BASE + "event", '{"event_type": "exploded"}')
    home.bridge.publish(BASE + "event", started)
    home.await_event(SESSION, after=1)
    assert [event.type for event in home.events(SESSION)] == ["ended",
                                                             "started"]
    assert len(home.problems) == 1 and "exploded" in home.problems[0]


def test_the_standin_presses(home):
    announce(home)
    home.await_state(BUTTON, UNKNOWN)
    home.bridge.subscribe(BASE + "press")
    home.press(BUTTON)
    pressed = home.bridge.await_message(
        lambda m: m.topic == BASE + "press", "press")
    assert (pressed.payload, pressed.retain) == (b"bed.time", False)


def test_the_standin_removes_only_what_it_is_told_to(home):
    announce(home, case("retired.json").replace(
        '"platform": "button"\n', '"platform": "button", "unique_id": "f", '
        '"command_topic": "a/b", "default_entity_id": "button.former"\n'))
    home.await_state("button.former", UNKNOWN)
    less = json.loads(case("host.json"))
    del less["components"]["worker"]
    announce(home, json.dumps(less))
    announce(home, json.dumps({**less, "qos": 0}))
    home.bridge.publish(BASE + "state", "offline")
    home.await_states({"button.former": UNAVAILABLE, WORKER: "off"})
    announce(home, case("retired.json"))
    home.await_states({"button.former": None, WORKER: "on"})
    home.bridge.publish(CONFIG, "", retain=True)
    home.await_states({SENSOR: None, WORKER: None, BUTTON: None})
    assert not home.problems


def test_the_standin_says_what_it_did_not_take(home):
    announce(home, REFUSED["unknown device key"])
    announce(home)
    home.await_state(SENSOR, "2")
    assert len(home.problems) == 1 and "'ip'" in home.problems[0]


def test_the_standin_announces_its_birth_and_its_end(stage, home):
    home.bridge.subscribe("homeassistant/status")
    other = HomeAssistant().start(stage.broker)
    seen = home.bridge.await_message(lambda m: m.payload == b"online", "birth")
    assert not seen.retain
    other.mqtt._sock_close()  # as a crash would
    home.bridge.await_message(lambda m: m.payload == b"offline", "will")
    other.close()
