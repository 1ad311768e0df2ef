"""The two broker patterns of section 1 stop a captured host, and the shipped
access list lets nobody else make or clear maintenance plans."""

import re

import pytest

from bridged import examples, fill, shipped
import lastcall_py as py
from processes import bin_path
from stage import acl, run, write_file

NAMES = ("alice", "bob", "media-01", "media-02", "observer")


@pytest.fixture
def guarded(stage):
    stage.start_broker(acl=acl("alice", "bob", "observer"),
                       passwords={n: "pw-" + n for n in NAMES})
    return stage


def captured_host(stage):
    """Whoever holds media-02's password, and its keys."""
    client = py.Client()
    client.mqtt.username_pw_set("media-02", "pw-media-02")
    client.connect(stage.broker)
    stage.clients.append(client)
    return client


# holds 1.4
def test_a_captured_host_cannot_speak_for_another(guarded):
    alice = guarded.controller("alice")
    captured = captured_host(guarded)
    topic = guarded.fleet.topic
    for stolen in (topic("host", "media-01", "status"),
                   topic("host", "media-01", "sessions", "home"),
                   topic("host", "media-01", "event", "home"),
                   topic("host", "media-01", "result", "alice", "x" * 16),
                   topic("all", "command"),
                   topic("host", "media-01", "command"),
                   topic("trust", "revoked")):
        captured.publish(stolen, "forged")
    own = topic("host", "media-02", "status")
    captured.publish(own, "its own word")
    # The last one arrives, and it alone: the order of one publisher is kept.
    alice.await_message(lambda m: m.topic == own, "the host's own status")
    assert [m.topic for m in alice.since(0)] == [own]


def test_a_host_that_the_access_list_does_not_know_is_told(guarded, plex):
    """mosquitto grants it every subscription, and delivers nothing."""
    host = guarded.host("media-01", {"home": plex})
    mine = dict(host.sections["broker"])
    write_file(host.path("other.password"), "pw-media-02\n", 0o600)
    host.sections["broker"].update(
        username="media-02", password_file=host.path("other.password"))
    host.write_config()
    check = [bin_path("lastcall-worker"), "--config", host.config, "--check"]
    done = run(check)
    assert done.status == 1, done
    assert re.search("FAIL broker: .*known there as media-01", done.out), done
    worker = guarded.worker(host).spawn()
    worker.process.await_line("error PUBLISH-REFUSED .*access rules")
    host.sections["broker"] = mine
    host.write_config()
    done = run(check)
    assert done.status == 0 and "ok   broker: " in done.out, done


# holds 1.4
def test_a_host_cannot_read_what_is_addressed_to_others(guarded):
    alice = guarded.controller("alice")
    captured = captured_host(guarded)
    topic = guarded.fleet.topic
    captured.subscribe("#")
    host = py.Client()
    host.mqtt.username_pw_set("media-01", "pw-media-01")
    host.connect(guarded.broker)
    guarded.clients.append(host)
    host.publish(topic("host", "media-01", "result", "alice", "x" * 16), "a")
    host.publish(topic("host", "media-01", "result", "bob", "x" * 16), "b")
    host.publish(topic("host", "media-01", "result", "alice", "y" * 16), "c")
    alice.await_message(lambda m: m.payload == b"c", "the last result")
    assert [m.payload for m in alice.since(0)] == [b"a", b"c"]
    mine = topic("host", "media-02", "status")
    captured.publish(mine, "end")
    captured.await_message(lambda m: m.topic == mine, "its own status")
    assert [m.topic for m in captured.since(0)] == [mine]


# Maintenance plans, with deploy/mosquitto/lastcall.acl as it is shipped.

AUDIENCES = ("all", "group:lobby", "host:media-01")
READER = """\
user reader
topic read lastcall/v1/#
"""


def shipped_acl():
    """Its examples in use: alice who commands, a host of the lobby."""
    text = shipped("mosquitto", "lastcall.acl")
    parts = examples(text)
    lines = parts["alice"] + parts["root"] + parts["media-01"]
    lines += fill(parts["alice"], "alice", "observer")
    return text + "\n".join(lines) + "\n" + READER


@pytest.fixture
def planned(stage):
    names = (*NAMES, "reader", "root")
    stage.start_broker(acl=shipped_acl(),
                       passwords={n: "pw-" + n for n in names})
    return stage


def named(stage, name, *filters):
    client = py.Client()
    client.mqtt.username_pw_set(name, "pw-" + name)
    client.connect(stage.broker)
    stage.clients.append(client)
    if filters:
        client.subscribe(*filters)
    return client


def plan_topics(stage):
    return [stage.fleet.topic(*audience.split(":"), "maintenance", "patch-1")
            for audience in AUDIENCES]


# holds 1.4
def test_a_controller_plans_for_all_groups_and_hosts(planned):
    alice = named(planned, "alice", "lastcall/v1/#")
    host = named(planned, "media-01", "lastcall/v1/#")
    other = named(planned, "media-02", "lastcall/v1/#")
    topics = plan_topics(planned)
    for topic in topics:
        alice.publish(topic, b"a plan", retain=True)
    for client in (alice, host):
        client.await_message(lambda m: m.topic == topics[-1], "the last plan")
        assert [m.topic for m in client.since(0)] == topics
    # A host elsewhere learns of none but those for all.
    own = planned.fleet.topic("host", "media-02", "command")
    alice.publish(own, b"a command")
    other.await_message(lambda m: m.topic == own, "its command")
    assert [m.topic for m in other.since(0)] == [topics[0], own]
    # And whoever comes later finds them; alice may take them away.
    assert retained(planned, "media-01") == topics
    for topic in topics:
        alice.publish(topic, b"", retain=True)
    assert retained(planned, "media-01") == []


def retained(stage, name):
    """The plans that are there for whoever comes now."""
    late = named(stage, name, *plan_topics(stage))
    mark = stage.fleet.topic("host", name, "command")
    late.subscribe(mark)
    alice = named(stage, "alice")
    alice.publish(mark, b"the end")
    late.await_message(lambda m: m.topic == mark, "the end")
    return sorted((m.topic for m in late.since(0) if m.retain),
                  key=plan_topics(stage).index)


# holds 1.4
@pytest.mark.parametrize("name", ["reader", "media-02", "media-01", "root"])
def test_nobody_else_makes_or_clears_a_plan(planned, name):
    topics = plan_topics(planned)
    alice = named(planned, "alice", "lastcall/v1/#")
    for topic in topics:
        alice.publish(topic, b"a plan", retain=True)
    outsider = named(planned, name)
    mark = alice.mark()
    for topic in topics:
        outsider.publish(topic, b"", retain=True)
        outsider.publish(topic[:-1] + "2", b"forged", retain=True)
    assert retained(planned, "media-01") == topics
    assert alice.since(mark) == []
