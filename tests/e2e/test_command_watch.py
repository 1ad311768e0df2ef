"""lastcall watch: what happens to sessions, as it happens."""

import array
import csv
import fcntl
import io
import json
import os
import re
import signal
import subprocess
import termios
import time

import pytest

import lastcall_py as py
import processes
from desk import INTERRUPTED, OK, REFUSED, USAGE
from test_command_terminal import Terminal, cells, plain

LINE_TYPES = {
    "start": {"command", "started_at"},
    "event": {"at", "host", "server", "backend", "kind", "derived", "boot_id",
              "seq", "ended_by", "ended_by_controller", "ended_by_plan",
              "changes", "detail", "session"},
    "host": {"at", "host", "state", "boot_id", "detail"},
    "gap": {"at", "host", "server", "missed", "detail"},
    "summary": {"events", "started", "changed", "ended", "derived", "gaps",
                "missed", "repeated", "bad_signature", "bad", "elapsed_ms",
                "exit"},
}


class Watch:
    """lastcall watch -o ndjson, begun: what happens now is shown."""

    def __init__(self, desk, *flags):
        self.process = desk.operator.spawn("watch", "-o", "ndjson", *flags)
        self.process.await_record(lambda r: r["type"] == "start")

    def find(self, **members):
        return self.process.await_record(
            lambda r: all(r.get(k) == v for k, v in members.items()))

    def event(self, kind, session_id, **members):
        return self.process.await_record(
            lambda r: r["type"] == "event" and r["kind"] == kind
            and r["session"]["session_id"] == session_id
            and all(r.get(k) == v for k, v in members.items()))

    def events(self):
        return [r for r in self.process.records() if r["type"] == "event"]

    def end(self, number=signal.SIGINT, status=INTERRUPTED):
        """End it; its lines, each checked, and the summary."""
        if self.process.running() and number is not None:
            self.process.send(number)
        assert self.process.wait() == status, self.process.output()
        records = self.process.records()
        for record in records:
            assert set(record) == LINE_TYPES[record["type"]] | {"type"}, record
        assert records[0]["type"] == "start"
        assert [r["type"] for r in records].count("summary") == 1
        assert records[-1]["type"] == "summary"
        assert records[-1]["exit"] == status
        return records[-1]


class Speaker:
    """A host that a test speaks for, with the host's own key."""

    def __init__(self, desk, name="media-09", boot_id="boot-9"):
        self.wire = desk.stage.observer()
        self.fleet = desk.scene.fleet
        self.party = self.fleet.host(name)
        self.name = name
        self.boot_id = boot_id

    def session(self, session_id, **fields):
        return {"session_id": session_id, "server": "home", "backend": "plex",
                "username": "jdoe", "state": "playing", "client_name": "TV",
                "client_address": None, "is_local": True, "started_at": None,
                "idle_s": None, "endable": True, "media_title": "Film",
                **fields}

    def token(self, typ, key=None, iat=None, **body):
        claims = {"iss": self.party.subject, "jti": py.fresh_id(),
                  "iat": int(time.time()) if iat is None else iat, **body}
        return (key or self.party.key).sign(typ, claims,
                                            grant=self.party.grant)

    def event(self, kind, session, seq, *, key=None, iat=None, retain=False,
              boot_id=None, **members):
        token = self.token(py.TYP_EVENT, key, iat, event={
            "server": "home", "backend": "plex", "kind": kind, "seq": seq,
            "boot_id": boot_id or self.boot_id, "session": session,
            "ended_by": None, **members})
        self.repeat(token, retain)
        return token

    def repeat(self, token, retain=False):
        self.wire.publish(self.fleet.topic("host", self.name, "event", "home"),
                          token, retain=retain)

    def status(self, state, *, iat=None, boot_id=None):
        self.wire.publish(
            self.fleet.topic("host", self.name, "status"),
            self.token(py.TYP_STATUS, iat=iat, status={
                "state": state, "boot_id": boot_id or self.boot_id,
                "version": "0.1.0", "protocol": 1, "os": "test",
                "clock": py.moment_of(time.time()), "servers": [],
                "counters": {}, "maintenance": []}), retain=True)

    def inventory(self, *sessions, seq, iat=None, boot_id=None):
        self.wire.publish(
            self.fleet.topic("host", self.name, "sessions", "home"),
            self.token(py.TYP_SESSIONS, iat=iat, inventory={
                "server": "home", "backend": "plex", "seq": seq,
                "boot_id": boot_id or self.boot_id,
                "taken_at": py.moment_of(time.time()), "reachable": True,
                "error": None, "count": len(sessions), "truncated": False,
                "sessions": list(sessions)}), retain=True)


@pytest.fixture
def speaker(desk):
    return Speaker(desk)


def test_events_are_shown_as_they_come(desk):
    watch = Watch(desk)
    key = desk.plex.play("one", user="jdoe", title="Alien")
    started = watch.event("started", "one")
    assert (started["host"], started["server"]) == ("media-01", "home")
    assert started["backend"] == "plex" and not started["derived"]
    assert started["boot_id"] == desk.scene.worker.boot_id
    assert started["session"]["username"] == "jdoe"
    assert started["changes"] is None and started["detail"] is None
    desk.plex.patch(key, {"Player": {"state": "paused"}})
    changed = watch.event("changed", "one")
    assert changed["changes"]["state"] == {"from": "playing", "to": "paused"}
    assert "state playing -> paused" in changed["detail"]
    desk.plex.remove(key)
    ended = watch.event("ended", "one")
    assert ended["ended_by"] is ended["ended_by_controller"] is None
    assert started["seq"] < changed["seq"] < ended["seq"]
    assert abs(time.time() - time.mktime(time.strptime(
        ended["at"][:19] + "UTC", "%Y-%m-%dT%H:%M:%S%Z")) + time.timezone) < 60
    summary = watch.end()
    assert (summary["started"], summary["ended"]) == (1, 1)
    assert summary["events"] == len(watch.events())
    assert summary["gaps"] == summary["missed"] == summary["derived"] == 0


def test_a_session_that_was_there_before_is_known(desk):
    key = desk.plex.play("one")
    desk.wire.await_inventory("media-01", "home", lambda i: i["count"] == 1)
    watch = Watch(desk)
    desk.plex.patch(key, {"Player": {"state": "paused"}})
    assert watch.event("changed", "one")["changes"]["state"] == {
        "from": "playing", "to": "paused"}
    assert watch.end()["events"] == 1


def test_who_ended_it_is_named(desk):
    desk.plex.play("one")
    desk.wire.await_inventory("media-01", "home", lambda i: i["count"] == 1)
    watch = Watch(desk)
    table = desk.operator.spawn("watch")
    table.await_line("TIME +HOST")
    done = desk.run("stop", "--host", "media-01", "--session", "one", "--yes",
                    "-o", "json")
    assert done.status == OK
    ended = watch.event("ended", "one")
    assert ended["ended_by_controller"] == "ops"
    assert ended["detail"] == "by ops (%s)" % ended["ended_by"]
    line = table.await_line(r"ended").string
    assert "by ops (%s)" % ended["ended_by"] in line
    watch.end()


def test_a_plan_that_ended_it_is_named(desk, speaker):
    watch = Watch(desk)
    speaker.event("ended", speaker.session("one"), 1,
                  ended_by="abcdefghijklmnop", ended_by_controller="alice",
                  ended_by_plan="patch-1")
    assert watch.event("ended", "one")["detail"] == "by alice (plan patch-1)"
    speaker.event("ended", speaker.session("two"), 2,
                  ended_by="abcdefghijklmnop")
    assert watch.event("ended", "two")["detail"] == (
        "by request abcdefghijklmnop")
    watch.end()


# Which events.

def test_only_the_target_and_the_filter(desk, speaker):
    named = Watch(desk, "--host", "media-09")
    group = Watch(desk, "--group", "lobby")
    glob = Watch(desk, "--host", "*-09", "--user", "a*")
    by_server = Watch(desk, "--server", "attic", "--host", "m*,nobody")
    by_server.process.await_line("nobody has never published a status")
    desk.plex.play("here", user="anna")
    speaker.event("started", speaker.session("there", username="anna"), 1)
    speaker.event("started", speaker.session("other"), 2)
    speaker.event("ended", speaker.session("there", username="anna"), 3)
    named.event("ended", "there")
    glob.event("ended", "there")
    group.event("started", "here")
    ids = lambda watch: [e["session"]["session_id"] for e in watch.events()]
    assert ids(named) == ["there", "other", "there"]
    assert ids(glob) == ["there", "there"]
    assert ids(group) == ["here"]
    assert ids(by_server) == []
    for watch in named, group, glob, by_server:
        watch.end()


@pytest.mark.parametrize("flags", [
    ["--where", "nonsense ="], ["--for", "soon"], ["--count", "some"],
    ["--count", "0"], ["--share", "No/Name"], ["media-01"], ["--fresh"],
    ["-o", "xml"], ["--all", "--host", "media-01"]])
def test_what_it_does_not_understand_it_refuses(desk, flags):
    assert desk.run("watch", *flags).status == USAGE


# The end.

def test_it_ends_by_itself_after_a_time(desk):
    watch = Watch(desk, "--for", "3s")
    desk.plex.play("one")
    watch.event("started", "one")
    elapsed_ms = watch.end(number=None, status=OK)["elapsed_ms"]
    assert 3000 <= elapsed_ms < 6000


def test_as_many_hosts_as_are_asked_for_one_by_one(desk):
    """Each with a filter for its status, its lists and its events."""
    hosts = ["--host=media-%02d" % number for number in range(32)]
    done = desk.operator.run("watch", "--for", "100ms", *hosts)
    assert done.status == OK, done
    assert "media-31 has never published a status" in done.err, done


def test_it_ends_by_itself_after_so_many_events(desk, speaker):
    watch = Watch(desk, "--count", "2", "--user", "anna")
    for number, user in enumerate(["anna", "bob", "anna", "anna"]):
        speaker.event("started",
                      speaker.session("s%d" % number, username=user),
                      number + 1)
    summary = watch.end(number=None, status=OK)
    assert summary["events"] == 2
    assert [e["session"]["session_id"] for e in watch.events()] == ["s0",
                                                                    "s2"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_with_the_summary(desk, number):
    assert Watch(desk).end(number)["events"] == 0


def test_who_stops_reading_ends_it_quietly(desk, speaker):
    child = subprocess.Popen(
        desk.operator.argv("watch", "-o", "ndjson"), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=desk.operator.environment())
    assert json.loads(child.stdout.readline())["type"] == "start"
    child.stdout.close()
    speaker.event("started", speaker.session("one"), 1)
    assert child.wait(30) == INTERRUPTED
    assert child.stderr.read() == ""


class SlowReader:
    """lastcall watch -o ndjson, begun, whose output nobody reads."""

    def __init__(self, desk, *flags):
        self.child = subprocess.Popen(
            desk.operator.argv("watch", "-o", "ndjson", *flags), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=desk.operator.environment())
        assert json.loads(self.child.stdout.readline())["type"] == "start"

    def fill(self, speaker):
        """Have more told than the pipe holds; the number of events."""
        count = 100
        fcntl.fcntl(self.child.stdout, F_SETPIPE_SZ, 4096)
        session = speaker.session("one", media_title="x" * 1000)
        for number in range(count):
            speaker.event("started", session, number + 1)
        processes.eventually(lambda: pipe_bytes(self.child.stdout) > 2000,
                             "a full pipe")
        return count


# A sanitizer's own memory grows.
IS_SANITIZED = re.search("asan|tsan", os.environ.get("LASTCALL_BIN", ""))
F_SETPIPE_SZ = 1031  # Linux; before Python 3.10 fcntl has no name for it


def pipe_bytes(stream):
    """How much of a pipe waits to be read."""
    waiting = array.array("i", [0])
    fcntl.ioctl(stream.fileno(), termios.FIONREAD, waiting)
    return waiting[0]


def test_an_interrupt_ends_it_also_when_nobody_reads(desk, speaker):
    reader = SlowReader(desk)
    reader.fill(speaker)
    reader.child.send_signal(signal.SIGINT)
    assert reader.child.wait(processes.END_TIMEOUT) == INTERRUPTED
    reader.child.communicate()


def test_who_reads_slowly_takes_no_memory_and_loses_nothing(desk, speaker):
    reader = SlowReader(desk, "--count", "102")
    told = reader.fill(speaker)
    before_kib = processes.private_memory_kib(reader.child.pid)
    fat = [speaker.session("s%04d" % i) for i in range(4000)]
    for seq in range(60):  # each takes 5 MB when it is opened
        speaker.inventory(*fat, seq=seq + 1)
    speaker.event("ended", speaker.session("last"), told + 1)
    desk.plex.play("another")
    desk.wire.await_inventory("media-01", "home", lambda i: i["count"] == 1)
    grown_kib = processes.private_memory_kib(reader.child.pid) - before_kib
    assert grown_kib < 200 * 1024 or IS_SANITIZED, "%d KiB" % grown_kib
    out, err = reader.child.communicate(timeout=processes.PATIENCE)
    summary = json.loads(out.splitlines()[-1])
    assert (summary["events"], summary["gaps"]) == (102, 0)
    assert (reader.child.returncode, err) == (OK, "")


# What a broker may do.

def test_what_is_forged_is_said_and_not_shown(desk, speaker):
    watch = Watch(desk, "--count", "1")
    stranger = py.Key()
    speaker.event("ended", speaker.session("forged"), 1, key=stranger)
    other = Speaker(desk, "media-10")
    other.name = speaker.name  # its own key and grant, another's topic
    other.event("ended", other.session("forged"), 1)
    speaker.repeat("no token at all")
    speaker.event("started", speaker.session("true"), 1)
    summary = watch.end(number=None, status=REFUSED)
    assert summary["bad_signature"] == 3 and len(summary["bad"]) == 3
    assert {bad["host"] for bad in summary["bad"]} == {"media-09"}
    assert [e["session"]["session_id"] for e in watch.events()] == ["true"]
    assert watch.process.output().count("bad signature: ") == 3


def test_an_event_that_a_broker_kept_is_none(desk, speaker):
    speaker.event("started", speaker.session("kept"), 1, retain=True)
    watch = Watch(desk, "--count", "1")
    speaker.event("started", speaker.session("true"), 2)
    assert watch.end(number=None, status=REFUSED)["bad"][0]["code"] == (
        "retained")
    assert [e["session"]["session_id"] for e in watch.events()] == ["true"]


def test_a_repetition_is_dropped_and_counted(desk, speaker):
    watch = Watch(desk)
    first = speaker.event("started", speaker.session("one"), 1)
    second = speaker.event("ended", speaker.session("one"), 2)
    for token in first, second, first:
        speaker.repeat(token)
    earlier = Speaker(desk)
    earlier.party = speaker.party
    earlier.boot_id = "boot-8"
    earlier.event("started", speaker.session("ghost"), 900,
                  iat=int(time.time()) - 60)
    speaker.event("started", speaker.session("two"), 3)
    watch.event("started", "two")
    assert [e["session"]["session_id"] for e in watch.events()] == [
        "one", "one", "two"]
    assert watch.end()["repeated"] == 4


def test_an_event_older_than_the_inventory_is_a_repetition(desk, speaker):
    now = int(time.time())
    speaker.inventory(speaker.session("one"), seq=1, iat=now - 10)
    watch = Watch(desk)
    speaker.event("ended", speaker.session("one"), 7, iat=now - 20)
    speaker.event("ended", speaker.session("one"), 8, iat=now)
    assert watch.event("ended", "one")["seq"] == 8
    assert watch.end()["repeated"] == 1


def test_what_never_came_is_a_gap(desk, speaker):
    watch = Watch(desk)
    speaker.event("started", speaker.session("one"), 5)  # the first it hears
    speaker.event("ended", speaker.session("one"), 9)
    gap = watch.find(type="gap")
    assert (gap["host"], gap["server"], gap["missed"]) == ("media-09", "home",
                                                           3)
    speaker.event("started", speaker.session("two"), 3, boot_id="boot-10")
    assert watch.find(type="gap", missed=2)
    summary = watch.end()
    assert (summary["gaps"], summary["missed"]) == (2, 5)


def test_what_no_event_told_is_noticed_in_the_inventory(desk, speaker):
    now = int(time.time())
    speaker.inventory(speaker.session("one"), speaker.session("two"),
                      speaker.session("same"), seq=1, iat=now - 5)
    watch = Watch(desk)
    speaker.inventory(speaker.session("same"), speaker.session("three"),
                      speaker.session("two", state="paused"), seq=2)
    started = watch.event("started", "three", derived=True)
    assert started["seq"] is started["ended_by"] is None
    assert started["detail"] == "noticed afterwards"
    changed = watch.event("changed", "two", derived=True)
    assert changed["changes"] == {"state": {"from": "playing",
                                            "to": "paused"}}
    watch.event("ended", "one", derived=True)
    # An old inventory tells nothing, and what events told is known.
    speaker.inventory(speaker.session("one"), seq=1, iat=now - 5)
    speaker.inventory(speaker.session("one"), seq=2)
    speaker.event("ended", speaker.session("three"), 1)
    speaker.inventory(speaker.session("same"),
                      speaker.session("two", state="paused"), seq=3)
    speaker.event("ended", speaker.session("same"), 2)
    watch.event("ended", "same")
    summary = watch.end()
    assert (summary["events"], summary["derived"]) == (5, 3)


# Hosts and brokers that go and come.

def test_a_host_that_goes_and_comes_is_told(desk):
    watch = Watch(desk)
    desk.scene.worker.stop()
    assert watch.find(type="host", state="offline")["host"] == "media-01"
    desk.scene.worker.start()
    online = watch.find(type="host", state="online")
    assert online["boot_id"] == desk.scene.worker.boot_id
    desk.plex.play("one")
    watch.event("started", "one", boot_id=desk.scene.worker.boot_id)
    watch.end()


def test_only_what_a_status_changes_is_told(desk, speaker):
    watch = Watch(desk)
    now = int(time.time())
    for state, boot in (("online", "boot-1"), ("online", "boot-1"),
                        ("draining", "boot-1"), ("offline", "boot-1"),
                        ("online", "boot-2"), ("offline", "boot-1"),
                        ("online", "boot-2"), ("online", "boot-3")):
        now += 1
        speaker.status(state, iat=now, boot_id=boot)
    watch.find(type="host", boot_id="boot-3")
    told = [(r["state"], r["boot_id"], r["detail"])
            for r in watch.process.records() if r["type"] == "host"]
    assert told == [("online", "boot-1", None), ("draining", "boot-1", None),
                    ("offline", "boot-1", None), ("online", "boot-2", None),
                    ("online", "boot-3", "restarted")]
    watch.end()


def test_it_finds_back_to_its_broker(desk):
    watch = Watch(desk)
    desk.plex.play("one")
    watch.event("started", "one")
    desk.scene.broker.stop()
    watch.process.await_line("the broker is gone: the connection was closed")
    desk.plex.play("two")
    desk.plex.await_lists(3)  # so the worker knows, and told nobody
    desk.scene.broker.start()
    watch.process.await_line("the broker is back")
    # The event was lost with the broker; the inventory tells of it.
    assert watch.event("started", "two")["derived"] is True
    desk.plex.play("three")
    assert watch.event("started", "three")["derived"] is False
    assert watch.find(type="gap")["missed"] == 1
    watch.end()


# Many watchers.

def test_watchers_can_share_the_events(desk, speaker):
    # mosquitto hands shared messages round.
    watches = [Watch(desk, "--share", "desk") for _ in range(3)]
    alone = Watch(desk)
    count = 30
    for number in range(count):
        speaker.event("started", speaker.session("s%02d" % number),
                      number + 1)
    alone.event("started", "s%02d" % (count - 1))
    wanted = ["s%02d" % number for number in range(count)]

    def seen():
        return sorted(e["session"]["session_id"] for w in watches
                      for e in w.events())

    for watch in watches:
        watch.process.await_record(lambda r: seen() == wanted)
        assert watch.events(), "one got nothing"
    # One is told, and the others do not take it from the inventory.
    desk.plex.play("real")
    desk.wire.await_inventory("media-01", "home", lambda i: i["count"] == 1)
    for number in range(count, 2 * count):
        speaker.event("started", speaker.session("s%02d" % number),
                      number + 1)
    wanted += ["s%02d" % number for number in range(count, 2 * count)]
    wanted = sorted(wanted + ["real"])
    for watch in watches:
        watch.process.await_record(lambda r: seen() == wanted)
    for watch in watches:
        summary = watch.end()
        assert summary["gaps"] == summary["derived"] == 0
    alone.event("started", "s%02d" % (2 * count - 1))
    assert alone.end()["events"] == 2 * count + 1


# The forms.

def test_a_table_is_a_line_an_event(desk, speaker):
    table = desk.operator.spawn("watch")
    table.await_line("^TIME +HOST +SERVER +EVENT +USER +WHAT +STATE +CLIENT "
                     "+DETAIL$")
    title = "evil \x1b[31mred\x07 \u202e end"
    speaker.event("started", speaker.session(
        "one", media_title=title.replace("\x1b", " ").replace("\x07", " ")), 1)
    line = table.await_line(r"started").string
    assert re.match(r"\d\d:\d\d:\d\d +media-09 +home +started +jdoe +evil",
                    line), line
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", line), line
    speaker.event("changed", speaker.session("one", state="paused"), 4)
    table.await_line(r"media-09 +home +gap .* 2 events never came$")
    table.send(signal.SIGINT)
    assert table.wait() == INTERRUPTED
    table.await_line("2 events: 1 started, 1 changed, 0 ended; 2 missed, "
                     "0 repeated, 0 bad")


def test_a_terminal_has_colours_and_a_line_at_once(desk, speaker):
    terminal = Terminal(desk.operator, "watch")
    terminal.await_text("DETAIL")
    speaker.event("started", speaker.session("one"), 1)
    terminal.await_text("\x1b\\[32mstarted\x1b\\[0m .*\x1b\\[32mplaying")
    speaker.event("ended", speaker.session("one"), 5)
    terminal.await_text("\x1b\\[31mgap\x1b\\[0m .*3 events never came")
    terminal.await_text("\x1b\\[33mended\x1b\\[0m ")
    terminal.child.send_signal(signal.SIGINT)
    assert terminal.end() == INTERRUPTED
    assert "2 events: 1 started, 0 changed, 1 ended" in terminal.text


def test_a_terminal_of_80_columns_has_a_line_an_event(desk, speaker):
    terminal = Terminal(desk.operator, "watch", columns=80)
    terminal.await_text("DETAIL\r\n")
    long = speaker.session("one", username="jdoe", client_name="x" * 200,
                           media_title="Cafe\u0301 \u591c\u306e\u8857 " * 20)
    speaker.event("started", long, 1)
    speaker.event("ended", {**long, "media_title": "Aliens"}, 2,
                  ended_by="abcdefghijklmnop", ended_by_controller="alice")
    terminal.await_text("by alice.*\r\n")
    terminal.child.send_signal(signal.SIGINT)
    assert terminal.end() == INTERRUPTED
    head, started, ended, tally = plain(terminal.text)[:4]
    assert head.split() == ["TIME", "HOST", "EVENT", "USER", "WHAT", "DETAIL"]
    assert re.match("[0-9:]{8}  media-09 +started +jdoe +Cafe\u0301 \u591c.*~ +-$",
                    started), started
    assert re.match("[0-9:]{8}  media-09 +ended +jdoe +Aliens +"
                    r"by alice \(abcdefghijkl~$", ended), ended
    assert [cells(line) <= 80 for line in (head, started, ended)] == [True] * 3
    assert cells(ended) == 80, ended
    assert "2 events: 1 started" in tally
    assert ended.index("by alice") == head.index("DETAIL")


def run_for(desk, speaker, form):
    """What a watch of two events writes in a form."""
    argv = desk.operator.argv("watch", "--count", "2", "-o", form)
    begun = Watch(desk)
    child = subprocess.Popen(argv, text=True, stdout=subprocess.PIPE,
                             env=desk.operator.environment())
    number = 0
    while child.poll() is None:
        number += 1
        speaker.event("started", speaker.session("s%04d" % number), number)
        begun.event("started", "s%04d" % number)
    begun.end()
    out = child.stdout.read()
    child.stdout.close()
    assert child.returncode == OK
    return out


def test_json_is_one_document_in_the_end(desk, speaker):
    document = json.loads(run_for(desk, speaker, "json"))
    assert document["exit"] == OK and document["summary"]["events"] == 2
    assert [e["type"] for e in document["events"]] == ["event", "event"]


def test_csv_and_names_have_a_line_an_event(desk, speaker):
    rows = list(csv.DictReader(io.StringIO(run_for(desk, speaker, "csv"))))
    assert [row["kind"] for row in rows] == ["started", "started"]
    assert rows[0]["type"] == "event" and rows[0]["username"] == "jdoe"
    another = Speaker(desk, "media-11")
    names = run_for(desk, another, "names").split()
    assert len(names) == 2 and all(name.startswith("s") for name in names)
