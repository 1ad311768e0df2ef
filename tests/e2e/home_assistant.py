"""A stand-in of Home Assistant's MQTT integration, on a real broker.

It discovers what is announced, if home_rules.py takes it, subscribes to what
the entities name, keeps their states, attributes and availability as Home
Assistant would, and presses buttons.  It logs in as any other client and is
held by the broker's access list as Home Assistant is.
"""

import collections
import json
import time

import jinja2
import paho.mqtt.client as mqtt
from paho.mqtt.subscribeoptions import SubscribeOptions

import home_rules as rules
import lastcall_py as py

UNAVAILABLE, UNKNOWN = "unavailable", "unknown"
RECORDED_BYTES_MAX = 16384  # larger attributes are not recorded

Event = collections.namedtuple("Event", "type attributes arrived")


class Entity:
    """One entity: what was announced, and what is known of it."""

    def __init__(self, entity_id, platform, device):
        self.entity_id = entity_id
        self.platform = platform
        self.device = device
        self.config = {}
        self.value = None
        self.attributes = {}
        self.events = []
        self.told = {}  # availability: topic to the last word
        self.latest = False

    def configure(self, config):
        self.config = config
        topics = {item["topic"] for item in self.availability()}
        self.told = {topic: word for topic, word in self.told.items()
                     if topic in topics}

    def availability(self):
        entries = self.config.get("availability", [])
        return entries if isinstance(entries, list) else [entries]

    def topics(self):
        """What it subscribes to."""
        found = [item["topic"] for item in self.availability()]
        for name in ("state_topic", "json_attributes_topic"):
            if name in self.config:
                found.append(self.config[name])
        return found

    def is_available(self):
        entries = self.availability()
        if not entries:
            return True
        words = [self.told.get(item["topic"], False) for item in entries]
        mode = self.config.get("availability_mode", "latest")
        if mode == "all":
            return all(words)
        return any(words) if mode == "any" else self.latest

    def state(self):
        if not self.is_available():
            return UNAVAILABLE
        if self.platform == "event":
            return self.events[-1].type if self.events else UNKNOWN
        return UNKNOWN if self.value is None else self.value

    # Messages.

    def take(self, message, payload):
        for item in self.availability():
            if item["topic"] == message.topic:
                self.take_availability(item, payload)
        if message.topic == self.config.get("json_attributes_topic"):
            self.take_attributes(payload)
        if message.topic == self.config.get("state_topic"):
            getattr(self, "take_" + self.platform)(message, payload)

    def take_availability(self, item, payload):
        if "value_template" in item:
            payload = rules.render(item["value_template"], payload)
        if payload == item.get("payload_available", rules.PAYLOAD_AVAILABLE):
            self.told[item["topic"]] = self.latest = True
        elif payload == item.get("payload_not_available",
                                 rules.PAYLOAD_NOT_AVAILABLE):
            self.told[item["topic"]] = self.latest = False

    def take_attributes(self, payload):
        if "json_attributes_template" in self.config:
            payload = rules.render(self.config["json_attributes_template"],
                                   payload)
        members = json.loads(payload)
        if not isinstance(members, dict):
            raise rules.Invalid("attributes are not an object")
        blocked = set(members) & rules.ATTRIBUTES_BLOCKED
        if blocked:
            raise rules.Invalid("attributes %s are blocked" % blocked)
        self.attributes = members

    def rendered(self, payload):
        if "value_template" in self.config:
            return rules.render(self.config["value_template"], payload)
        return payload

    def take_sensor(self, message, payload):
        value = self.rendered(payload)
        if value == "None":
            self.value = None
        elif "state_class" in self.config:
            float(value)  # or the entity breaks
            self.value = value
        elif len(value) > rules.STATE_LEN_MAX:
            raise rules.Invalid("a state of %d characters" % len(value))
        else:
            self.value = value

    def take_binary_sensor(self, message, payload):
        value = self.rendered(payload)
        if value == self.config.get("payload_on", "ON"):
            self.value = "on"
        elif value == self.config.get("payload_off", "OFF"):
            self.value = "off"
        elif not value.strip():
            return  # nothing was said
        elif value != "None":
            raise rules.Invalid("neither on nor off: %r" % value)
        else:
            self.value = None

    def take_event(self, message, payload):
        if message.retain:
            return  # an old one
        members = json.loads(self.rendered(payload))
        kind = members.pop("event_type")
        if kind not in self.config["event_types"]:
            raise rules.Invalid("an event of the unknown type %r" % kind)
        self.events.append(Event(kind, members, time.monotonic()))


class HomeAssistant(py.Client):
    """Home Assistant, as far as a broker can tell."""

    def __init__(self, patience=30.0, *, user="homeassistant", password=None,
                 prefix="homeassistant"):
        super().__init__(patience=patience)
        self.prefix = prefix
        self.entities = {}  # by unique id
        self.discovered = {}  # (object id, component's key) to unique id
        self.devices = {}  # object id to device block
        self.origins = {}
        self.problems = []  # what it would have complained about
        self._listeners = {}  # topic to the entities that name it
        self._last = {}  # topic to its last message, for who joins later
        self._ids = set()  # every entity id that is taken
        if password is not None:
            self.mqtt.username_pw_set(user, password)
        self.mqtt.will_set(prefix + "/status", "offline")

    def start(self, broker, *, birth=True):
        self.connect(broker)
        self.listen(self.prefix + "/+/+/config",
                    self.prefix + "/+/+/+/config")
        if birth:
            self.birth()
        return self

    def birth(self):
        self.send(self.prefix + "/status", "online")

    def send(self, topic, payload, *, qos=0, retain=False):
        """Publish as its publish action does: no properties."""
        info = self.mqtt.publish(topic, payload, qos=qos, retain=retain)
        assert info.rc == mqtt.MQTT_ERR_SUCCESS
        info.wait_for_publish(self.patience)
        return info

    def listen(self, *filters):
        options = SubscribeOptions(qos=0)
        wanted = [(f, options) for f in filters]
        result, mid = self.mqtt.subscribe(wanted)
        assert result == mqtt.MQTT_ERR_SUCCESS
        self._await(lambda: mid in self._subscribed, "SUBACK")
        self._filters += wanted

    # What arrives; called with the lock held.

    def _on_message(self, client, userdata, message):
        with self._news:
            kept = py.Message(len(self.messages), message.topic,
                              message.payload, message.retain,
                              message.properties)
            self.messages.append(kept)
            try:
                self._take(kept)
            except (rules.Invalid, ValueError, KeyError, TypeError,
                    jinja2.TemplateError) as error:
                self.problems.append("%s: %r" % (kept.topic, error))
            self._news.notify_all()

    def _take(self, message):
        payload = message.payload.decode()
        if message.topic.startswith(self.prefix + "/"):
            if message.topic.endswith("/config"):
                self._discover(message.topic, payload)
            return
        self._last[message.topic] = message
        if not payload:
            del self._last[message.topic]  # what was retained is cleared
        for entity in list(self._listeners.get(message.topic, ())):
            entity.take(message, payload)

    def _discover(self, topic, payload):
        match = rules.CONFIG_TOPIC.fullmatch(topic)
        if not match:
            return  # of a single entity, or not of ours
        name = match["object"]
        if not payload:
            for key in [k for k in self.discovered if k[0] == name]:
                self._remove(key)
            self.devices.pop(name, None)
            return
        device, origin, found = rules.components(payload)
        self.devices[name] = device
        self.origins[name] = origin
        # What is left out stays, as it does in Home Assistant.
        for key, (platform, config) in found.items():
            if config is None:
                self._remove((name, key))
            else:
                self._add((name, key), platform, device, config)

    def _remove(self, key):
        entity = self.entities.pop(self.discovered.pop(key, None), None)
        if entity is not None:
            self._ids.discard(entity.entity_id)
            for listeners in self._listeners.values():
                listeners.pop(entity, None)

    def _add(self, key, platform, device, config):
        unique_id = config["unique_id"]
        if self.discovered.get(key, unique_id) != unique_id:
            self._remove(key)
        if key not in self.discovered and unique_id in self.entities:
            raise rules.Invalid("unique id %s is another's" % unique_id)
        entity = self.entities.get(unique_id)
        if entity is None:
            entity = Entity(self._entity_id(platform, key, config), platform,
                            device)
            self.entities[unique_id] = entity
            self.discovered[key] = unique_id
        before = set(entity.topics())
        entity.configure(config)
        for topic in before - set(entity.topics()):
            self._listeners[topic].pop(entity, None)
        for topic in dict.fromkeys(entity.topics()):
            if topic not in before:
                self._join(entity, topic, config.get("qos", 0))

    def _join(self, entity, topic, qos):
        """Who joins a topic gets what was retained there."""
        known = topic in self._listeners
        self._listeners.setdefault(topic, {})[entity] = True
        if not known:
            wanted = [(topic, SubscribeOptions(qos=qos))]
            self.mqtt.subscribe(wanted)
            self._filters += wanted
        elif topic in self._last:
            last = self._last[topic]
            entity.take(py.Message(last.index, topic, last.payload, True,
                                   last.properties), last.payload.decode())

    def _entity_id(self, platform, key, config):
        wanted = config.get("default_entity_id",
                            "%s.%s" % (platform, "_".join(key)))
        made, number = wanted, 2
        while made in self._ids:
            made, number = "%s_%d" % (wanted, number), number + 1
        self._ids.add(made)
        return made

    # What a test asks.

    def find(self, entity_id):
        for entity in self.entities.values():
            if entity.entity_id == entity_id:
                return entity
        return None

    def state(self, entity_id):
        with self._news:
            entity = self.find(entity_id)
            return None if entity is None else entity.state()

    def states(self):
        with self._news:
            return {entity.entity_id: entity.state()
                    for entity in self.entities.values()}

    def await_states(self, wanted, timeout=None):
        """Wait until entities are in these states; None: there is none."""
        def reached():
            return all((found.state() if found else None) == state
                       for found, state in ((self.find(name), state)
                                            for name, state
                                            in wanted.items()))
        try:
            self._await(reached, "states", timeout)
        except py.Timeout:
            raise py.Timeout("wanted %r, got %r; problems: %r" % (
                wanted, {name: self.state(name) for name in wanted},
                self.problems))

    def await_state(self, entity_id, state, timeout=None):
        self.await_states({entity_id: state}, timeout)

    def attributes(self, entity_id):
        with self._news:
            return self.find(entity_id).attributes

    def await_attributes(self, entity_id, match, timeout=None):
        self._await(lambda: self.find(entity_id) is not None
                    and match(self.find(entity_id).attributes),
                    "attributes of " + entity_id, timeout)
        return self.attributes(entity_id)

    def events(self, entity_id):
        with self._news:
            return list(self.find(entity_id).events)

    def await_event(self, entity_id, after=0, match=lambda event: True,
                    timeout=None):
        """The first event that matches, from position `after` on."""
        found = []

        def arrived():
            entity = self.find(entity_id)
            found[:] = [event for event in
                        (entity.events[after:] if entity else [])
                        if match(event)]
            return bool(found)

        self._await(arrived, "event of " + entity_id, timeout)
        return found[0]

    def press(self, entity_id):
        """Press a button, as its press action does; hands back when."""
        with self._news:
            config = self.find(entity_id).config
        at = time.monotonic()
        self.send(config["command_topic"],
                  config.get("payload_press", "PRESS"),
                  qos=config.get("qos", 0),
                  retain=config.get("retain", False))
        return at
