"""Maintenance windows from the command line, carried out by workers."""

import json
import signal

import pytest

from desk import (BROKER, FALSE, INTERRUPTED, OK, REFUSED, SILENT, UNCONFIRMED,
                  USAGE)
from terminal_server import session
from test_command_terminal import Terminal


class Office:
    """Two hosts, one of them off; an operator."""

    def __init__(self, stage):
        self.stage = stage
        self.windows = stage.terminal_server()
        self.plex = stage.standin()
        self.host = stage.host("office-02", {"desktop": self.windows,
                                             "home": self.plex},
                               groups=["office"])
        self.absent = stage.host("office-03", {"home": self.plex},
                                 groups=["office"])
        self.operator = stage.operator()
        self.worker = stage.worker(self.host).start()

    def run(self, *words):
        return self.operator.run("maintenance", *words)

    def start(self, *words, target=("--host", "office-02")):
        return self.run("start", *target, "--yes", "-o", "json", *words)

    def rows(self, *words):
        done = self.run("status", "-o", "json", *words)
        assert done.status == OK, done
        return {row["host"]: row for row in done.json()["plans"]}

    def await_phase(self, plan, phase):
        """Until the host's own status says so."""
        return self.stage.observer().await_status(
            "office-02", lambda s: any(
                p["id"] == plan and p["phase"] == phase
                for p in s["maintenance"]))


@pytest.fixture
def office(stage, broker):
    return Office(stage)


def test_a_window_now_ends_what_is_there_and_what_comes(office):
    office.windows.put(session(2, "jdoe"))
    office.plex.play("movie-1")
    done = office.start("--at", "now", "--for", "1h", "--enforce", "--id",
                        "patch-1", "--reason", "patch day")
    assert done.status == OK, done
    assert {row["host"] for row in done.json()["plans"]} == {"office-02"}
    office.await_phase("patch-1", "enforcing")
    assert office.windows.states() == {2: "disconnected"}
    assert office.plex.terminated() == ["movie-1"]
    assert office.plex.terminates()[0].reason == b"patch day"
    office.plex.play("movie-2")
    office.plex.await_terminates(2)
    assert office.plex.terminated() == ["movie-1", "movie-2"]
    row = office.rows("patch-1")["office-02"]
    assert (row["phase"], row["action"], row["retained"]) == (
        "enforcing", "end", True)
    assert row["ended"] >= 2 and row["failed"] == 0


def test_that_there_is_no_plan_is_said(office):
    for words in (), ("patch-0",):
        done = office.run("status", *words)
        assert (done.status, done.out) == (OK, ""), done
        assert done.err == " ".join(
            ("no host that is known has a plan", *words)) + "\n", done


def test_a_plan_that_is_cancelled_ends_nobody(office):
    office.plex.play("movie-1")
    assert office.start("--at", "+1h", "--for", "1h", "--id",
                        "patch-2").status == OK
    assert office.rows()["office-02"]["phase"] == "scheduled"
    done = office.run("cancel", "patch-2", "--yes", "-o", "json")
    assert done.status == OK, done
    assert [row["phase"] for row in done.json()["plans"]] == ["cancelled"]
    assert office.plex.terminated() == []


def test_a_host_that_is_off_does_its_part_when_it_is_back(office):
    office.worker.stop()
    office.plex.play("movie-1")
    done = office.start("--at", "now", "--for", "1h", "--id", "patch-3",
                        target=("--group", "office"))
    assert done.status == SILENT, done
    assert [row["phase"] for row in done.json()["plans"]] == ["offline"]
    assert office.plex.terminated() == []
    office.worker.start()
    office.await_phase("patch-3", "done")
    assert office.plex.terminated() == ["movie-1"]


def test_people_are_warned_and_followed_to_the_end(office):
    office.windows.put(session(2, "jdoe"))
    done = office.start("--at", "+3s", "--for", "4s", "--warn", "2s",
                        "--message", "Bitte speichern – gleich ist Schluß",
                        "--action", "logoff", "--id", "patch-4", "--follow")
    assert done.status == OK, done
    [row] = done.json()["plans"]
    assert (row["phase"], row["warned"], row["ended"]) == ("done", 1, 1)
    [box] = [c for c in office.windows.calls("WTSSendMessageW")
             if "error" in c]
    assert box["text"] == "Bitte speichern – gleich ist Schluß"
    assert office.windows.states() == {}


def test_who_follows_is_shown_what_changes_and_no_more(office):
    office.plex.play("movie-1")
    done = office.run("start", "--host", "office-02", "--at", "+2s", "--for",
                      "1h", "--id", "patch-10", "--yes", "--follow", "-o",
                      "ndjson")
    assert done.status == OK, done
    first, *rows, last = [json.loads(line) for line in done.out.splitlines()]
    assert (first["type"], last["type"]) == ("start", "summary")
    assert {row["type"] for row in rows} == {"plan"}
    told = [(row["phase"], row["ended"]) for row in rows]
    assert told[0][0] in ("waiting", "scheduled") and told[-1] == ("done", 1)
    assert len(told) == len(set(told)), told
    assert last["phases"]["done"] == last["rows"] == 1
    assert (last["sessions_ended"], last["exit"]) == (1, OK)


def test_a_person_follows_in_one_table(office):
    done = office.run("start", "--host", "office-02", "--at", "+2s", "--for",
                      "1h", "--id", "patch-11", "--yes", "--follow")
    assert done.status == OK, done
    title, *rows = done.out.splitlines()
    assert title.startswith("PLAN ") and "PLAN " not in "".join(rows)
    assert rows[-1].split()[:3] == ["patch-11", "office-02", "done"], rows
    assert ("1 host: 1 done; 0 sessions warned, 0 ended, 0 failed"
            in done.err), done


def test_a_person_sees_where_the_fleet_stands(office):
    terminal = Terminal(office.operator, "maintenance", "start", "--host",
                        "office-02", "--at", "now", "--for", "1h", "--enforce",
                        "--id", "patch-16", "--yes", "--follow")
    terminal.await_text(r"\r1 host: 1 enforcing; 0 sessions warned")
    assert office.run("cancel", "patch-16", "--yes").status == OK
    assert terminal.end() == OK, terminal.text
    assert terminal.text.rstrip().endswith(
        "1 host: 1 cancelled; 0 sessions warned, 0 ended, 0 failed")


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_who_stops_following_has_what_is_known(office, form):
    office.plex.play("movie-1")
    process = office.operator.spawn(
        "maintenance", "start", "--host", "office-02", "--at", "now", "--for",
        "1h", "--enforce", "--id", "patch-12", "--yes", "--follow", "-o", form)
    office.await_phase("patch-12", "enforcing")
    if form == "ndjson":
        process.await_line(r'"phase":"enforcing"')
    process.send(signal.SIGINT)
    assert process.wait() == INTERRUPTED, process.output()
    last = (json.loads(process.output())["summary"] if form == "json" else
            json.loads(process.output().splitlines()[-1]))
    assert last["rows"] == 1, process.output()
    if form == "ndjson":
        assert (last["phases"]["enforcing"], last["exit"]) == (1, INTERRUPTED)


def test_junk_at_the_broker_does_not_end_the_following(office):
    office.stage.observer().publish(
        office.stage.fleet.topic("all", "maintenance", "junk"), "nonsense",
        retain=True)
    done = office.run("start", "--host", "office-02", "--at", "+1s", "--for",
                      "1h", "--id", "patch-13", "--yes", "--follow", "-o",
                      "json")
    assert done.status == REFUSED and "are refused" in done.err, done
    assert [row["phase"] for row in done.json()["plans"]] == ["done"]


def test_more_hosts_than_may_be_on_their_way_at_once(office):
    wire = office.stage.observer()
    wire.subscribe(office.stage.fleet.topic("host", "+", "maintenance", "+"))
    names = ["new-%02d" % number for number in range(40)]
    done = office.operator.run(
        "maintenance", "start", "--hosts-file", "-", "--at", "+1h", "--for",
        "1h", "--id", "patch-14", "--yes", stdin="\n".join(names))
    assert done.status == OK, done
    for name in names:
        wire.await_message(lambda m: m.topic.endswith(
            "host/%s/maintenance/patch-14" % name), name)


def test_a_broker_that_takes_only_some_of_it_is_told(stage):
    """The name of the first host that it refuses, and how far it came."""
    stage.start_broker(acl="topic readwrite lastcall/v1/#\n"
                       "topic deny lastcall/v1/host/b/maintenance/#\n")
    operator = stage.operator()
    done = operator.run("maintenance", "start", "--hosts-file", "-", "--at",
                        "+1h", "--for", "1h", "--id", "patch-15", "--yes",
                        stdin="a b c")
    assert done.status == BROKER, done
    assert "host/b/maintenance/patch-15" in done.err, done
    assert "for 1 of 3 addresses" in done.err, done


def test_a_plan_of_the_same_name_replaces_the_one_before(office):
    office.start("--at", "+1h", "--for", "1h", "--id", "patch-5")
    before = office.rows("patch-5")["office-02"]
    # At once: the two are signed within a second, or nearly.
    done = office.start("--at", "+2h", "--for", "1h", "--id", "patch-5")
    assert done.status == OK, done
    [after] = done.json()["plans"]
    assert after["phase"] == "scheduled"
    assert after["starts_at"] > before["ends_at"], after


def test_a_plan_that_the_broker_has_lost_is_cancelled_all_the_same(office):
    office.start("--at", "+1h", "--for", "1h", "--id", "patch-6")
    office.stage.observer().publish(
        office.stage.fleet.topic("host", "office-02", "maintenance",
                                 "patch-6"), "", retain=True)
    assert office.rows()["office-02"]["retained"] is False
    done = office.run("cancel", "patch-6", "--yes", "-o", "json")
    assert done.status == OK, done
    assert [row["phase"] for row in done.json()["plans"]] == ["cancelled"]


def test_who_follows_learns_how_it_went(office):
    office.windows.put(session(2, "jdoe"))
    office.windows.fail("WTSDisconnectSession", 5)
    done = office.start("--at", "now", "--for", "4s", "--id", "patch-7",
                        "--action", "disconnect", "--follow")
    assert done.status == FALSE, done
    [row] = done.json()["plans"]
    assert (row["phase"], row["failed"]) == ("done", 1), row
    office.windows.mend()


@pytest.mark.parametrize("words", [
    ("cancel", "patch-8"),
    ("start", "--group", "office", "--at", "+2h", "--for", "1h", "--id",
     "patch-8", "--action", "disconnect")])
def test_anothers_plan_is_not_buried(office, words):
    """The hosts would refuse it; one that is off would never see the plan."""
    office.worker.stop()
    office.plex.play("movie-1")
    office.start("--at", "now", "--for", "1h", "--id", "patch-8",
                 target=("--group", "office"))
    narrow = office.stage.operator("narrow", permit=[
        {"actions": ["*"], "backends": ["*"], "audiences": ["host:office-03"]}])
    done = narrow.run("maintenance", *words, "--yes")
    assert done.status == REFUSED, done
    assert "controller:ops" in done.err and "group:office" in done.err, done
    office.worker.start()
    office.await_phase("patch-8", "done")
    assert office.plex.terminated() == ["movie-1"]


def test_who_may_do_the_same_may_cancel_anothers_plan(office):
    office.start("--at", "+1h", "--for", "1h", "--id", "patch-9",
                 target=("--group", "office"))
    other = office.stage.operator("other", permit=[
        {"actions": ["end"], "backends": ["plex", "wts"],
         "audiences": ["group:*"]}])
    done = other.run("maintenance", "cancel", "patch-9", "--yes", "-o", "json")
    assert [row["phase"] for row in done.json()["plans"]
            if row["host"] == "office-02"] == ["cancelled"], done


def test_a_person_reads_what_the_plan_would_do_to_whom(office):
    terminal = Terminal(office.operator, "maintenance", "start", "--group",
                        "office", "--at", "+1h", "--for", "1h", "--where",
                        "username ~ 'j*'", "--message", "Soon", "--warn", "1m")
    terminal.await_text(r"Go on\? \[y/N\]")
    text = " ".join(terminal.text.split())
    assert "the sessions of the group office where (username ~ 'j*')" in text
    assert "1 warning." in text, text
    terminal.type("n\n")
    assert terminal.end() == UNCONFIRMED
    assert office.rows() == {}


def test_nobody_is_asked_where_there_is_nobody(office):
    done = office.run("start", "--all", "--at", "now", "--for", "1h")
    assert done.status == UNCONFIRMED and "--yes" in done.err, done
    assert office.rows() == {}


@pytest.mark.parametrize("words", [
    ("cancel", "nobody-made-this", "--yes"), ("cancel",), ("begin",),
    ("start", "--at", "now", "--for", "1h", "--yes"),
    ("start", "--all", "--at", "+400d", "--for", "1h", "--yes"),
    ("cancel", "patch-1", "--host", "office-02", "--yes"),
    ("status", "--enforce"), ("status", "Not A Name")])
def test_what_makes_no_sense_is_refused(office, words):
    done = office.run(*words)
    assert done.status == USAGE and done.err, done
