"""Terminal sessions, listed and ended by a worker beside them."""

import re
import time

import pytest

from terminal_server import empty, left, record, session

# A change is in the retained inventory within this time.
INVENTORY_S = 2.0
# A call that hangs for ten minutes has an answer within this time.
HANGS_S = 20.0


def outcome(result):
    return (result["success"], result["code"])


def one(result):
    assert len(result["sessions"]) == 1, result
    return result["sessions"][0]


def ids(result):
    return sorted((s["session_id"] for s in result["sessions"]), key=int)


def test_sessions_are_listed_with_what_windows_tells(windows):
    windows.machine.put(
        empty(0, "disconnected", "Services"),
        session(2, user="zoë", client="LAPTOP-Ö", addr="192.0.2.7",
                width=1920, height=1080, build=22621, locked=1, idle_s=90),
        left(3, user="bob", disc_age_s=3600, idle_s=4000),
        session(4, user="never-typed", idle_s=None),
        empty(65536, "listen", "RDP-Tcp"))
    result = windows.ask({"action": "list"})
    assert outcome(result) == (True, "ok")
    found = {s["session_id"]: s["session"] for s in result["sessions"]}
    assert sorted(found) == ["0", "2", "3", "4", "65536"]
    zoe = found["2"]
    assert (zoe["username"], zoe["domain"], zoe["state"]) == (
        "zoë", "CORP", "active")
    assert (zoe["client_name"], zoe["client_address"]) == (
        "LAPTOP-Ö", "192.0.2.7")
    assert (zoe["client_width"], zoe["client_height"],
            zoe["client_build"]) == (1920, 1080, 22621)
    assert (zoe["backend"], zoe["server"], zoe["protocol"]) == (
        "wts", "desktop", "rdp")
    assert zoe["is_locked"] is True and zoe["endable"] is True
    assert 90 <= zoe["idle_s"] < 90 + 600
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    for name in "logon_time", "connect_time", "last_input_time":
        assert re.fullmatch(moment, zoe[name]), name
    assert zoe["started_at"] == zoe["logon_time"]
    assert zoe["disconnect_time"] is None
    bob = found["3"]
    assert bob["state"] == "disconnected" and bob["client_name"] is None
    assert re.fullmatch(moment, bob["disconnect_time"])
    # What is not known is null, not 0.
    assert found["4"]["idle_s"] is None
    assert found["4"]["last_input_time"] is None
    # What nobody is in is listed, and cannot be ended.
    for number in "0", "65536":
        assert found[number]["username"] is None
        assert found[number]["endable"] is False


def test_a_disconnect_reaches_windows_and_its_answer_comes_back(windows):
    windows.machine.put(session(2), session(3, user="bob"))
    result = windows.ask({"action": "disconnect", "session_id": "2",
                          "reason": "Maintenance"})
    assert outcome(result) == (True, "ok")
    assert one(result)["code"] == "ok"
    assert windows.machine.ended("WTSDisconnectSession") == [2]
    call = windows.machine.calls("WTSDisconnectSession")[0]
    assert call["wait"] is True and call["error"] == 0
    assert windows.machine.states() == {2: "disconnected", 3: "active"}


def test_end_disconnects(windows):
    windows.machine.put(session(2))
    assert windows.ask({"action": "end", "session_id": "2"})["success"]
    assert windows.machine.ended("WTSDisconnectSession") == [2]


@pytest.mark.parametrize("error,code,success", [
    (5, "denied", False), (7045, "denied", False),
    (2, "already_gone", True), (7022, "already_gone", True),
    (1722, "unreachable", False), (120, "unsupported", False),
    (31337, "server_error", False)])
def test_what_windows_refuses_is_answered_with_its_number(
        windows, error, code, success):
    windows.machine.put(session(2))
    windows.machine.fail("WTSDisconnectSession", session=2, error=error)
    if success:  # it went at that very moment
        windows.machine.fail("WTSQuerySessionInformationW", session=2,
                             error=error)
    result = windows.ask({"action": "disconnect", "where":
                          "session_id == '2'"})
    assert result["success"] is success
    assert one(result)["code"] == code
    if not success:
        assert str(error) in one(result)["detail"]


@pytest.mark.parametrize("notfound", [2, 7022])
def test_a_session_that_nobody_knows_is_not_found(windows, notfound):
    windows.machine.put(record("host", notfound=notfound), session(2))
    result = windows.ask({"action": "disconnect", "session_id": "77"})
    assert outcome(result) == (False, "not_found")
    assert windows.machine.calls("WTSDisconnectSession") == []


def test_who_is_disconnected_already_is_left_alone(windows):
    windows.machine.put(left(2))
    result = windows.ask({"action": "disconnect", "session_id": "2"})
    assert result["success"] and one(result)["code"] == "already_gone"
    assert windows.machine.calls("WTSDisconnectSession") == []


def test_a_lost_reply_is_settled_by_looking(windows):
    windows.machine.put(session(2))
    windows.machine.fail("WTSDisconnectSession", session=2, error=1726,
                         after=1)
    result = windows.ask({"action": "disconnect", "session_id": "2"})
    assert outcome(result) == (True, "ok")
    assert windows.machine.ended("WTSDisconnectSession") == [2]


def test_a_call_that_hangs_is_a_timeout_and_holds_up_nobody(windows):
    windows.machine.put(session(2), session(3, user="bob"))
    windows.machine.fail("WTSDisconnectSession", session=2, delay_ms=30000,
                         error=1460)
    result = windows.ask({"action": "disconnect", "where": "state == "
                          "'active'", "backend": "wts"})
    assert not result["success"]
    assert {s["session_id"]: s["code"] for s in result["sessions"]} == {
        "2": "timeout", "3": "ok"}
    assert windows.ask({"action": "list"})["success"]


@pytest.mark.parametrize("precondition", [
    {"username": "mallory"}, {"domain": "OTHER"},
    {"logon_time": "2001-01-01T00:00:00.000Z"}])
def test_an_id_that_names_somebody_else_by_now(windows, precondition):
    windows.machine.put(session(2))
    result = windows.ask({"action": "disconnect", "session_id": "2",
                          "precondition": precondition})
    assert not result["success"] and one(result)["code"] == "changed"
    assert windows.machine.calls("WTSDisconnectSession") == []


def test_a_user_who_takes_the_id_over_between_list_and_act(windows):
    """The list finds jdoe; the reading right before the act, mallory."""
    windows.machine.put(session(3, user="bob"), session(2, user="jdoe"))
    # While 3 is being disconnected, 2 changes hands.
    windows.machine.fail("WTSDisconnectSession", 0, session=3,
                         delay_ms=1500, count=1)
    command = windows.alice.send(windows.alice.command(
        "host:" + windows.name, {"action": "disconnect",
                                 "where": "state == 'active'"}))
    windows.machine.await_record("count=0")
    windows.machine.put(session(2, user="mallory"))
    result = windows.alice.await_result(command, windows.name)
    assert {s["session_id"]: s["code"] for s in result["sessions"]} == {
        "2": "changed", "3": "ok"}
    assert windows.machine.ended("WTSDisconnectSession") == [3]


@pytest.mark.parametrize("number", ["0", "1", "65536", "4294967295"])
def test_what_must_not_be_ended_is_not(windows, number):
    """Services, the worker's own, a listener, "my own" by its alias."""
    windows.machine.put(
        record("host", own=1),
        empty(0, "disconnected", "Services"),
        session(1, user="SYSTEM", name="Console", proto=0),
        empty(65536, "listen", "RDP-Tcp"))
    for action in "disconnect", "logoff":
        result = windows.ask({"action": action, "session_id": number})
        assert not result["success"]
        codes = [s["code"] for s in result["sessions"]] or [result["code"]]
        assert codes == (["not_found"] if number == "4294967295"
                         else ["not_endable"])
    assert windows.machine.calls("WTSDisconnectSession") == []
    assert windows.machine.calls("WTSLogoffSession") == []


@pytest.mark.policy(max_sessions=1000)
def test_logging_off_exactly_those_that_idle_among_many(windows):
    """state == 'disconnected' and idle_s > 2h, one failing session among
    five hundred."""
    wanted, lines = [], []
    for number in range(10, 510):
        gone, idle = number % 2 == 0, number % 3 == 0
        make = left if gone else session
        lines.append(make(number, user="user%d" % number,
                          idle_s=9000 if idle else 60))
        if gone and idle:
            wanted.append(number)
    windows.machine.put(*lines)
    failing, broken = wanted[3], wanted[4] + 1
    windows.machine.fail("WTSLogoffSession", session=failing, error=5)
    windows.machine.fail("WTSQuerySessionInformationW", session=broken,
                         error=7007)
    result = windows.ask({"action": "logoff", "where":
                          "state == 'disconnected' and idle_s > 2h"})
    assert ids(result) == [str(n) for n in wanted], result["detail"]
    codes = {int(s["session_id"]): s["code"] for s in result["sessions"]}
    assert codes.pop(failing) == "denied"
    assert set(codes.values()) == {"ok"}
    assert (result["success"], result["succeeded"], result["failed"]) == (
        False, len(wanted) - 1, 1)
    there = windows.machine.states()
    for number in range(10, 510):
        assert (number in there) == (number not in codes), number


def test_a_logoff_that_takes_its_time_is_awaited(windows):
    windows.machine.put(session(2, logoff_ms=1500))
    result = windows.ask({"action": "logoff", "session_id": "2"})
    assert outcome(result) == (True, "ok")
    assert windows.machine.states() == {}


def test_a_dry_run_touches_nothing(windows):
    windows.machine.put(session(2), left(3), session(4, user="bob"))
    result = windows.ask({"action": "disconnect", "dry_run": True,
                          "where": "username != null"})
    assert result["success"] and result["dry_run"]
    assert {s["session_id"]: s["code"] for s in result["sessions"]} == {
        "2": "ok", "3": "already_gone", "4": "ok"}
    assert windows.machine.calls("WTSDisconnectSession") == []


TEXTS = ["Wartung um neun – bitte speichern", "日本語のお知らせ",
         "\U0001f6d1 \"stop\" 'now' \\ %s %n", "line one\nline two"]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_message_arrives_unchanged(windows, text):
    windows.machine.put(session(2, user="zoë"))
    result = windows.ask({"action": "message", "where": "username == 'zoë'",
                          "title": "Hinweis: " + text.split("\n")[0],
                          "message": text, "style": "ok,information"})
    assert outcome(result) == (True, "ok")
    call = windows.machine.calls("WTSSendMessageW")[0]
    assert call["text"].replace("\r\n", "\n") == text
    assert call["title"] == "Hinweis: " + text.split("\n")[0]
    assert call["style"] == 0x40 and call["wait"] is False


def test_buttons_are_collected_from_all_at_once(windows):
    windows.machine.put(session(2, reply=6, reply_ms=1500),
                          session(3, user="bob", reply=7, reply_ms=1500),
                          session(4, user="away"))
    began = time.monotonic()
    result = windows.ask({"action": "message", "where": "username != null",
                          "title": "Restart", "message": "Now?",
                          "style": "yes_no", "wait": True, "timeout_s": 3})
    took = time.monotonic() - began
    assert outcome(result) == (True, "ok")
    assert {s["session_id"]: s["response"] for s in result["sessions"]} == {
        "2": "yes", "3": "no", "4": "timeout"}
    assert took < 1.5 + 1.5 + 3, "one after the other"


def test_a_box_that_waits_holds_up_nobody(windows):
    windows.machine.put(session(2), session(3, user="bob"))
    box = windows.alice.send(windows.alice.command(
        "host:" + windows.name, {"action": "message", "session_id": "2",
                                 "title": "t", "message": "m", "wait": True,
                                 "timeout_s": 600}, ttl=600))
    windows.machine.await_call(
        lambda e: e.get("fn") == "WTSSendMessageW", "a message box")
    assert windows.ask({"action": "disconnect",
                        "session_id": "3"})["success"]
    windows.machine.put(session(2, reply=1))
    result = windows.alice.await_result(box, windows.name)
    assert one(result)["response"] == "ok"


# holds 7.1
def test_the_inventory_tells_of_a_change_at_once(windows):
    """The next regular list is an hour away: Windows' own word does it."""
    windows.alice.await_inventory(windows.name, "desktop",
                                  lambda i: i["reachable"])
    changes = [
        (lambda: windows.machine.put(session(2)), ["active"]),
        (lambda: windows.machine.put(left(2)), ["disconnected"]),
        (lambda: windows.machine.remove(2), [])]
    slowest = []
    for _ in range(3):  # a busy machine may spoil a round
        times = []
        for change, states in changes:
            mark, began = windows.alice.mark(), time.monotonic()
            change()
            windows.alice.await_inventory(
                windows.name, "desktop", lambda i: [
                    s["state"] for s in i["sessions"]] == states, after=mark)
            times.append(time.monotonic() - began)
        slowest.append(max(times))
        if slowest[-1] < INVENTORY_S:
            return
    raise AssertionError("every round took longer: %s" % slowest)


@pytest.mark.server(sessions_interval="1s")
def test_where_windows_tells_nothing_it_is_asked(windows):
    windows.machine.fail("WTSWaitSystemEvent", 120)
    windows.machine.put(session(2))  # ends the wait that is under way
    windows.machine.await_call(
        lambda e: e.get("fn") == "WTSWaitSystemEvent"
        and e.get("error") == 120, "wait that fails")
    windows.machine.put(session(3, user="bob"))
    windows.alice.await_inventory(
        windows.name, "desktop", lambda i: i["count"] == 2)
    windows.machine.remove(2)
    windows.alice.await_inventory(
        windows.name, "desktop", lambda i: [
            s["session_id"] for s in i["sessions"]] == ["3"])


def test_events_tell_who_ended_it(windows):
    windows.machine.put(session(2))
    wait = windows.alice.await_event
    wait(windows.name, "desktop", lambda e: e["kind"] == "started")
    command = windows.alice.send(windows.alice.command(
        "host:" + windows.name, {"action": "logoff", "session_id": "2"}))
    assert windows.alice.await_result(command, windows.name)["success"]
    ended = wait(windows.name, "desktop", lambda e: e["kind"] == "ended")
    assert ended["ended_by"] == command.jti


def test_a_machine_that_does_not_answer_is_unreachable(windows):
    windows.machine.put(session(2))
    wait = windows.alice.await_inventory
    wait(windows.name, "desktop", lambda i: i["count"] == 1)
    windows.machine.fail("WTSEnumerateSessionsExW", error=1722)
    result = windows.ask({"action": "list"})
    assert not result["success"] and "1722" in str(result)
    down = wait(windows.name, "desktop", lambda i: not i["reachable"])
    assert down["count"] == 1
    windows.machine.mend()
    wait(windows.name, "desktop", lambda i: i["reachable"],
         after=windows.alice.mark())


@pytest.mark.server(computer="ts02", timeout="1s")
def test_another_machines_sessions_have_a_deadline(windows):
    """Asked by Windows' own remote calls, which may hang for minutes."""
    machine = windows.machine
    machine.put(record("server", name="ts02"), session(2, user="here"),
                session(2, user="zoë", server="ts02"),
                session(3, user="bob", server="ts02"))
    result = windows.ask({"action": "list"})
    assert outcome(result) == (True, "ok")
    assert {(s["session"]["username"], s["session"]["computer_name"])
            for s in result["sessions"]} == {("zoë", "ts02"),
                                             ("bob", "ts02")}
    assert windows.ask({"action": "disconnect",
                        "session_id": "2"})["success"]
    [call] = machine.calls("WTSDisconnectSession")
    assert (call["server"], call["session"]) == ("ts02", 2)
    assert machine.states() == {2: "active"}  # the one of that number here
    # It hangs, then it is off, then it hangs in the list already.
    machine.fail("WTSLogoffSession", 1722, delay_ms=600000)
    began = time.monotonic()
    result = windows.ask({"action": "logoff", "session_id": "3"})
    assert time.monotonic() - began < HANGS_S
    assert one(result)["code"] == "timeout", result
    machine.fail("WTSEnumerateSessionsExW", 1722)
    result = windows.ask({"action": "list"})
    assert outcome(result) == (False, "unreachable"), result
    assert "1722" in str(result), result
    machine.mend()
    machine.fail("WTSEnumerateSessionsExW", 1722, delay_ms=600000)
    began = time.monotonic()
    result = windows.ask({"action": "list"})
    assert time.monotonic() - began < HANGS_S
    assert outcome(result) == (False, "timeout"), result
    assert "ts02 did not answer within 1000 ms" in str(result), result


@pytest.mark.policy(protect="session_name == 'Console'")
def test_the_owner_protects_a_session(windows):
    windows.machine.put(session(2, name="Console", proto=0),
                          session(3, user="bob"))
    result = windows.ask({"action": "disconnect", "where": "state == "
                          "'active'"})
    assert {s["session_id"]: s["code"] for s in result["sessions"]} == {
        "2": "protected", "3": "ok"}
    assert windows.machine.ended("WTSDisconnectSession") == [3]


def test_a_worker_that_stops_says_so(windows):
    windows.machine.put(session(2))
    assert windows.ask({"action": "list"})["success"]
    assert windows.worker.stop()["state"] == "offline"
