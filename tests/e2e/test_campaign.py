"""Campaigns over several hosts: played in Python, and with real workers."""

import json
import os
import signal
import subprocess
import time

import pytest

import lastcall_py as py
import processes
from desk import FALSE, INTERRUPTED, OK, SILENT, STOPPED, USAGE
from terminal_host import TerminalHost, session
from test_command_terminal import Terminal


class Host(TerminalHost):
    """One session, and what the test makes of it."""

    def __init__(self, stage, name, log):
        self.log = log           # of all hosts: (what, who), as it came
        self.code = None         # instead of doing what is asked
        self.first = None        # called before it answers
        self.held = None         # a list: answers are kept in it
        super().__init__(stage, name)
        self.sessions = [session("3", username="jdoe")]

    def answer(self, request):
        if not request.get("dry_run"):
            self.log.append(("asked", self.name))
        if self.first:
            self.first()
        return super().answer(request)

    def outcome(self, found, request):
        row = super().outcome(found, request)
        if self.code:
            row.update(success=False, code=self.code)
        return row

    def publish(self, topic, payload, **options):
        if "/result/" in topic:
            if self.held is not None:
                self.held.append((topic, payload))
                return None
            self.log.append(("answered", self.name))
        return super().publish(topic, payload, **options)

    def speak(self):
        """Publish what was held."""
        held, self.held = self.held, None
        for topic, payload in held:
            self.publish(topic, payload)


class Fleet:
    def __init__(self, stage, names):
        self.log = []
        self.hosts = {name: Host(stage, name, self.log) for name in names}
        self.operator = stage.operator()

    def __getitem__(self, name):
        return self.hosts[name]

    @property
    def asked(self):
        return [name for what, name in self.log if what == "asked"]

    def argv(self, *arguments):
        return ("disconnect", "--every", "--yes", "-o", "json", *arguments)

    def run(self, *arguments, **options):
        return self.operator.run(*self.argv(*arguments), **options)


@pytest.fixture
def fleet(stage, broker):
    return Fleet(stage, ["a", "b", "c", "d"])


def outcomes(done):
    return {r["host"]: r["outcome"] for r in done.json()["results"]}


def test_one_after_the_other_in_the_order_of_the_file(fleet):
    done = fleet.run("--hosts-file", "-", "--batch", "1",
                     stdin="# racks\nc, a\n\nd # the old one\na b\n")
    assert done.status == OK, done
    assert fleet.asked == ["c", "a", "d", "b"]
    assert [r["host"] for r in done.json()["results"]] == ["a", "b", "c", "d"]
    assert done.json()["summary"]["true"] == 4


@pytest.mark.parametrize("command", [
    ("disconnect", "--every", "--yes"), ("ping",), ("hosts",), ("sessions",),
    ("maintenance", "start", "--at", "+1h", "--for", "1h", "--yes")])
def test_a_pattern_that_matches_nobody_is_said(fleet, command):
    done = fleet.operator.run(*command, "--host", "a,*b,rack-*", "--timeout",
                              "2s")
    assert "lastcall: rack-* matches no known host\n" in done.err, done
    assert "*b matches" not in done.err, done


def test_the_window_is_never_exceeded(fleet):
    for host in fleet.hosts.values():
        host.delay = 0.3
    done = fleet.run("--host", "a,b,c,d", "--batch", "50%")
    assert done.status == OK, done
    under_way = widest = 0
    for what, _ in fleet.log:
        under_way += 1 if what == "asked" else -1
        widest = max(widest, under_way)
    assert widest == 2, fleet.log


@pytest.mark.parametrize("target", [("--all",), ("--group", "lobby")])
def test_a_paced_broadcast_asks_each_by_itself(stage, broker, target):
    wire = stage.observer()
    wire.subscribe(stage.fleet.topic("+", "command"),
                   stage.fleet.topic("+", "+", "command"))
    fleet = Fleet(stage, ["a", "b"])
    for host in fleet.hosts.values():
        host.party = stage.fleet.host(host.name, ["lobby"])
        host.publish_status()
    done = fleet.run(*target, "--batch", "1")
    assert done.status == OK, done
    assert fleet.asked == ["a", "b"]
    assert {m.topic for m in wire.since(0) if m.topic.endswith("command")} == {
        stage.fleet.topic("host", name, "command") for name in "ab"}


@pytest.mark.parametrize("code", ["denied", "forbidden"])
def test_a_canary_stops_it(fleet, code):
    fleet["a"].code = code
    done = fleet.run("--all", "--canary", "1")
    assert done.status == STOPPED, done
    assert fleet.asked == ["a"]
    found = outcomes(done)
    assert found.pop("a") != "true"
    assert set(found.values()) == {"unsent"}
    assert done.json()["summary"]["unsent"] == 3
    assert done.json()["summary"]["stopped_by"] == "canary"
    assert done.json()["exit"] == STOPPED


def test_after_the_canary_the_rest(fleet):
    fleet["a"].delay = 0.3
    done = fleet.run("--all", "--canary", "1")
    assert done.status == OK, done
    assert fleet.asked[0] == "a" and sorted(fleet.asked) == list("abcd")


def test_who_comes_back_before_its_turn_is_asked(fleet):
    """c is offline when it begins, and there when a is asked."""
    fleet["c"].publish_status("offline")
    fleet["a"].first = lambda: fleet["c"].publish_status()
    done = fleet.run("--host", "a,b,c", "--batch", "1", "--batch-wait",
                     "500ms")
    assert done.status == OK, done
    assert fleet.asked == ["a", "b", "c"]


def test_too_many_failures_stop_it(fleet):
    fleet["a"].code = fleet["c"].code = "denied"
    done = fleet.run("--all", "--batch", "1", "--max-fail", "1")
    assert done.status == STOPPED, done
    assert fleet.asked == ["a", "b", "c"]
    assert done.json()["summary"]["stopped_by"] == "max_fail"
    assert outcomes(done) == {"a": "false", "b": "true", "c": "false",
                              "d": "unsent"}


def test_the_silent_are_failures(fleet):
    fleet["b"].held = []
    done = fleet.run("--all", "--batch", "1", "--max-fail", "0", "--timeout",
                     "2s")
    assert done.status == STOPPED, done
    assert outcomes(done) == {"a": "true", "b": "silent", "c": "unsent",
                              "d": "unsent"}


def test_as_many_failures_as_allowed_stop_nothing(fleet):
    fleet["a"].code = "denied"
    done = fleet.run("--all", "--batch", "1", "--max-fail", "25%")
    assert done.status == FALSE, done
    assert len(fleet.asked) == 4


def test_a_late_answer_counts(fleet):
    """a is given up, then b is asked; only then a answers, and b after it:
    answers that come together are taken in any order."""
    fleet["a"].held = []
    fleet["b"].delay = 0.5
    fleet["b"].first = lambda: fleet["a"].speak()
    done = fleet.run("--host", "a,b", "--batch", "1", "--timeout", "1s")
    assert done.status == OK, done
    late = {r["host"]: r["late"] for r in done.json()["results"]}
    assert late == {"a": True, "b": False}
    assert done.json()["summary"]["late"] == 1
    assert done.json()["summary"]["silent"] == 0
    assert done.json()["summary"]["stopped_by"] is None


def test_each_token_is_signed_when_its_turn_comes(fleet):
    done = fleet.run("--host", "a,b", "--batch", "1", "--batch-wait", "2s")
    assert done.status == OK, done
    first, second = (fleet[name].commands[0] for name in "ab")
    assert second["iat"] - first["iat"] >= 2
    assert second["exp"] - second["iat"] == 60


def test_interrupted_in_the_middle(fleet):
    """What is known is shown, with those who were not asked."""
    fleet["b"].held = []
    process = fleet.operator.spawn(*fleet.argv("--all", "--batch", "1",
                                               "--timeout", "60s"))
    fleet["b"].await_message(lambda m: True, "command to b")
    process.send(signal.SIGINT)
    assert process.wait() == INTERRUPTED, process.output()
    shown = json.loads(process.output())
    assert {r["host"]: r["outcome"] for r in shown["results"]} == {
        "a": "true", "b": "silent", "c": "unsent", "d": "unsent"}
    assert shown["exit"] == INTERRUPTED


@pytest.mark.parametrize("flags", [
    ("--batch", "0"), ("--batch", "x"), ("--canary", "0%"),
    ("--max-fail", "101%"), ("--batch-wait", "5s"), ("--splay", "2h")])
def test_what_makes_no_sense_is_refused(fleet, flags):
    done = fleet.run("--all", *flags)
    assert done.status == USAGE and flags[0] in done.err, done
    assert fleet.asked == []


def test_a_plan_binds_each_host(fleet):
    """--expect counts first, all at once; then the hosts go one by one."""
    fleet["b"].sessions = []
    done = fleet.run("--all", "--batch", "1", "--expect", "3")
    assert done.status == OK, done
    assert [fleet[n].acts()[0]["limit"] for n in "abcd"] == [1, 0, 1, 1]
    assert fleet.run("--all", "--batch", "1", "--expect", "4").status == \
        STOPPED


def test_what_touches_nothing_is_asked_at_once(fleet):
    """a answers the rehearsal only when d has been asked too."""
    fleet["a"].first = lambda: fleet["d"].await_message(
        lambda m: True, "command to d", timeout=10)
    done = fleet.run("--all", "--batch", "1", "--dry-run", "--timeout", "5s")
    assert done.status == OK, done
    assert done.json()["summary"]["late"] == 0


def test_who_is_offline_hears_nothing_of_what_was_counted(fleet):
    """The broker keeps a broadcast for a host that comes back; what each is
    asked by itself is not sent to it at all."""
    fleet["d"].publish_status("offline")
    fleet["d"].held = []  # a host that is off does not answer either
    counted = ("--all", "--expect", "3")
    assert fleet.run(*counted).status == STOPPED
    assert fleet.asked == []
    done = fleet.run(*counted, "--batch", "2")
    assert done.status == SILENT, done
    assert outcomes(done)["d"] == "offline"
    assert sorted(fleet.asked) == ["a", "b", "c"]


def test_an_id_is_held_to_what_each_host_showed(fleet):
    for name, user in zip("abcd", ("jdoe", "eve", "anna", "bob")):
        fleet[name].sessions = [session("3", username=user)]
    argv = ("disconnect", "--all", "--session", "3", "--yes", "--expect", "4")
    assert fleet.operator.run(*argv).status == USAGE
    done = fleet.operator.run(*argv, "--batch", "2")
    assert done.status == OK, done
    assert fleet["b"].acts()[0]["precondition"]["username"] == "eve"
    assert fleet["d"].acts()[0]["precondition"]["username"] == "bob"


def test_splay_is_the_operators_or_the_crowds(fleet):
    assert fleet.run("--all", "--splay", "1500ms").status == OK
    assert fleet["a"].asked[-1]["splay_s"] == 2
    assert fleet.run("--all").status == OK
    assert "splay_s" not in fleet["a"].asked[-1]


def test_a_worker_dies_in_the_middle(scene):
    """kill -9 of one of three: it is named, the others have done their part."""
    stage = scene.stage
    operator = stage.operator()
    workers = {}
    for name in ("media-02", "media-03"):
        host = stage.host(name, {"home": stage.standin()})
        workers[name] = stage.worker(host).start()
    wire = stage.observer()
    wire.subscribe(stage.fleet.topic("host", "+", "result", "+", "+"))
    process = operator.spawn(
        "stop", "--all", "--every", "--yes", "-o", "json", "--batch", "1",
        "--batch-wait", "2s", "--timeout", "3s")
    wire.await_message(lambda m: "/media-01/result/" in m.topic,
                       "result of media-01")
    workers["media-02"].kill()
    assert process.wait(30) == SILENT, process.output()
    shown = json.loads(process.output())
    assert {r["host"]: r["outcome"] for r in shown["results"]} == {
        "media-01": "true", "media-02": "silent", "media-03": "true"}


def test_a_person_sees_where_it_stands(fleet):
    """The canary, who is asked and who failed, before anybody has answered
    and while nobody does."""
    fleet["a"].held = []
    terminal = Terminal(fleet.operator, "disconnect", "--host", "a,b,c",
                        "--every", "--yes", "--canary", "1", "--batch", "1")
    terminal.await_text(r"0/3 hosts, canary of 1, 1 asked")
    fleet["b"].code = "denied"
    fleet["c"].held = []
    fleet["a"].speak()
    terminal.await_text(r"2/3 hosts, 1 failed, 1 asked")
    fleet["c"].await_message(lambda m: True, "command to c")
    fleet["c"].speak()
    assert terminal.end() == FALSE, terminal.text
    assert "3 hosts: 2 true, 1 false" in terminal.text


def test_the_broker_goes_away_and_comes_back(scene):
    """What was asked meanwhile is asked again, and the rest after that."""
    stage = scene.stage
    hosts = [stage.host(name, {"home": stage.standin()})
             for name in ("media-02", "media-03")]
    for host in hosts:
        stage.worker(host).start()
    wire = stage.observer()
    wire.subscribe(stage.fleet.topic("host", "+", "result", "+", "+"))
    process = stage.operator().spawn(
        "stop", "--all", "--every", "--yes", "-o", "json", "--batch", "1",
        "--batch-wait", "1s", "--timeout", "30s")
    wire.await_message(lambda m: "/media-01/result/" in m.topic,
                       "result of media-01")
    stage.broker.stop()
    stage.broker.start()
    assert process.wait(60) == OK, process.output()
    shown = json.loads(process.output())
    assert {r["host"]: r["outcome"] for r in shown["results"]} == {
        name: "true" for name in ("media-01", "media-02", "media-03")}


def forged_status(fleet, name):
    """A status in a host's name that somebody else signed."""
    stranger = py.Fleet().host(name)
    return fleet[name].fleet.topic("host", name, "status"), stranger.key.sign(
        py.TYP_STATUS, {"iss": stranger.subject, "iat": int(time.time()),
                        "jti": py.fresh_id(), "status": {}}, stranger.grant)


def test_what_hosts_say_of_themselves_meanwhile_is_passed_over(fleet, stage):
    """A broadcast that is on its way goes by no status any more."""
    fleet["a"].held = []
    process = fleet.operator.spawn(*fleet.argv("--all", "--timeout", "60s"))
    fleet["a"].await_message(lambda m: True, "command to all")
    stage.observer().publish(*forged_status(fleet, "b"))
    fleet["a"].speak()
    assert process.wait() == OK, process.output()
    shown = json.loads(process.output())
    assert shown["summary"]["bad_signature"] == 0
    assert shown["summary"]["true"] == 4


def test_the_broker_is_left_before_the_answer_is_shown(fleet, broker):
    """Who reads the answer slowly keeps nobody waiting."""
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    filled = 0
    try:
        while True:
            filled += os.write(sink, bytes(4096))
    except BlockingIOError:
        os.set_blocking(sink, True)
    argv = fleet.operator.argv(*fleet.argv("--all"))
    with subprocess.Popen(argv, stdout=sink, stderr=subprocess.PIPE,
                          env=fleet.operator.environment()) as child:
        os.close(sink)
        try:
            broker.process.await_line(r"Client lastcall-\S+ disconnected")
            assert child.poll() is None
        except AssertionError:
            child.kill()
            raise
        with open(source, "rb") as answer:
            text = answer.read()[filled:]
        error = child.stderr.read().decode()
        assert child.wait(processes.END_TIMEOUT) == OK, error
    assert not processes.SANITIZER.search(error), error
    assert json.loads(text)["summary"]["true"] == 4
