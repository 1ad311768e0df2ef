"""Programs that drive the fleet: typed lines, and results that they share."""

import os
import re

import pytest

from processes import eventually
from desk import OK
from test_jobs import Trio

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
HOSTS = ("media-01", "media-02", "media-03")
NAMES = ("alice", "bob", "ops", "observer") + HOSTS


def example_acl(*controllers):
    """deploy/mosquitto/lastcall.acl with its example for these."""
    path = os.path.join(SOURCE, "deploy", "mosquitto", "lastcall.acl")
    with open(path) as source:
        lines = source.read().splitlines()
    patterns = [line for line in lines if line.startswith("pattern ")]
    begin = lines.index("#   user alice") + 1
    topics = []
    for line in lines[begin:]:
        if not line.startswith("#   topic "):
            break
        topics.append(line[4:])
    assert len(patterns) >= 6 and len(topics) >= 6
    return "\n".join(patterns + [line for name in controllers for line in
                                 ["user " + name] + topics]) + "\n"


def line_types():
    """What the manual says a line can be."""
    with open(os.path.join(SOURCE, "deploy", "man", "lastcall.1")) as source:
        text = source.read()
    section = text[text.index("\n.SH NDJSON\n"):]
    section = section[:section.index("\n.SH ", 1)]
    types = re.findall(r"^\.TP\n\.B (\w+)$", section, re.M)
    assert types[0] == "start" and types[-1] == "summary"
    return types


# Results by a shared subscription.

@pytest.fixture
def guarded(stage):
    stage.start_broker(acl=example_acl("alice", "bob", "ops", "observer"),
                       passwords={n: "pw-" + n for n in NAMES})
    return stage


def workers(stage):
    plex = stage.standin()
    return [stage.worker(stage.host(name, {"home": plex})).start()
            for name in HOSTS]


def results_of(controllers, command, verifier):
    """Who was given which host's answer, each one verified."""
    given = []
    for controller in controllers:
        for message in controller.since(
                0, lambda m: m.topic.endswith("/" + command.jti)):
            host = message.topic.split("/")[3]
            claims = verifier.verify_result(message.payload.decode(), command,
                                            host)
            assert claims["result"]["success"]
            given.append((host, controller))
    return given


# holds 1.15
def test_two_programs_of_one_key_share_its_results(guarded):
    workers(guarded)
    party = guarded.fleet.controller("alice")
    two = [guarded.controller_of(party, share="desk") for _ in range(2)]
    # Somebody with another name gains nothing, whatever he subscribes to.
    bob = guarded.controller("bob")
    bob.subscribe("$share/other/" + guarded.fleet.topic(
        "host", "+", "result", "alice", "+"))
    commands = []
    for number in range(8):
        commands.append(two[number % 2].send(
            two[number % 2].command("all", {"action": "ping"})))
    total = {controller: 0 for controller in two}
    for command in commands:
        def is_whole():
            return len(results_of(two, command, two[0].verifier)) >= len(HOSTS)

        eventually(is_whole, "every result")
    # A last command to one host: what came twice would have come by now.
    last = two[0].send(two[0].command("host:media-01", {"action": "ping"}))
    eventually(
        lambda: results_of(two, last, two[0].verifier), "the last result")
    for command in commands:
        given = results_of(two, command, two[0].verifier)
        assert sorted(host for host, _ in given) == list(HOSTS)
        for _, controller in given:
            total[controller] += 1
    assert all(total.values()), "one got nothing: %s" % list(total.values())
    assert bob.since(0, lambda m: "/result/" in m.topic) == []


# holds 1.12, 1.15
def test_what_died_with_one_of_them_comes_again(guarded):
    workers(guarded)
    party = guarded.fleet.controller("alice")
    left, dies = [guarded.controller_of(party, share="desk")
                  for _ in range(2)]
    command = left.send(left.command("all", {"action": "ping"}))
    both = (left, dies)
    eventually(
        lambda: len(results_of(both, command, left.verifier)) == len(HOSTS),
        "every result")
    had = {host for host, c in results_of(both, command, left.verifier)
           if c is left}
    dies.close()
    left.send(command)  # the same bytes: nothing is run again
    eventually(
        lambda: {host for host, _ in results_of((left,), command,
                                                left.verifier)} == set(HOSTS),
        "what the other one had")
    assert had != set(HOSTS)


# Typed lines.

@pytest.fixture
def trio(stage):
    return Trio(stage)


COMMANDS = [
    (("watch", "--for", "1s"), set()),  # before anything happens
    (("hosts",), {"host"}),
    (("sessions",), {"session"}),
    (("sessions", "--all", "--fresh"), {"session"}),
    (("ping", "--all"), {"result"}),
    (("stop", "--all", "--every", "--yes", "--batch", "1"), {"result"}),
    (("stop", "--all", "--every", "--dry-run", "--canary", "1"), {"result"}),
    (("jobs",), {"job"}),
    (("maintenance", "status"), {"plan"}),
]


def test_each_line_of_each_command_has_a_documented_type(trio):
    known = line_types()
    assert trio.run("maintenance", "start", "--all", "--at", "+1h", "--for",
                    "1h", "--yes", "--id", "later").status == OK
    seen = set()
    for words, wanted in COMMANDS:
        done = trio.run(*words, "-o", "ndjson")
        assert done.status == OK, done
        types = check_lines(done, words[0])
        assert set(types[1:-1]) == wanted, done
        seen.update(types)
    job = trio.newest()
    for words in ("jobs", "show", job), ("jobs", "wait", job):
        types = check_lines(trio.run(*words, "-o", "ndjson"), "jobs")
        assert set(types[1:-1]) == {"result"}
        seen.update(types)
    # What is documented and not seen here has tests of its own.
    assert seen <= set(known)
    assert set(known) - seen == {"revoked", "event", "gap"}


def check_lines(done, command):
    lines = done.ndjson()
    types = [line["type"] for line in lines]
    assert types[0] == "start" and types[-1] == "summary", done
    assert types.count("start") == types.count("summary") == 1, done
    assert lines[0]["command"] == command
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
                        lines[0]["started_at"])
    assert lines[-1]["exit"] == done.status
    for text in done.out.splitlines():
        assert text.startswith('{"type":"'), text
    return types


def test_the_first_line_waits_for_nobody(trio):
    asleep = trio.workers["media-02"]
    asleep.process.pause()
    try:
        process = trio.operator.spawn("ping", "--host", "media-02", "-o",
                                      "ndjson", "--timeout", "20s")
        process.await_record(lambda r: r["type"] == "start")
        assert process.running() and len(process.records()) == 1
    finally:
        asleep.process.resume()
    assert process.wait() == OK


@pytest.mark.parametrize("words", [
    ("ping", "--all"), ("stop", "--all", "--every", "--yes"),
    ("sessions", "--all", "--fresh")])
def test_a_line_comes_when_it_is_there(trio, words):
    asleep = trio.workers["media-02"]
    asleep.process.pause()
    try:
        process = trio.operator.spawn(*words, "-o", "ndjson",
                                      "--timeout", "20s")
        for host in "media-01", "media-03":
            process.await_record(lambda r: r.get("host") == host)
        assert process.running()
        assert not [r for r in process.records() if r["type"] == "summary"]
    finally:
        asleep.process.resume()
    process.await_record(lambda r: r.get("host") == "media-02")
    assert process.wait() == OK
    assert process.records()[-1]["type"] == "summary"
