"""What Home Assistant takes as a device's discovery payload.

The rules of its MQTT integration (2026.9: components/mqtt/schemas.py,
discovery.py, config.py, sensor.py, binary_sensor.py, event.py, button.py),
restated for the platforms that Lastcall uses.  In three things this is
stricter than Home Assistant: it knows no abbreviations, since ours are written
out; a component's unknown members are refused, where Home Assistant drops them
without a word; and default_entity_id must already be the id it asks for.
"""

import json
import re

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

TOPIC_BYTES_MAX = 65535
STATE_LEN_MAX = 255
PAYLOAD_AVAILABLE, PAYLOAD_NOT_AVAILABLE = "online", "offline"

# Attributes that an entity has by itself; those of a message are dropped.
ATTRIBUTES_BLOCKED = frozenset((
    "assumed_state", "available", "device_class", "device_info",
    "entity_category", "entity_id", "entity_picture",
    "entity_registry_enabled_default", "extra_state_attributes",
    "force_update", "friendly_name", "icon", "should_poll", "state",
    "supported_features", "unique_id", "unit_of_measurement",
    "last_reset", "state_class", "event_type", "event_types"))

# Members of the root that a component inherits unless it has its own.
SHARED = ("availability", "availability_mode", "availability_template",
          "availability_topic", "command_topic", "encoding",
          "message_expiry_interval", "payload_available",
          "payload_not_available", "qos", "state_topic")

CONFIG_TOPIC = re.compile(
    r"(?P<prefix>[^+#]+?)/device/(?:(?P<node>[a-zA-Z0-9_-]+)/)?"
    r"(?P<object>[a-zA-Z0-9_-]+)/config")
ENTITY_ID = re.compile(
    r"(?!.+__)(?!_)[\da-z_]+(?<!_)\.(?!_)[\da-z_]+(?<!_)")


class Invalid(Exception):
    """A payload that Home Assistant would not take."""


def environment():
    made = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    made.filters["to_json"] = made.filters["tojson"]
    return made


TEMPLATES = environment()


# Values.

def text(value):
    if value is None or isinstance(value, (dict, list)):
        raise Invalid("not a text: %r" % (value,))


def text_or_none(value):
    if value is not None:
        text(value)


def boolean(value):
    if not isinstance(value, bool):
        raise Invalid("not true or false: %r" % (value,))


def positive(value):
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Invalid("not a whole number from 0: %r" % (value,))


def one_of(*values):
    def check(value):
        if value not in values:
            raise Invalid("%r is none of %s" % (value, ", ".join(
                map(str, values))))
    return check


def topic(value):
    text(value)
    value = str(value)
    size = len(value.encode())
    if not 0 < size <= TOPIC_BYTES_MAX:
        raise Invalid("a topic of %d bytes" % size)
    for char in value:
        if char <= "\x1f" or "\x7f" <= char <= "\x9f" \
                or "\ufdd0" <= char <= "\ufdef" \
                or ord(char) & 0xffff in (0xfffe, 0xffff):
            raise Invalid("a topic with U+%04X" % ord(char))
    return value


def publish_topic(value):
    if set(topic(value)) & set("+#"):
        raise Invalid("a wildcard in the topic %r" % value)


def subscribe_topic(value):
    levels = topic(value).split("/")
    for place, level in enumerate(levels):
        if "+" in level and level != "+" or "#" in level and (
                level != "#" or place != len(levels) - 1):
            raise Invalid("a misplaced wildcard in %r" % value)


def template(value):
    text(value)
    try:
        TEMPLATES.from_string(str(value))
    except jinja2.TemplateError as error:
        raise Invalid("template %r: %s" % (value, error))


def icon(value):
    text(value)
    if ":" not in str(value):
        raise Invalid("an icon is prefix:name, not %r" % value)


def url(value):
    if not re.fullmatch(r"(https?|homeassistant)://\S+", str(value)):
        raise Invalid("not a URL: %r" % value)


def texts(value):
    for item in value if isinstance(value, list) else [value]:
        text(item)


def event_types(value):
    if not isinstance(value, list) or not value:
        raise Invalid("event_types must name some")
    texts(value)
    if len(set(value)) != len(value):
        raise Invalid("event_types twice the same")


def pairs(value):
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, list) or len(item) != 2:
            raise Invalid("a connection is a kind and a value")
        texts(item)


def availability(value):
    for item in value if isinstance(value, list) else [value]:
        check_members(item, AVAILABILITY, "availability")


def expiry(value):
    if not isinstance(value, dict):
        positive(value)


# Objects: member to check; REQUIRED ones are marked.

class Required:
    def __init__(self, check):
        self.check = check


def check_members(value, rules, what):
    if not isinstance(value, dict):
        raise Invalid("%s is not an object" % what)
    for name, rule in rules.items():
        if isinstance(rule, Required) and name not in value:
            raise Invalid("%s lacks %s" % (what, name))
    for name, member in value.items():
        if name not in rules:
            raise Invalid("%s has %r, which is unknown" % (what, name))
        rule = rules[name]
        check = rule.check if isinstance(rule, Required) else rule
        try:
            check(member)
        except Invalid as error:
            raise Invalid("%s: %s: %s" % (what, name, error))


AVAILABILITY = {"topic": Required(subscribe_topic),
                "payload_available": text, "payload_not_available": text,
                "value_template": template}

AVAILABILITIES = {"availability": availability,
                  "availability_mode": one_of("all", "any", "latest"),
                  "availability_template": template,
                  "availability_topic": subscribe_topic,
                  "payload_available": text, "payload_not_available": text}

DEVICE = {"identifiers": texts, "connections": pairs, "manufacturer": text,
          "model": text, "model_id": text, "name": text, "hw_version": text,
          "serial_number": text, "sw_version": text, "via_device": text,
          "suggested_area": text, "configuration_url": url}

ORIGIN = {"name": Required(text), "sw_version": text, "support_url": url}


def any_object(value):
    if not isinstance(value, dict):
        raise Invalid("not an object")


ROOT = {**AVAILABILITIES, "device": Required(any_object),
        "origin": Required(any_object), "components": Required(any_object),
        "state_topic": subscribe_topic, "command_topic": publish_topic,
        "message_expiry_interval": expiry, "qos": one_of(0, 1, 2),
        "encoding": text}

ENTITY = {**AVAILABILITIES, "platform": Required(text),
          "unique_id": Required(text), "name": text_or_none,
          "default_entity_id": text, "icon": icon, "entity_picture": url,
          "enabled_by_default": boolean, "visible_by_default": boolean,
          "entity_category": one_of("config", "diagnostic"),
          "json_attributes_topic": subscribe_topic,
          "json_attributes_template": template,
          "message_expiry_interval": expiry, "qos": one_of(0, 1, 2),
          "encoding": text, "group": texts}

READ_ONLY = {**ENTITY, "state_topic": Required(subscribe_topic),
             "value_template": template}

PLATFORMS = {
    "sensor": {
        **READ_ONLY, "expire_after": positive, "force_update": boolean,
        "last_reset_value_template": template, "options": texts,
        "suggested_display_precision": positive,
        "state_class": one_of("measurement", "measurement_angle", "total",
                              "total_increasing"),
        "unit_of_measurement": text_or_none},
    "binary_sensor": {
        **READ_ONLY, "expire_after": positive, "force_update": boolean,
        "off_delay": positive, "payload_on": text, "payload_off": text,
        "device_class": one_of(
            "battery", "battery_charging", "carbon_monoxide", "cold",
            "connectivity", "door", "garage_door", "gas", "heat", "light",
            "lock", "moisture", "motion", "moving", "occupancy", "opening",
            "plug", "power", "presence", "problem", "running", "safety",
            "smoke", "sound", "tamper", "update", "vibration", "window")},
    "event": {
        **READ_ONLY, "event_types": Required(event_types),
        "device_class": one_of("button", "doorbell", "motion")},
    "button": {
        **ENTITY, "command_topic": Required(publish_topic),
        "command_template": template, "payload_press": text,
        "retain": boolean,
        "device_class": one_of("identify", "restart", "update")},
}


def check_entity(key, config):
    """Check one component, with what it inherits."""
    platform = config["platform"]
    if platform not in PLATFORMS:
        raise Invalid("%s: platform %r" % (key, platform))
    check_members(config, PLATFORMS[platform], key)
    if "availability" in config and "availability_topic" in config:
        raise Invalid("%s: availability in two ways" % key)
    if platform == "sensor":
        if "last_reset_value_template" in config \
                and config.get("state_class") != "total":
            raise Invalid("%s: last_reset without total" % key)
        if "options" in config:
            raise Invalid("%s: options are for device_class enum" % key)
    wanted = config.get("default_entity_id")
    if wanted is not None and not (
            ENTITY_ID.fullmatch(wanted)
            and wanted.startswith(platform + ".")):
        raise Invalid("%s: default_entity_id %r" % (key, wanted))


def inherited(root, platform):
    """What of the root a component gets: Home Assistant hands all of it down
    and drops what the platform has no use for."""
    return {name: root[name] for name in SHARED
            if name in root and name in PLATFORMS.get(platform, {})}


def no_twins(members):
    made = dict(members)
    if len(made) != len(members):
        raise Invalid("a member twice")
    return made


def read(payload):
    try:
        root = json.loads(payload, object_pairs_hook=no_twins)
    except ValueError as error:
        raise Invalid("not JSON: %s" % error)
    if not isinstance(root, dict):
        raise Invalid("not an object")
    return root


def components(payload):
    """Check a payload; hand back its device, its origin, and each component
    with what it inherits (None: it is to be removed)."""
    root = read(payload)
    check_members(root, ROOT, "the root")
    check_members(root["device"], DEVICE, "device")
    if not (root["device"].get("identifiers")
            or root["device"].get("connections")):
        raise Invalid("a device needs an identifier or a connection")
    check_members(root["origin"], ORIGIN, "origin")
    if "availability" in root and "availability_topic" in root:
        raise Invalid("the root: availability in two ways")
    found, unique = {}, set()
    for key, own in root["components"].items():
        if not isinstance(own, dict) or "platform" not in own:
            raise Invalid("%s lacks its platform" % key)
        if len(own) == 1:
            if own["platform"] not in PLATFORMS:
                raise Invalid("%s: platform %r" % (key, own["platform"]))
            found[key] = own["platform"], None
            continue
        config = {**inherited(root, own["platform"]), **own}
        check_entity(key, config)
        if config["unique_id"] in unique:
            raise Invalid("%s: its unique_id is another's" % key)
        unique.add(config["unique_id"])
        found[key] = config["platform"], config
    return root["device"], root["origin"], found


def render(source, payload):
    """A value template over a message, as Home Assistant renders it."""
    values = {"value": payload}
    try:
        values["value_json"] = json.loads(payload)
    except ValueError:
        pass
    return TEMPLATES.from_string(source).render(values)
