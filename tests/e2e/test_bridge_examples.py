"""The files of deploy/home-assistant and of its page: each name in them is one
that the bridge really has."""

import glob
import json
import os
import re
import shlex
import subprocess

import jinja2
import pytest
import yaml

import home_rules as rules
import lastcall_py as py
import processes
from household import ROOT, SHIPPED, House, entity, shipped
from stage import lastcall, write_file

PAGE = shipped("README.md")
ENTITY = re.compile(r"\b(?:sensor|binary_sensor|event|button)\."
                    r"lastcall_[a-z0-9_]+")


def documents(name):
    return yaml.safe_load(shipped(name))


def every(value, found=None):
    """Each text in a document."""
    found = [] if found is None else found
    if isinstance(value, dict):
        for name, member in value.items():
            every(member, found)
    elif isinstance(value, list):
        for member in value:
            every(member, found)
    elif isinstance(value, str):
        found.append(value)
    return found


def entities_in(text):
    return {name for name in ENTITY.findall(text)}


def command_of(page, verb):
    """The arguments of a command that stands on the page."""
    joined = page.replace("\\\n", " ")
    line = re.search(r"^\s*(lastcall %s .*)$" % verb, joined, re.M).group(1)
    return shlex.split(line)[1:]


def grant_of_the_page(directory):
    """Run the page's own commands; hand back the grant's claims."""
    run = dict(capture_output=True, text=True, timeout=60, cwd=directory,
               env=processes.environment(HOME=directory))
    program = processes.bin_path("lastcall")
    for arguments in (["key", "new", "root.key"], command_of(PAGE, "key"),
                      command_of(PAGE, "grant")):
        done = subprocess.run([program, *arguments], **run)
        assert done.returncode == 0, (arguments, done.stderr)
    with open(os.path.join(directory, "bridge.grant")) as file:
        return py.read_parts(file.read().strip())[1]


def sections():
    """bridge.conf, as an INI file has it."""
    found, label = {}, None
    for line in shipped("bridge.conf").splitlines():
        line = line.strip()
        if line.startswith("["):
            label = line.strip("[]")
            found[label] = {}
        elif line and not line.startswith(";"):
            key, value = line.split(" = ", 1)
            found[label][key] = value
    return found


def buttons():
    return {re.match(r'button "(.*)"', label).group(1): keys
            for label, keys in sections().items()
            if label.startswith("button ")}


# The page's grant.

def test_the_grant_on_the_page_permits_the_buttons_and_no_more(tmp_path):
    claims = grant_of_the_page(str(tmp_path))
    permitted = {(backend, action, audience) for rule in claims["permit"]
                 for backend in rule["backends"]
                 for action in rule["actions"]
                 for audience in rule["audiences"]}
    needed = set()
    for keys in buttons().values():
        backend = "plex" if keys["action"] == "stop" else "wts"
        needed.add((backend, keys["action"], keys["target"]))
    assert permitted == needed
    assert claims["sub"] == "controller:home"


# The household that the examples speak of.

FLEET_USERS = ("home", "media-01", "office-02", "observer")
FLEET_ACL = """
user office-02
topic read lastcall/v1/group/office/command
user observer
topic read lastcall/v1/#
"""


def fleet_acl():
    """The shipped list for the fleet's broker, and the page's own lines."""
    with open(os.path.join(ROOT, "deploy", "mosquitto",
                           "lastcall.acl")) as file:
        own = re.search(r"^ *user home\n(?: *topic .*\n)+", PAGE, re.M).group()
        lines = [line.strip() for line in own.splitlines()]
        return file.read() + FLEET_ACL + "\n".join(lines) + "\n"


@pytest.fixture
def example(stage):
    house = House(stage, acl=fleet_acl(),
                  passwords={user: "pw-" + user for user in FLEET_USERS})
    house.plex = house.host("media-01")
    server = stage.terminal_server()
    office = stage.host("office-02", {"desktop": server}, groups=["office"],
                        policy={"allow": "wts:list,ping,message,disconnect"})
    stage.worker(office).start()
    rules_of = grant_of_the_page(stage.make_directory("page"))["permit"]
    house.link = house.bridge(permit=rules_of)
    # The shipped file; its addresses and certificates are elsewhere here.
    text = shipped("bridge.conf")
    text = text.replace("mqtts://fleet.example:8883", house.fleet_broker.uri)
    text = text.replace("mqtts://home.example:8883", house.home_broker.uri)
    text = re.sub(r"^(ca|cert|cert_key) = .*\n", "", text, flags=re.M)
    house.link.write("fleet.password", "pw-home\n", 0o600)
    text = text.replace("[broker]\n", "[broker]\nusername = home\n"
                        "password_file = fleet.password\n")
    text = text.replace("[bridge]\n", "[bridge]\nquiet = 0s\n")
    house.link.write_config = lambda: house.link.write("bridge.conf", text)
    house.link.start()
    house.ha = house.home_assistant()
    house.ha.await_states({
        "sensor.lastcall_media_01_sessions_home": "0",
        "binary_sensor.lastcall_office_02_reachable_desktop": "on",
        "binary_sensor.lastcall_bridge": "on",
        "button.lastcall_office_warn": "unknown"})
    yield house
    assert house.problems() == []


def topics_of(house):
    """What the bridge publishes and what it takes, by the entities."""
    told, taken = set(), {}
    for known in house.ha.entities.values():
        told.update(known.topics())
        if known.platform == "button":
            taken.setdefault(known.config["command_topic"], set()).add(
                known.config["payload_press"])
    return told, taken


def matches(filter_, topic):
    levels, of = topic.split("/"), filter_.split("/")
    return len(levels) == len(of) and all(
        wanted in ("+", level) for wanted, level in zip(of, levels))


def test_every_name_in_the_examples_is_one_that_the_bridge_has(example):
    there = set(example.ha.states())
    for name in ("automations.yaml", "configuration.yaml", "README.md"):
        named = entities_in(shipped(name))
        assert named and named <= there, (name, named - there)
    told, taken = topics_of(example)
    flow = json.loads(shipped("node-red-flow.json"))
    listens = [node["topic"] for node in flow if node["type"] == "mqtt in"]
    presses = [node for node in flow if node["type"] == "mqtt out"]
    assert listens and presses
    for wanted in listens:
        assert any(matches(wanted, topic) for topic in told), wanted
    payloads = {node["payload"] for node in flow if node["type"] == "inject"}
    for node in presses:
        assert payloads <= taken[node["topic"]]
        assert node["retain"] == "false" and node["qos"] == "1"
    # The page's table of topics.
    named = set(re.findall(r"`(lastcall/ha/[^`# ]+)`", PAGE))
    for topic in named:
        wanted = topic.replace("HOST", "+").replace("SERVER", "+")
        assert any(matches(wanted, known)
                   for known in told | set(taken)), topic


def test_the_bedtime_button_ends_the_childrens_films_alone(example):
    example.plex.play("kims", user="kim")
    example.plex.play("annas", user="anna")
    example.ha.await_state("sensor.lastcall_media_01_sessions_home", "2")
    example.ha.press("button.lastcall_media_01_bedtime")
    result = example.ha.await_event("event.lastcall_media_01_result")
    assert result.type == "success", result
    assert example.plex.terminated() == ["kims"]
    assert example.plex.terminates()[0].reason.decode() == \
        buttons()["bedtime"]["reason"]
    example.ha.await_event("event.lastcall_media_01_event",
                           match=lambda e: e.type == "ended")


def test_the_group_s_buttons_reach_the_terminal_server(example):
    example.ha.press("button.lastcall_office_close")
    result = example.ha.await_event("event.lastcall_result")
    assert result.type == "success", result
    assert (result.attributes["hosts"], result.attributes["answered"]) == (
        1, 1)


def test_the_example_checks_out(example):
    done = lastcall("bridge", "--check", "--config",
                    example.link.config)
    # Nothing to say: the page's grant is neither narrower nor wider.
    assert (done.status, done.err) == (0, ""), done


# Home Assistant's YAML.

def home_templates(states):
    """What of Home Assistant's own templates the examples use."""
    made = rules.environment()
    made.globals["state_attr"] = lambda name, attribute: states[name].get(
        attribute)
    made.globals["has_value"] = lambda name: states[name]["state"] not in (
        "unknown", "unavailable")
    return made


SESSIONS = {
    "sensor.lastcall_media_01_sessions_home": {"state": "2", "sessions": [
        {"username": "kim", "is_local": True},
        {"username": "anna", "is_local": False}, {"username": "lou"}]},
    "sensor.lastcall_office_02_sessions_desktop": {"state": "3", "sessions": [
        {"username": "jdoe", "state": "active"},
        {"username": "anna", "state": "disconnected"},
        {"state": "active"}]}}


def test_the_sensors_of_the_page_show_what_they_say():
    sensors = documents("configuration.yaml")["template"][0]["sensor"]
    shown = {}
    for sensor in sensors:
        for states in (SESSIONS, {name: {"state": "unavailable"}
                                  for name in SESSIONS}):
            value = home_templates(states).from_string(
                sensor["state"]).render().strip()
            there = home_templates(states).from_string(
                sensor["availability"]).render().strip()
            shown.setdefault(sensor["unique_id"], []).append((value, there))
    assert shown == {
        "lastcall_media_01_remote_viewers": [("1", "True"), ("0", "False")],
        "lastcall_office_02_active": [("jdoe", "True"), ("", "False")]}


KEYS = {"id", "alias", "mode", "triggers", "conditions", "actions"}


def test_the_automations_are_such_as_home_assistant_reads():
    found = documents("automations.yaml")
    assert len({automation["id"] for automation in found}) == len(found) == 4
    for automation in found:
        assert set(automation) <= KEYS
        for trigger in automation["triggers"]:
            assert trigger["trigger"] in ("time", "state")
        for text in every(automation):
            try:
                rules.TEMPLATES.from_string(text)
            except jinja2.TemplateError as error:
                raise AssertionError("%s: %s" % (text, error))


def automation_of(name):
    return next(automation for automation in documents("automations.yaml")
                if automation["id"] == name)


def told(kind, **members):
    class State:
        attributes = {"event_type": kind, **members}

    class Trigger:
        to_state = State
    return {"trigger": Trigger}


def test_the_childrens_room_is_told_of_and_no_other():
    automation = automation_of("lastcall_children_room")
    condition = automation["conditions"][0]["value_template"]

    def holds(values):
        return rules.TEMPLATES.from_string(condition).render(
            **values).strip() == "True"

    theirs = dict(client_name="Children", username="kim", media_title="Alien")
    assert holds(told("started", session=theirs))
    assert not holds(told("ended", session=theirs))
    assert not holds(told("started", session={"client_name": "Lounge"}))
    # What is not known is left out of a session.
    assert not holds(told("started", session={"username": "kim"}))
    message = automation["actions"][0]["data"]["message"]
    assert "kim" in rules.TEMPLATES.from_string(message).render(
        **told("started", session=theirs))


def test_a_press_that_did_not_work_is_told_of():
    automation = automation_of("lastcall_failed")
    condition = automation["conditions"][0]["value_template"]
    data = automation["actions"][0]["data"]
    for kind, wanted in (("success", "False"), ("failure", "True"),
                         ("refused", "True"), ("silent", "True")):
        event = told(kind, button="bedtime", detail="Too many.")
        rendered = [rules.TEMPLATES.from_string(text).render(**event).strip()
                    for text in (condition, data["title"], data["message"])]
        assert rendered == [wanted, "bedtime did not work",
                            kind + ": Too many."]


def test_an_old_event_that_comes_back_counts_in_no_automation():
    for automation in documents("automations.yaml"):
        for trigger in automation["triggers"]:
            if "event." in str(trigger.get("entity_id")):
                assert trigger["not_from"] == "unavailable"
                assert trigger["not_to"] == "unavailable"


def test_event_types_in_the_examples_are_real():
    with open(os.path.join(ROOT, "tests", "cases", "discovery",
                           "host.json")) as file:
        found = json.load(file)["components"]
    types = set(found["event"]["event_types"]) | set(
        found["result"]["event_types"])
    flow = json.loads(shipped("node-red-flow.json"))
    named = {rule["v"] for node in flow if node["type"] == "switch"
             for rule in node["rules"]}
    named |= set(re.findall(r"event_type'?\)?\s*[!=]=\s*'(\w+)'",
                            shipped("automations.yaml")))
    assert named and named <= types


# Node-RED's flow, the access list, the unit.

def test_the_flow_is_one_that_node_red_imports():
    flow = json.loads(shipped("node-red-flow.json"))
    ids = {node["id"] for node in flow}
    assert len(ids) == len(flow)
    tabs = {node["id"] for node in flow if node["type"] == "tab"}
    brokers = {node["id"] for node in flow if node["type"] == "mqtt-broker"}
    kinds = {"tab", "mqtt-broker", "mqtt in", "mqtt out", "inject", "switch",
             "function", "debug"}  # of Node-RED's own palette
    outputs = {"mqtt in": 1, "inject": 1, "function": 1, "mqtt out": 0,
               "debug": 0}
    for node in flow:
        assert node["type"] in kinds, node
        assert {to for output in node.get("wires", [])
                for to in output} <= ids, node
        if node["type"] not in ("tab", "mqtt-broker"):
            assert len(node["wires"]) == outputs.get(
                node["type"], len(node.get("rules", []))), node
            assert "z" in node and "x" in node and "y" in node, node
        if "z" in node:
            assert node["z"] in tabs
        if "broker" in node and node["type"].startswith("mqtt "):
            assert node["broker"] in brokers
        assert "credentials" not in node
    assert {node["protocolVersion"] for node in flow
            if node["id"] in brokers} == {"5"}


def test_the_access_list_gives_nobody_more_than_its_share():
    user, lines = None, {}
    for line in shipped("lastcall-home.acl").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "user":
            user = words[1]
            continue
        assert words[0] == "topic" and user is not None, line
        lines.setdefault(user, []).append((words[1], words[2]))
    for name, rights in lines.items():
        for right, topic in rights:
            assert "lastcall/v1" not in topic
            assert topic != "#" and not topic.startswith("+")
            if right != "read" and name != "lastcall-bridge":
                assert topic.endswith(("/press", "homeassistant/status"))
    assert not [topic for right, topic in lines["lastcall-bridge"]
                if right != "read" and topic.endswith("press")]


def test_the_unit_is_as_hardened_as_the_worker_s():
    def directives(name):
        with open(os.path.join(ROOT, "deploy", "systemd", name)) as file:
            return [line.strip() for line in file
                    if "=" in line and not line.startswith("#")]

    of = directives("lastcall-worker.service")
    mine = directives("lastcall-bridge.service")
    hardening = of[of.index("NoNewPrivileges=yes"):]
    assert len(hardening) > 20
    assert [line for line in hardening if line not in mine] == []
    assert "UMask=0077" in mine and "LimitCORE=0" in mine


@pytest.mark.skipif(not os.path.exists("/usr/bin/systemd-analyze"),
                    reason="no systemd-analyze")
def test_systemd_takes_the_unit(tmp_path):
    with open(os.path.join(ROOT, "deploy", "systemd",
                           "lastcall-bridge.service")) as file:
        text = file.read().replace("/usr/bin/lastcall ", "/bin/true ")
    unit = write_file(str(tmp_path / "lastcall-bridge.service"), text)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                          capture_output=True, text=True, timeout=60)
    said = [line for line in (done.stdout + done.stderr).splitlines()
            if "lastcall-bridge" in line]
    assert done.returncode == 0 and said == [], done.stderr


def test_the_page_says_where_each_file_of_the_configuration_comes_from():
    conf = sections()
    files = {value for section in ("controller", "broker", "bridge")
             for key, value in conf[section].items()
             if key in ("key", "grant", "root", "ca", "cert", "cert_key",
                        "password_file")}
    assert len(files) == 8
    text = PAGE.replace("\n", " ")
    assert [name for name in files if not re.search(
        r"(`| )%s\b" % re.escape(name), text)] == []
    secret = re.search(r"chmod 600 (.*)", PAGE).group(1).split()
    assert set(secret) == {conf["controller"]["key"],
                           conf["broker"]["cert_key"],
                           conf["bridge"]["password_file"]}


def test_the_page_links_to_files_that_are_there():
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        if not link.startswith("http"):
            assert os.path.exists(os.path.join(SHIPPED, link)), link
    named = {os.path.basename(path)
             for path in glob.glob(os.path.join(SHIPPED, "*"))}
    assert all("(%s)" % name in PAGE for name in named - {"README.md"})


def test_the_manual_knows_the_bridge():
    assert "bridge" in lastcall("--help").out


def test_what_the_page_says_of_the_log_is_what_is_logged():
    written = ""
    for path in glob.glob(os.path.join(ROOT, "controller", "*.c")):
        with open(path) as file:
            written += file.read()
    named = set(re.findall(r"`([A-Z]+-[A-Z]+)`", PAGE))
    assert named and [n for n in named if '"%s"' % n not in written] == []
