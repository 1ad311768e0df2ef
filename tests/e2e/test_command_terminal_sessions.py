"""The verbs of terminal sessions, as the command sends and shows them."""

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
        "(username ~ 'corp\\\\j*' or domain ~ 'corp' and username ~ 'j*')")
