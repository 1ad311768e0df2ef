"""kill -9 while terminal sessions are ended: once at most, and answered."""

import random
import time

import pytest

from terminal_server import session

ROUNDS = 8
COMMANDS_A_ROUND = 4
JITTER_S = 0.02


def send(windows, request, **options):
    return windows.alice.send(windows.alice.command(
        "host:" + windows.name, request, **options))


def restart(windows):
    """Kill was before; says from where on results are new."""
    mark = windows.alice.mark()
    windows.worker.start()
    return mark


def answer(windows, command, mark):
    """Sent again, as a controller does that heard nothing."""
    windows.alice.send(command)
    return windows.alice.await_result(command, windows.name, after=mark)


def fence(windows):
    """Wait until everything sent so far has been dealt with."""
    assert windows.ask({"action": "list"})["success"]


# holds 4.15, 4.17
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_session_is_ended_twice_and_every_command_answered(windows, seed):
    dice = random.Random(seed)
    commands = {}
    for round_number in range(ROUNDS):
        numbers = [10 * (round_number + 1) + i
                   for i in range(COMMANDS_A_ROUND)]
        windows.machine.put(*(
            session(n, user="user%d" % n, logoff_ms=dice.choice([0, 30]))
            for n in numbers))
        for n in numbers:
            commands[n] = send(windows, {
                "action": dice.choice(["disconnect", "logoff"]),
                "session_id": str(n)})
        # The moment is what varies: on the way in, between journal and act,
        # while Windows is asked, on the way out.
        time.sleep(dice.random() * JITTER_S)
        windows.worker.kill()
        windows.worker.start()
    for command in commands.values():
        if not windows.alice.results(command, windows.name):
            windows.alice.send(command)
    results = {n: windows.alice.await_result(command, windows.name)
               for n, command in commands.items()}
    fence(windows)  # it drops what was logged off from the file
    acts = (windows.machine.ended("WTSDisconnectSession") +
            windows.machine.ended("WTSLogoffSession"))
    assert len(acts) == len(set(acts)), "a session was ended twice"
    states = windows.machine.states()
    for n, result in results.items():
        assert result["code"] in ("ok", "interrupted"), result
        if result["code"] == "ok":
            assert states.get(n) in (None, "disconnected"), (n, result)


# holds 4.15, 4.17
@pytest.mark.parametrize("action,function", [
    ("disconnect", "WTSDisconnectSession"), ("end", "WTSDisconnectSession"),
    ("logoff", "WTSLogoffSession")])
def test_an_ending_killed_before_windows_did_it_is_not_run_again(
        windows, action, function):
    windows.machine.put(session(2))
    windows.machine.fail(function, 0, session=2, delay_ms=5000, count=1)
    command = send(windows, {"action": action, "session_id": "2"})
    windows.machine.await_record("count=0")
    windows.worker.kill()
    result = answer(windows, command, restart(windows))
    assert (result["success"], result["code"]) == (False, "interrupted")
    assert "still" in result["sessions"][0]["detail"]
    fence(windows)
    assert windows.machine.calls(function) == []
    assert windows.machine.states() == {2: "active"}


# holds 4.17
def test_a_disconnect_killed_after_it_is_found_done(windows):
    windows.machine.put(session(2))
    command = send(windows, {"action": "disconnect", "session_id": "2",
                             "confirm_s": 100}, ttl=200)
    windows.machine.await_call(
        lambda e: e.get("fn") == "WTSDisconnectSession", "a disconnect")
    windows.worker.kill()
    result = answer(windows, command, restart(windows))
    assert (result["success"], result["code"]) == (True, "ok")
    # The user comes back, and is not thrown out by an old command.
    windows.machine.put(session(2))
    windows.alice.send(command)
    fence(windows)
    assert windows.machine.ended("WTSDisconnectSession") == [2]
    assert windows.machine.states() == {2: "active"}


# holds 4.17
@pytest.mark.parametrize("meanwhile,code", [
    (lambda m: m.remove(2), "ok"),
    (lambda m: m.put(session(2, user="mallory")), "ok"),
    (lambda m: m.put(session(2, logon_age_s=5)), "ok"),
    (lambda m: None, "interrupted"),
    (lambda m: m.disconnect(2), "interrupted")],
    ids=["gone", "another-user", "another-logon", "there", "left"])
def test_a_log_off_killed_while_it_is_awaited(windows, meanwhile, code):
    windows.machine.put(session(2, logoff_ms=600000))
    command = send(windows, {"action": "logoff", "session_id": "2"})
    windows.machine.await_call(
        lambda e: e.get("fn") == "WTSLogoffSession", "a log off")
    windows.worker.kill()
    meanwhile(windows.machine)
    result = answer(windows, command, restart(windows))
    assert (result["success"], result["code"]) == (code == "ok", code)
    fence(windows)
    assert windows.machine.ended("WTSLogoffSession") == [2]


# holds 4.17
def test_a_message_killed_while_it_stands_is_not_shown_again(windows):
    windows.machine.put(session(2))
    command = send(windows, {"action": "message", "session_id": "2",
                             "message": "m", "wait": True,
                             "timeout_s": 600}, ttl=600)
    windows.machine.await_call(
        lambda e: e.get("fn") == "WTSSendMessageW" and "shown" in e, "a box")
    windows.worker.kill()
    result = answer(windows, command, restart(windows))
    assert (result["success"], result["code"]) == (False, "interrupted")
    assert "cannot be told" in result["sessions"][0]["detail"]
    assert "response" not in result["sessions"][0]
    fence(windows)
    assert len(windows.machine.calls("WTSSendMessageW")) == 1
