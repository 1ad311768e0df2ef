"""The verbs of terminal sessions, as the command sends and shows them."""

import csv
import io

import pytest

from desk import FALSE, OK, STOPPED, UNCONFIRMED, USAGE
from terminal_host import TerminalHost, session
from test_command_terminal import Terminal

THREE = ("--host", "ts-01", "--session", "3")


@pytest.fixture
def ts(stage, broker):
    """An operator's desk with one terminal server."""
    host = TerminalHost(stage)
    host.sessions = [
        session("3", username="jdoe", domain="CORP"),
        session("4", username="anna", domain="CORP", state="disconnected")]
    host.operator = stage.operator()
    return host


@pytest.mark.parametrize("verb", ["disconnect", "logoff"])
def test_each_verb_asks_for_its_own_action(ts, verb):
    done = ts.operator.run(verb, *THREE, "--yes", "--reason", "Feierabend ä",
                           "--pass-thru", "-o", "json")
    assert done.status == OK, done
    assert ts.asked == [{"action": verb, "session_id": "3",
                         "reason": "Feierabend ä", "pass_thru": True}]
    [result] = done.json()["results"]
    assert result["success"] is True and result["action"] == verb
    assert result["sessions"][0]["session"]["username"] == "jdoe"


@pytest.mark.parametrize("verb, says", [
    ("disconnect", "This disconnects 1 session on 1 host; the users stay "
                   "logged on."),
    ("logoff", "This logs off 1 session on 1 host; unsaved work is lost.")])
def test_a_person_is_told_what_it_means(ts, verb, says):
    terminal = Terminal(ts.operator, verb, *THREE)
    terminal.await_text(r"\[y/N\]")
    assert says in terminal.text and "jdoe" in terminal.text, terminal.text
    assert ts.acts() == []
    terminal.type("y\n")
    assert terminal.end() == OK, terminal.text
    assert len(ts.acts()) == 1


@pytest.mark.parametrize("verb, asked", [("disconnect", r"\[y/N\]"),
                                         ("logoff", "Type 2 to go on")])
def test_the_work_of_several_wants_the_number(ts, verb, asked):
    terminal = Terminal(ts.operator, verb, "--host", "ts-01", "--every")
    terminal.await_text(asked)
    terminal.type("n\n")
    assert terminal.end() == UNCONFIRMED, terminal.text
    assert ts.acts() == []


def test_an_id_is_held_to_what_was_seen(ts):
    """Windows gives the id of a session that ended to the next one."""
    def another_logs_on():
        ts.sessions[0] = session("3", username="eve", domain="CORP")
    ts.between = another_logs_on
    terminal = Terminal(ts.operator, "logoff", *THREE)
    terminal.await_text(r"\[y/N\]")
    terminal.type("y\n")
    assert terminal.end() == FALSE, terminal.text
    assert "changed" in terminal.text, terminal.text
    [request] = ts.acts()
    assert request["precondition"] == {
        "username": "jdoe", "logon_time": "2026-11-20T08:00:00.000Z"}


def test_an_id_in_a_broadcast_is_held_to_one_host(ts, stage):
    running = ("disconnect", "--all", "--session", "3", "--yes", "--expect")
    done = ts.operator.run(*running, "1")
    assert done.status == OK, done
    assert ts.acts()[0]["precondition"]["username"] == "jdoe"
    other = TerminalHost(stage, "ts-02")
    other.sessions = [session("3", username="eve")]
    ts.asked.clear()
    done = ts.operator.run(*running, "2")
    assert done.status == USAGE and "2 hosts have a session 3" in done.err, \
        done
    assert ts.acts() == other.acts() == []


def test_an_id_that_nobody_saw_is_not_pinned(ts):
    assert ts.operator.run("disconnect", *THREE, "--yes").status == OK
    assert "precondition" not in ts.acts()[0]


def test_expect_counts_terminal_sessions(ts):
    done = ts.operator.run("logoff", "--host", "ts-01", "--every", "--yes",
                           "--expect", "3")
    assert done.status == STOPPED and ts.acts() == [], done


def test_a_user_may_be_named_with_his_domain(ts):
    done = ts.operator.run("disconnect", "--host", "ts-01", "--user",
                           "corp\\j*", "--yes")
    assert done.status == OK, done
    assert ts.acts()[0]["where"] == (
        "(username ~ 'corp\\\\j*' or domain ~ 'corp' and username ~ 'j*') and "
        "(endable or username != null)")


# message

TEXT = "Wartung um 18:00 – bitte speichern ☕"


def test_a_message_is_sent_as_it_was_written(ts):
    done = ts.operator.run(
        "message", "--host", "ts-01", "--every", "--yes", "--title", "Ende ä",
        "--style", "ok_cancel,warning", "--timeout-box", "2m", TEXT)
    assert done.status == OK, done
    assert ts.asked == [{
        "action": "message", "where": "(endable or username != null)", "title": "Ende ä",
        "message": TEXT, "style": "ok_cancel,warning", "timeout_s": 120}]


def test_a_message_has_a_title_of_its_own(ts):
    assert ts.operator.run("message", *THREE, "-y", TEXT).status == OK
    assert ts.asked[0]["title"] == "Message from the administrator"
    assert "timeout_s" not in ts.asked[0] and "wait" not in ts.asked[0]


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv"])
def test_the_buttons_are_collected(ts, form):
    ts.responses = {"3": "yes", "4": "timeout"}
    done = ts.operator.run(
        "message", "--host", "ts-01", "--every", "--yes", "--wait", "--style",
        "yes_no,question", "-o", form, "Darf neu gestartet werden?")
    assert done.status == OK, done
    if form == "table":
        rows = [line.split() for line in done.out.splitlines()]
        assert rows[0][:5] == ["HOST", "SERVER", "SESSION", "USER", "PRESSED"]
        assert rows[1][2:5] == ["3", "CORP\\jdoe", "yes"], done
        assert rows[2][2:5] == ["4", "CORP\\anna", "timeout"], done
    elif form == "csv":
        rows = list(csv.DictReader(io.StringIO(done.out)))
        assert [(r["username"], r["response"]) for r in rows] == [
            ("jdoe", "yes"), ("anna", "timeout")]
    else:
        document = done.json()["results"][0] if form == "json" else [
            line for line in done.ndjson() if line["type"] == "result"][0]
        assert [s["response"] for s in document["sessions"]] == [
            "yes", "timeout"]


def test_a_box_is_waited_for_as_long_as_it_is_open(ts):
    """--timeout and --ttl follow --timeout-box, and only in earnest."""
    done = ts.operator.run("message", *THREE, "-y", "--wait", "--expect", "1",
                           "--timeout-box", "90s", "x")
    assert done.status == OK, done
    lives = [c["exp"] - c["iat"] for c in ts.commands]
    assert lives == [60, 100], lives
    assert ts.acts()[0]["timeout_s"] == 90


def test_people_and_programs_take_their_time(ts):
    """An answer behind the 10 s that other verbs wait for is no silence."""
    ts.delay = 11
    waiting = [ts.operator.spawn(*verb, "--host", "ts-01", "--session", "3",
                                 "--yes")
               for verb in (("message", "--wait", "--timeout-box", "5s", "x"),
                            ("logoff",), ("disconnect", "--confirm", "5s"))]
    assert [running.wait() for running in waiting] == [OK] * 3, [
        running.output() for running in waiting]


def test_people_are_not_disturbed_without_consent(ts):
    done = ts.operator.run("message", *THREE, "x")
    assert done.status == UNCONFIRMED and ts.asked == [], done
    terminal = Terminal(ts.operator, "message", "--all", "--every", "x")
    terminal.await_text("Type 2 to go on")
    assert "This shows the message in 2 sessions on 1 host." in terminal.text
    assert "anna" in terminal.text
    terminal.type("2\n")
    assert terminal.end() == OK, terminal.text
    assert len(ts.acts()) == 1


@pytest.mark.parametrize("arguments, says", [
    ((), "something is missing"),
    (("two", "words"), "one word too many"),
    (("--style", "yes_nope", "x"), "yes_no"),
    (("--timeout-box", "2h", "x"), "3600s"),
    (("x" * 2049,), "2048")])
def test_a_message_that_is_not_good_is_not_sent(ts, arguments, says):
    done = ts.operator.run("message", *THREE, "--yes", *arguments)
    assert done.status == USAGE and says in done.err, done
    assert ts.asked == []


# What is read.

def ids(done):
    assert done.status == OK, done
    return done.out.split()


@pytest.mark.parametrize("flags, found", [
    (("--state", "disconnected"), ["4"]),
    (("--state", "Disconnected"), ["4"]),
    (("--idle", "2h"), ["4"]),
    (("--state", "disconnected", "--idle", "2h"), ["4"]),
    (("--user", "J*"), ["3"]),
    (("--user", "corp\\anna"), ["4"]),
    (("--user", "home\\anna"), []),
    (("--client", "lap*"), ["3"]),
    (("--client", "10.1.*"), ["3"]),
    (("--local",), ["5"]),
    (("--remote",), ["3", "4"]),
    (("--backend", "wts"), ["3", "4", "5"]),
    (("--backend", "plex"), []),
    (("--server", "desktop"), ["3", "4", "5"]),
    (("--where", "is_locked and session_name == 'Console'"), ["5"]),
    (("--where", "logon_time < '2026-11-20T00:00:00Z'"), ["5"])])
def test_filters_read_the_fields_of_terminal_sessions(ts, flags, found):
    ts.sessions = [
        session("3", username="jdoe", domain="CORP", idle_s=42,
                session_name="RDP-Tcp#0", client_name="LAPTOP7",
                client_address="10.1.2.3"),
        session("4", username="anna", domain="CORP", state="disconnected",
                idle_s=7200),
        session("5", username="root", is_local=True, is_locked=True,
                session_name="Console",
                logon_time="2026-11-19T08:00:00.000Z")]
    ts.publish_inventory()
    assert ids(ts.operator.run("sessions", *flags, "-o", "names")) == found
    assert ts.asked == []


def test_both_kinds_stand_side_by_side(desk):
    ts = TerminalHost(desk.stage)
    ts.sessions = [session("3", username="jdoe", domain="CORP", idle_s=3700,
                           session_name="RDP-Tcp#0", client_name="LAPTOP7")]
    ts.publish_status()
    ts.publish_inventory()
    desk.plex.play("one", user="anna", title="Alien")
    desk.wire.await_inventory("media-01", "home", lambda i: i["count"] == 1)
    done = desk.run("sessions", "--all")
    assert done.status == OK, done
    plex, wts = [line.split() for line in done.out.splitlines()[1:]]
    assert plex[:5] == ["media-01", "home", "one", "anna", "Alien"], done
    assert wts[:8] == ["ts-01", "desktop", "3", "CORP\\jdoe", "RDP-Tcp#0",
                       "active", "LAPTOP7", "1h01m"], done
    rows = list(csv.DictReader(io.StringIO(
        desk.run("sessions", "--all", "-o", "csv").out)))
    assert [(r["backend"], r["session_name"], r["media_title"])
            for r in rows] == [("plex", "", "Alien"), ("wts", "RDP-Tcp#0", "")]
    hosts = desk.run("hosts").out
    assert "ts-01" in hosts and "desktop" in hosts, hosts
