"""The two broker patterns of section 1 stop a captured host."""

import pytest

import lastcall_py as py
from stage import acl

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
