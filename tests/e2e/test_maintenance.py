"""Maintenance plans on a host with a terminal server and a Plex."""

import random
import time

import pytest

from processes import eventually
from terminal_server import empty, session

NAME = "desk-07"
WARNING = "Maintenance soon – save your work."
SOON_S = 3    # from a plan's publishing to its start, where both are awaited
WINDOW_S = 60
REASON = "Patches tonight"


class House:
    """One host with both kinds of server; its worker is not started yet."""

    def __init__(self, stage, policy=None):
        self.stage = stage
        self.broker = stage.start_broker(with_tls=True)
        self.plex = stage.standin()
        self.machine = stage.terminal_server()
        self.host = stage.host(NAME, {
            "home": (self.plex, {"timeout": "30s"}),
            "desktop": (self.machine, {"sessions_interval": "1s",
                                       "timeout": "30s"})},
            groups=["desks"], policy=policy)
        self.worker = stage.worker(self.host)
        self.alice = stage.controller("alice")
        self.machine.put(empty(65536, "listen", "RDP-Tcp"))

    def fill(self):
        self.machine.put(session(2, user="ann"), session(3, user="bob"))
        self.plex.play("film", user="cat")

    def plan(self, starts_in=SOON_S, audience="all", window=WINDOW_S,
             publish=True, now=None, **body):
        start = time.time() + starts_in
        whole = {"id": "patch", "starts_at": start,
                 "ends_at": start + window, "action": "end",
                 "reason": REASON, "message": WARNING, **body}
        return self.alice.plan(audience, whole, now=now)

    def step(self, plan, name, **options):
        return self.alice.await_step(plan, name, NAME, **options)

    def phase(self, plan, phase, **options):
        return self.alice.await_phase(plan, phase, NAME, **options)

    def steps(self, plan, name):
        return self.alice.results(plan.step(name), NAME)

    def boxes(self):
        """The sessions that a message was shown to, in order."""
        return [call["session"]
                for call in self.machine.calls("WTSSendMessageW")]

    def connected(self):
        return sorted(number for number, state in
                      self.machine.states().items() if state == "active")

    def fence(self):
        result = self.alice.ask(NAME, {"action": "list"})
        assert result["code"] in ("ok", "no_match"), result

    def fence_of_plex(self):
        """While the terminal server is away."""
        result = self.alice.ask(NAME, {"action": "list", "backend": "plex"})
        assert result["code"] == "ok", result

    def everybody_was_ended_once(self):
        assert self.connected() == []
        assert self.plex.listed() == []
        assert sorted(self.machine.ended("WTSDisconnectSession")) == [2, 3]
        assert self.plex.terminated() == ["film"]


@pytest.fixture
def house(stage):
    made = House(stage)
    yield made
    made.machine.calls()  # the stand-in found nothing wrong with us


# holds 7.8, 8.5, 8.6, 8.9, 8.10, 8.12
def test_a_host_that_was_off_warns_ends_enforces_and_reports(house):
    house.fill()
    plan = house.plan(starts_in=6, warn_s=[3600, 60], enforce=True,
                      audience="group:desks")
    house.worker.start()
    warned = house.step(plan, "warn:60")
    assert (warned["code"], warned["action"]) == ("ok", "message")
    assert house.steps(plan, "warn:3600") == []
    box = house.machine.calls("WTSSendMessageW")[0]
    assert (box["title"], box["text"]) == ("Maintenance", WARNING)
    assert box["wait"] is False
    started = house.step(plan, "start")
    assert (started["code"], started["matched"]) == ("ok", 3), started
    assert house.plex.terminates()[0].reason == REASON.encode()
    house.everybody_was_ended_once()
    ended = house.alice.await_event(NAME, "home",
                                    lambda e: e["kind"] == "ended")
    assert ended["ended_by"] == plan.step("start").jti
    assert ended["ended_by_controller"] == "alice"
    assert ended["ended_by_plan"] == plan.body["id"]
    told = house.phase(plan, "enforcing")
    assert told["issuer"] == "controller:alice"
    assert told["starts_at"] == plan.body["starts_at"]
    # Newcomers on either server.
    house.plex.play("another", user="dan")
    late = house.step(plan, "enforce:1")
    assert [s["session_id"] for s in late["sessions"]] == ["another"]
    house.machine.put(session(9, user="eve"))
    late = house.step(plan, "enforce:2")
    assert [s["session_id"] for s in late["sessions"]] == ["9"]
    told = house.alice.await_status(NAME, lambda s: s["maintenance"]
                                    and s["maintenance"][0]["ended"] == 5)
    assert told["maintenance"][0]["warned"] == 2
    assert house.boxes() == [2, 3]


# holds 8.10, 8.11
def test_who_comes_late_ends_at_once_and_who_comes_too_late_nothing(house):
    house.fill()
    late = house.plan(starts_in=-5, warn_s=[60], id="late",
                      where="username == 'ann'")
    missed = house.plan(starts_in=-60, window=30, id="missed")
    house.worker.start()
    started = house.step(late, "start")
    assert [s["session_id"] for s in started["sessions"]] == ["2"]
    assert house.phase(missed, "missed")["ended"] == 0
    house.fence()
    assert house.connected() == [3] and house.plex.listed() == ["film"]
    assert house.boxes() == []


# holds 8.13
def test_a_worker_killed_between_its_steps_repeats_none(house):
    house.fill()
    house.worker.start()
    plan = house.plan(starts_in=4, warn_s=[60])
    house.step(plan, "warn:60")
    house.worker.kill()
    house.worker.start()
    house.step(plan, "start")
    house.phase(plan, "done")
    house.worker.kill()
    mark = house.alice.mark()
    house.worker.start()
    told = house.phase(plan, "done", after=mark)
    assert (told["warned"], told["ended"]) == (2, 3)
    house.fence()
    assert house.boxes() == [2, 3]
    house.everybody_was_ended_once()


# holds 8.13
def test_a_worker_killed_while_it_warns_warns_nobody_twice(house):
    house.fill()
    house.machine.fail("WTSSendMessageW", 0, session=3, delay_ms=60000)
    house.worker.start()
    plan = house.plan(starts_in=6, warn_s=[60])
    house.machine.await_call(
        lambda e: e.get("fn") == "WTSSendMessageW" and e["session"] == 2,
        "box")
    house.worker.kill()
    house.machine.mend()
    house.worker.start()
    assert house.step(plan, "warn:60")["code"] == "interrupted"
    assert house.step(plan, "start")["code"] == "ok"
    boxes = house.boxes()
    assert len(boxes) == len(set(boxes)), boxes
    assert house.steps(plan, "warn:60:2") == []
    house.everybody_was_ended_once()


# holds 8.10, 8.13
def test_a_server_that_was_away_is_warned_when_it_is_back(house):
    """And nobody who was: also when the worker is killed in between."""
    house.fill()
    house.machine.fail("WTSEnumerateSessionsExW", 1722)
    house.worker.start()
    plan = house.plan(starts_in=300, warn_s=[600])
    assert house.step(plan, "warn:600")["code"] == "unreachable"
    house.worker.kill()
    house.worker.start()
    house.fence_of_plex()
    assert house.boxes() == []
    house.machine.mend()
    again = house.step(plan, "warn:600:2")
    assert (again["code"], again["matched"]) == ("ok", 2), again
    house.worker.kill()
    mark = house.alice.mark()
    house.worker.start()
    assert house.phase(plan, "warning", after=mark)["warned"] == 2
    house.plex.await_lists(4)  # polls go on, and so does the plan
    house.fence()
    assert house.boxes() == [2, 3]


# holds 8.13
def test_a_worker_killed_while_it_ends_ends_whoever_is_left(house):
    house.fill()
    house.plex.fault("hang", path="*/terminate")
    house.worker.start()
    plan = house.plan(starts_in=1)
    house.plex.await_terminates(1)
    house.worker.kill()
    house.plex.release()
    house.worker.start()
    first = house.step(plan, "start")
    assert first["code"] == "interrupted"
    again = house.step(plan, "start:2")
    assert again["code"] == "ok", again
    assert "film" in [s["session_id"] for s in again["sessions"]]
    assert house.phase(plan, "done")["ended"] == 3
    assert house.connected() == [] and house.plex.listed() == []


# holds 8.13
def test_a_worker_killed_while_it_enforces_goes_on(house):
    house.worker.start()
    plan = house.plan(starts_in=0, enforce=True)
    house.step(plan, "start")
    house.plex.fault("hang", path="*/terminate")
    house.plex.play("film", user="cat")
    house.plex.await_terminates(1)
    house.worker.kill()
    house.plex.release()
    house.worker.start()
    assert house.step(plan, "enforce:1")["code"] == "interrupted"
    assert house.step(plan, "enforce:2")["code"] == "ok"
    assert house.plex.listed() == []


# holds 8.13
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kills_at_any_moment_change_nothing_in_the_outcome(house, seed):
    dice = random.Random(seed)
    house.fill()
    plan = house.plan(starts_in=8, warn_s=[7, 5, 3], enforce=True)
    house.worker.start()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        # The moment of the kill is what varies.
        time.sleep(dice.random() * 1.5)
        house.worker.kill()
        house.worker.start()
    eventually(lambda: house.connected() == [] and house.plex.listed() == [],
               "everybody ended")
    house.phase(plan, "enforcing")
    house.plex.play("newcomer", user="dan")
    eventually(lambda: house.plex.listed() == [], "the newcomer ended")
    # Three warnings at most, each session once for each.
    boxes = house.boxes()
    assert boxes.count(2) <= 3 and boxes.count(3) <= 3, boxes
    messages = {}
    for name in "warn:7", "warn:5", "warn:3":
        for claims in house.steps(plan, name):
            result = claims["result"]
            messages.setdefault(name, set()).add(
                (result["finished_at"], result["code"]))
    assert all(len(answers) == 1 for answers in messages.values()), messages


# holds 8.13
def test_a_stop_and_a_reload_lose_nothing(house):
    house.fill()
    house.worker.start()
    plan = house.plan(starts_in=7, warn_s=[60], enforce=True)
    house.step(plan, "warn:60")
    house.worker.stop()
    house.worker.start()
    house.worker.reload()
    house.step(plan, "start")
    house.everybody_was_ended_once()
    mark = house.alice.mark()
    house.worker.reload()
    house.phase(plan, "enforcing", after=mark)
    house.plex.play("newcomer", user="dan")
    house.step(plan, "enforce:1")
    assert house.boxes() == [2, 3]


# holds 8.14
def test_a_plan_called_off_before_its_start_while_the_host_was_off(house):
    house.fill()
    house.worker.start()
    plan = house.plan(starts_in=4, warn_s=[60], enforce=True)
    house.step(plan, "warn:60")
    house.worker.kill()
    house.alice.plan("all", {"id": "patch", "cancelled": True},
                     now=plan.iat + 1)
    eventually(lambda: time.time() > plan.iat + 6, "the start went by")
    house.worker.start()
    house.phase(plan, "cancelled")
    house.plex.await_lists(3)
    house.fence()
    assert house.connected() == [2, 3] and house.plex.listed() == ["film"]


# holds 8.14
def test_a_plan_called_off_after_its_start(house):
    house.fill()
    house.worker.start()
    plan = house.plan(starts_in=0, enforce=True)
    house.step(plan, "start")
    house.alice.plan("all", {"id": "patch", "cancelled": True},
                     now=plan.iat + 1)
    assert house.phase(plan, "cancelled")["ended"] == 3
    house.plex.play("newcomer", user="dan")
    house.plex.await_lists(4)
    house.fence()
    assert house.plex.listed() == ["newcomer"]


# holds 8.9
def test_two_plans_overlap_and_do_not_meet(house):
    house.fill()
    house.worker.start()
    films = house.plan(starts_in=1, id="films", action="stop", enforce=True)
    desks = house.plan(starts_in=2, id="desks", action="logoff")
    assert house.step(films, "start")["matched"] == 1
    assert house.step(desks, "start")["matched"] == 2
    house.plex.play("newcomer", user="dan")
    assert house.step(films, "enforce:1")["matched"] == 1
    house.phase(films, "enforcing")
    house.phase(desks, "done")
    assert sorted(house.machine.ended("WTSLogoffSession")) == [2, 3]


# holds 8.13
def test_a_broker_that_forgot_the_plan(house):
    house.fill()
    house.worker.start()
    plan = house.plan(starts_in=4, warn_s=[60])
    house.step(plan, "warn:60")
    returns = house.alice.returns()
    house.broker.kill()
    house.worker.kill()
    house.broker.start()  # without persistence: nothing is retained
    house.alice.await_return(returns)  # or she misses the result
    house.worker.start()
    house.step(plan, "start")
    house.everybody_was_ended_once()
    assert house.boxes() == [2, 3]


# holds 8.7, 8.8
def test_what_is_not_allowed_is_said_once(house):
    house.fill()
    house.worker.start()
    bob = house.stage.controller("bob", permit=[
        {"actions": ["list"], "backends": ["*"], "audiences": ["*"]}])
    body = {"id": "mischief", "starts_at": time.time() - 1,
            "ends_at": time.time() + 60, "action": "end"}
    plan = bob.plan("all", body)
    assert bob.await_step(plan, "start", NAME)["code"] == "forbidden"
    told = bob.await_phase(plan, "refused", NAME)
    assert told["last_code"] == "forbidden"
    bob.publish(plan.topic, plan.token, retain=True)
    # A forged one gets no answer at all.
    forged = bob.plan("all", {**body, "id": "forged"},
                      key=house.stage.fleet.controller("x").key)
    house.fence()
    assert len(bob.results(plan.step("start"), NAME)) == 1
    assert bob.results(forged.step("start"), NAME) == []
    assert house.connected() == [2, 3]
