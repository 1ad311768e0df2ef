"""Maintenance windows from the command line, carried out by workers."""

import pytest

from desk import OK
from terminal_server import session

SILENT, UNCONFIRMED, USAGE = 4, 5, 2


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


def test_nobody_is_asked_where_there_is_nobody(office):
    done = office.run("start", "--all", "--at", "now", "--for", "1h")
    assert done.status == UNCONFIRMED and "--yes" in done.err, done
    assert office.rows() == {}


@pytest.mark.parametrize("words", [
    ("cancel", "nobody-made-this", "--yes"), ("cancel",), ("begin",),
    ("start", "--at", "now", "--for", "1h", "--yes"),
    ("status", "--enforce"), ("status", "Not A Name")])
def test_what_makes_no_sense_is_refused(office, words):
    done = office.run(*words)
    assert done.status == USAGE and done.err, done
