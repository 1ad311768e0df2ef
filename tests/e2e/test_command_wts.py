"""Windows sessions from the command to the calls that are made for them, by
the worker over the stand-in for Windows."""

import csv
import io
import json

import pytest

from desk import FALSE, OK
from terminal_server import empty, left, session
from test_command_terminal import Terminal

HOUR = 3600
MB_YESNO, MB_ICONQUESTION = 4, 0x20


class Office:
    """An operator, and a host whose server is Windows' stand-in."""

    def __init__(self, stage, policy=None, timeout="5s", **servers):
        self.windows = stage.terminal_server()
        self.operator = stage.operator()
        keys = {"sessions_interval": "30s", "timeout": timeout}
        self.host = stage.host(
            "office-02", {"desktop": (self.windows, keys), **servers},
            policy=policy)
        self.stage = stage

    def open(self):
        self.worker = self.stage.worker(self.host).start()
        return self

    def run(self, verb, *flags):
        return self.operator.run(verb, "--host", "office-02", *flags)


@pytest.fixture
def office(stage, broker):
    made = Office(stage)
    made.windows.put(session(2, name="RDP-Tcp#0", client="LAPTOP7",
                             addr="10.1.2.3", idle_s=60))
    return made.open()


def result_of(done):
    [result] = done.json()["results"]
    return result


@pytest.mark.parametrize("verb", ["disconnect", "end"])
def test_a_session_is_disconnected(office, verb):
    done = office.run(verb, "--session", "2", "--yes", "-o", "json")
    assert done.status == OK, done
    assert result_of(done)["success"] is True
    assert office.windows.states() == {2: "disconnected"}
    [call] = office.windows.calls("WTSDisconnectSession")
    assert call["session"] == 2 and call["error"] == 0
    again = office.run(verb, "--session", "2", "--yes")
    assert again.status == OK and "already_gone" in again.out, again
    assert len(office.windows.calls("WTSDisconnectSession")) == 1


def test_a_user_is_logged_off(office):
    done = office.run("logoff", "--user", "corp\\J*", "--yes", "-o", "json")
    assert done.status == OK, done
    assert result_of(done)["succeeded"] == 1
    assert office.windows.states() == {}
    [call] = office.windows.calls("WTSLogoffSession")
    assert call["session"] == 2


@pytest.mark.parametrize("error, code", [(5, "denied"), (7045, "denied"),
                                         (1722, "unreachable")])
def test_what_windows_refuses_is_false_and_says_why(office, error, code):
    office.windows.fail("WTSDisconnectSession", error)
    done = office.run("disconnect", "--session", "2", "--yes", "-o", "json")
    assert done.status == FALSE, done
    result = result_of(done)
    assert result["success"] is False
    [session] = result["sessions"]
    assert session["code"] == code and str(error) in session["detail"], done
    assert office.windows.states() == {2: "active"}


def test_a_session_that_is_not_there_is_not_found(office):
    done = office.run("disconnect", "--session", "77", "--yes")
    assert done.status == FALSE and "not_found" in done.out, done


def test_those_that_were_left_alone_are_ended_and_no_others(stage, broker):
    """One that fails hinders none; who is at work stays."""
    # The stand-in reads its file for each call, which takes its time.
    office = Office(stage, policy={"max_sessions": "0"}, timeout="60s").open()
    windows = office.windows
    windows.put(
        *(left(number, "user%d" % number, idle_s=3 * HOUR)
          for number in range(10, 70)),
        *(left(number, "fresh", idle_s=HOUR) for number in range(100, 140)),
        *(session(number, "reader", idle_s=5 * HOUR)
          for number in range(140, 200)))
    windows.fail("WTSLogoffSession", 5, session=13)
    selection = ("--state", "disconnected", "--idle", "2h", "--timeout", "60s")
    rehearsal = office.run("logoff", *selection, "-n", "-o", "json")
    assert rehearsal.status == OK and result_of(rehearsal)["matched"] == 60
    assert windows.calls("WTSLogoffSession") == []
    done = office.run("logoff", *selection, "--yes", "-o", "json")
    result = result_of(done)
    assert done.status == FALSE and result["code"] == "partial", done
    assert (result["matched"], result["succeeded"]) == (60, 59)
    [failed] = [s for s in result["sessions"] if not s["success"]]
    assert (failed["session_id"], failed["code"]) == ("13", "denied")
    assert sorted(windows.states()) == [13, *range(100, 200)]


def test_the_id_now_belongs_to_another(office):
    """Between the preview and the answer somebody else got the id."""
    terminal = Terminal(office.operator, "logoff", "--host", "office-02",
                        "--session", "2")
    terminal.await_text(r"\[y/N\]")
    assert "CORP\\jdoe" in terminal.text, terminal.text
    office.windows.put(session(2, "eve", logon_age_s=1))
    terminal.type("y\n")
    assert terminal.end() == FALSE and "changed" in terminal.text, \
        terminal.text
    assert office.windows.states() == {2: "active"}
    assert office.windows.calls("WTSLogoffSession") == []


def test_what_every_windows_machine_lists_spoils_no_selection(office):
    """Services are a disconnected session, and nobody's; so are listeners."""
    office.windows.put(empty(0, "disconnected", "Services"),
                       empty(65536, "listen", "RDP-Tcp"), left(3, "anna"))
    done = office.run("logoff", "--state", "disconnected", "--yes")
    assert done.status == OK, done
    assert sorted(office.windows.states()) == [0, 2, 65536]
    done = office.run("message", "--every", "--yes", "x", "-o", "json")
    assert done.status == OK and result_of(done)["matched"] == 1, done
    done = office.run("disconnect", "--every", "--yes")
    assert done.status == OK, done
    # By its id it is refused, and said so.
    done = office.run("disconnect", "--session", "0", "--yes")
    assert done.status == FALSE and "not_endable" in done.out, done


def test_a_message_arrives_as_it_was_written(office):
    title, text = "Wartung – heute", "Bitte speichern ☕\n„jetzt“ \U0001f6d1"
    done = office.run("message", "--every", "--yes", "--title", title,
                      "--style", "yes_no,question", text)
    assert done.status == OK, done
    [call] = office.windows.calls("WTSSendMessageW")
    assert (call["title"], call["text"]) == (title, text)
    assert call["style"] == MB_YESNO | MB_ICONQUESTION
    assert call["wait"] is False and call["timeout_s"] == 0


def test_the_buttons_of_people_come_back(office):
    """Who answers, who does not, and who is not there, side by side."""
    windows = office.windows
    windows.put(session(3, "anna", reply=6, reply_ms=200),
                session(4, "bert", domain=None, reply=7))
    done = office.run("message", "--every", "--yes", "--wait", "--style",
                      "yes_no", "--timeout-box", "1s", "Neustart?")
    assert done.status == OK, done
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0][2:5] == ["SESSION", "USER", "PRESSED"]
    assert [row[2:5] for row in rows[1:4]] == [
        ["2", "CORP\\jdoe", "timeout"], ["3", "CORP\\anna", "yes"],
        ["4", "bert", "no"]], done


def test_the_list_has_what_windows_tells(office):
    done = office.run("sessions", "--fresh", "-o", "json")
    assert done.status == OK, done
    [session] = done.json()["sessions"]
    wanted = {
        "host": "office-02", "server": "desktop", "backend": "wts",
        "session_id": "2", "username": "jdoe", "domain": "CORP",
        "session_name": "RDP-Tcp#0", "state": "active",
        "client_name": "LAPTOP7", "client_address": "10.1.2.3",
        "computer_name": "TS-01", "protocol": "rdp", "is_local": False,
        "endable": True}
    assert {name: session[name] for name in wanted} == wanted
    assert 60 <= session["idle_s"] < 120
    assert session["started_at"] == session["logon_time"] is not None
    rows = list(csv.DictReader(io.StringIO(
        office.run("sessions", "--fresh", "-o", "csv").out)))
    assert [name for name in wanted if rows[0][name] == ""] == []
    assert rows[0]["session_name"] == "RDP-Tcp#0"


def test_one_command_ends_both_kinds(stage, broker, plex):
    office = Office(stage, home=plex)
    office.windows.put(session(2))
    office.open()
    plex.play("one", user="anna", title="Alien")
    done = office.run("end", "--every", "--yes", "-o", "json")
    assert done.status == OK, done
    assert office.windows.states() == {2: "disconnected"}
    assert plex.terminated() == ["one"]
    listed = json.loads(office.run("hosts", "-o", "json").out)["hosts"]
    assert sorted(s["backend"] for s in listed[0]["servers"]) == [
        "plex", "wts"]


def test_a_machine_that_lies_is_not_believed(stage, broker):
    """Windows says yes, and the session stays connected."""
    office = Office(stage, timeout="1s").open()
    office.windows.put(session(2))
    office.windows.fail("WTSDisconnectSession", 0, nochange=1)
    done = office.run("disconnect", "--session", "2", "--yes", "-o", "json")
    assert done.status == FALSE, done
    assert result_of(done)["code"] == "unconfirmed", done
