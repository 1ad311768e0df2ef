"""SIGHUP: the bridge reads everything anew, and home hears nothing of it."""

import os
import signal
import socket
import threading
import time

import lastcall_py as py
import processes
from home_assistant import UNKNOWN
from household import (BUTTON, COUNT, LINK, RESULT, SESSION, STOP, WORKER,
                       await_plays, entity)

FRESH = entity("button", "fresh")
FORMER = entity("button", "former")


def gaps(house, mark):
    """What could have been taken for somebody being away."""
    return [m.topic for m in house.watcher.since(
        mark, lambda m: m.topic.endswith("/state")
        and m.payload != b"online")]


def press(house, button):
    """Press, and wait for the result."""
    before = len(house.ha.events(RESULT))
    house.ha.press(button)
    return house.ha.await_event(RESULT, after=before)


class Held:
    """A fleet's broker that takes connections and never answers: who connects
    waits until it is let go."""
    ca = None

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = "mqtt://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.peer = None

    def hold(self, house):
        """A reload that stands still; hands back when it does."""
        fleet, house.fleet_broker = house.fleet_broker, self
        house.link.write_config()
        house.fleet_broker = fleet
        self.listener.settimeout(processes.PATIENCE)
        house.link.process.send(signal.SIGHUP)
        self.peer = self.listener.accept()[0]

    def let_go(self):
        self.peer.close()
        self.listener.close()


def test_new_buttons_and_hosts_are_taken_and_former_ones_go(house):
    plex = house.host()
    house.host("attic-01")
    attic = entity("sensor", "sessions_home", "attic-01")
    link = house.bridge(buttons={"stop": STOP, "former": STOP}).start()
    house.ha = house.home_assistant()
    house.ha.await_states({BUTTON: UNKNOWN, FORMER: UNKNOWN, COUNT: "0",
                           attic: "0"})
    await_plays(house, plex, "one", "two")
    mark = house.watcher.mark()
    link.buttons = {"stop": {**STOP, "name": "Another"},
                    "fresh": {**STOP, "where": "session_id == 'two'"}}
    del link.buttons["fresh"]["every"]
    link.keys["hosts"] = "media-*"
    link.reload()
    house.ha.await_states({FORMER: None, attic: None, FRESH: UNKNOWN,
                           BUTTON: UNKNOWN, COUNT: "2", LINK: "on"})
    processes.eventually(
        lambda: not [t for t in house.retained() if "attic-01" in t],
        "all of the host that is not shown is cleared")
    assert press(house, FRESH).type == "success"
    assert plex.terminated() == ["two"]
    # The one that goes is cleared, and nobody was said to be away.
    assert set(gaps(house, mark)) <= {house.topic("host", "attic-01",
                                                  "state")}
    link.keys.pop("hosts")
    link.reload()
    house.ha.await_states({attic: "0", COUNT: "1"})


def test_a_bad_file_is_refused_whole(home):
    good = dict(home.link.buttons)
    mark = home.watcher.mark()
    home.link.buttons = {"fresh": STOP, "stop": {**STOP, "where": "a ="}}
    home.link.keys["hosts"] = "attic-*"
    home.link.reload("RELOAD-FAIL")
    home.link.process.await_line(r'bridge\.conf:\d+: \[button "stop"\] which')
    home.link.buttons = good
    home.link.keys["broker"] = "home.example"
    home.link.reload("RELOAD-FAIL")
    assert press(home, BUTTON).type == "success"
    assert home.ha.state(FRESH) is None and home.ha.state(COUNT) == "0"
    assert gaps(home, mark) == []
    assert home.link.process.output().count("RELOADED") == 0


def test_keys_and_passwords_that_cannot_be_read_leave_it_running(home):
    os.chmod(os.path.join(home.link.directory, "bridge.key"), 0o644)
    home.link.reload("RELOAD-FAIL")
    os.chmod(os.path.join(home.link.directory, "bridge.key"), 0o600)
    os.unlink(os.path.join(home.link.directory, "home.password"))
    home.link.reload("RELOAD-FAIL")
    assert press(home, BUTTON).type == "success"


def test_a_fleet_s_broker_that_is_away_leaves_it_running(home):
    fleet = home.link.house.fleet_broker
    home.link.house.fleet_broker = type("Nobody", (), {
        "ca": None, "uri": "mqtt://127.0.0.1:%d" % processes.free_port()})
    home.link.reload("RELOAD-FAIL")
    home.link.house.fleet_broker = fleet
    assert press(home, BUTTON).type == "success"


def test_a_renewed_grant_is_taken(house):
    """A bridge whose grant permits nothing yet, as one that has ended."""
    house.host()
    nowhere = [{"actions": ["stop"], "backends": ["plex"],
                "audiences": ["host:nobody"]}]
    link = house.bridge(permit=nowhere,
                        buttons={"stop": STOP, "fresh": STOP}).start()
    house.ha = house.home_assistant()
    house.ha.await_states({BUTTON: UNKNOWN, FRESH: UNKNOWN, RESULT: UNKNOWN,
                           COUNT: "0"})
    assert press(house, BUTTON).type == "refused"
    link.process.await_line("GRANT-LACKS")
    claims = py.read_parts(link.party.grant)[1]
    claims.update(jti=py.fresh_id(), permit=[
        {"actions": ["stop"], "backends": ["plex"], "audiences": ["host:*"]}])
    link.write("bridge.grant",
               house.fleet.root.sign(py.TYP_GRANT, claims) + "\n")
    lacks = link.process.output().count("GRANT-LACKS")
    link.reload()
    assert press(house, FRESH).type == "success"
    assert link.process.output().count("GRANT-LACKS") == lacks


def test_another_home_is_told_and_the_former_hears_a_farewell(home):
    state = home.topic("bridge", "state")
    former, mark = home.watcher, home.watcher.mark()
    home.home_broker = home.stage.start_broker(
        acl=home.home_broker.acl, passwords=home.home_broker.passwords)
    home.watcher = home.client("watcher")
    home.watcher.subscribe("#")
    home.link.reload()
    former.await_message(
        lambda m: m.topic == state and m.payload == b"offline", "a farewell",
        after=mark)
    home.ha = home.home_assistant()
    home.ha.await_states({COUNT: "0", LINK: "on", WORKER: "on",
                          BUTTON: UNKNOWN})
    assert press(home, BUTTON).type == "success"


def test_another_password_is_used(home):
    """The session there is stays as it is; the next one needs the new one."""
    mark = home.watcher.mark()
    home.link.write("home.password", "pw-another\n", 0o600)
    home.link.reload()
    home.link.process.await_line("HOME-DOWN")
    home.link.write("home.password", "pw-lastcall-bridge\n", 0o600)
    home.link.reload()
    home.ha.await_states({COUNT: "0", LINK: "on"})
    assert gaps(home, mark) == [home.topic("bridge", "state")]


def test_a_press_under_way_has_its_answer_first(home):
    await_plays(home, home.plex, "one")
    worker = home.workers["media-01"].process
    worker.pause()
    home.ha.press(BUTTON)
    home.link.process.await_line("PRESS-TAKEN")
    home.link.process.send(signal.SIGHUP)
    home.link.process.await_line("RELOAD-WAIT")
    worker.resume()
    home.link.process.await_line("RELOADED")
    output = home.link.process.output()
    assert output.index("PRESS-DONE") < output.index("RELOADED")
    assert [e.type for e in home.ha.events(RESULT)] == ["success"]


def test_a_press_that_is_not_answered_is_not_waited_for_for_ever(house):
    house.host()
    link = house.bridge(buttons={"stop": {**STOP, "timeout": "5m"}}).start()
    house.ha = house.home_assistant()
    house.ha.await_states({COUNT: "0", RESULT: UNKNOWN})
    worker = house.workers["media-01"].process
    worker.pause()
    house.ha.press(BUTTON)
    link.process.await_line("PRESS-TAKEN")
    link.reload()
    assert house.ha.await_event(RESULT).type == "silent"
    worker.resume()


def test_presses_and_events_meanwhile_count_once(home):
    """Whatever comes while one life takes over from the other."""
    rounds = 5
    home.link.buttons = {"stop-%d" % n: STOP for n in range(rounds)}
    home.link.reload()
    home.ha.await_state(entity("button", "stop_0"), UNKNOWN)
    for number in range(rounds):
        count = home.link.process.output().count("RELOADED")
        await_plays(home, home.plex, "s-%d" % number)
        home.link.process.send(signal.SIGHUP)
        home.ha.press(entity("button", "stop_%d" % number))
        processes.eventually(
            lambda n=number: len(home.plex.terminated()) == n + 1,
            "it is ended")
        home.ha.await_state(COUNT, "0")
        processes.eventually(
            lambda c=count: home.link.process.output().count("RELOADED") > c,
            "the reload")
    processes.eventually(lambda: len(home.ha.events(RESULT)) == rounds,
                         "a result of each press")
    told = [(e.type, e.attributes["session"]["session_id"])
            for e in home.ha.events(SESSION) if e.type != "changed"]
    assert told == [(kind, "s-%d" % number) for number in range(rounds)
                    for kind in ("started", "ended")]
    assert home.link.process.output().count("PRESS-TAKEN") == rounds


def test_an_event_that_both_lives_hear_is_told_once(house):
    """The next life listens while the former still waits for an answer."""
    house.host()
    plex = house.host("attic-01")
    count = entity("sensor", "sessions_home", "attic-01")
    told = entity("event", "event", "attic-01")
    link = house.bridge().start()
    house.ha = house.home_assistant()
    house.ha.await_states({BUTTON: UNKNOWN, COUNT: "0", count: "0"})
    worker = house.workers["media-01"].process
    worker.pause()
    house.ha.press(BUTTON)
    link.process.await_line("PRESS-TAKEN")
    link.process.send(signal.SIGHUP)
    link.process.await_line("RELOAD-WAIT")
    plex.play("one")
    house.ha.await_event(told)
    worker.resume()
    link.process.await_line("RELOADED")
    plex.play("two")
    house.ha.await_event(
        told, match=lambda e: e.attributes["session"]["session_id"] == "two")
    assert [e.attributes["session"]["session_id"]
            for e in house.ha.events(told) if e.type == "started"] == [
                "one", "two"]


def test_a_birth_is_answered_after_a_reload_too(house):
    house.host()
    link = house.bridge().start()
    house.ha = house.home_assistant(birth=False)
    house.ha.await_states({BUTTON: UNKNOWN, COUNT: "0"})
    shown = house.config_topic("media-01")
    house.watcher.await_message(lambda m: m.topic == shown, "its device")
    mark = house.watcher.mark()
    house.ha.birth()
    link.process.await_line("HOME-BIRTH")
    link.reload(write=False)
    # Once for the reload, and once when Home Assistant listens.
    processes.eventually(
        lambda: len(house.watcher.since(
            mark, lambda m: m.topic == shown)) >= 2,
        "what the birth asked for")


def test_an_answer_that_came_during_a_long_reload_counts(home):
    """Its time was over when the bridge could look, not when it came.  What is
    pressed right before the signal is sent first."""
    timeout_s = 6
    fleet = py.Client(patience=processes.PATIENCE)
    home.stage.clients.append(fleet)
    fleet.connect(home.fleet_broker)
    fleet.subscribe("#")
    home.link.buttons = {"stop": {**STOP, "timeout": "%ds" % timeout_s}}
    home.link.reload()
    held = Held()
    worker = home.workers["media-01"].process
    worker.pause()
    home.ha.press(BUTTON)
    home.link.process.await_line("PRESS-TAKEN")
    over = time.monotonic() + timeout_s
    held.hold(home)
    worker.resume()
    fleet.await_message(lambda m: "/result/" in m.topic, "the answer")
    processes.eventually(lambda: time.monotonic() > over, "the end of its time")
    held.let_go()
    home.link.process.await_line("RELOAD-FAIL")
    assert home.ha.await_event(RESULT).type == "success"


def test_a_press_during_a_long_reload_is_not_carried_out_late(home):
    home.link.buttons = {"stop": {**STOP, "timeout": "1s"}, "fresh": STOP}
    home.link.reload()
    home.ha.await_state(FRESH, UNKNOWN)
    held = Held()
    held.hold(home)
    mark = home.watcher.mark()
    home.ha.press(BUTTON)
    home.watcher.await_message(lambda m: m.topic.endswith("/press"),
                               "the press", after=mark)
    over = time.monotonic() + 1
    processes.eventually(lambda: time.monotonic() > over, "the end of its time")
    held.let_go()
    home.link.process.await_line("PRESS-DROP.*of stop .*late")
    assert "PRESS-TAKEN" not in home.link.process.output()
    assert press(home, FRESH).type == "success"


def test_what_was_pressed_at_two_sessions_with_the_home_counts_once(home):
    """With another birth topic there is a session more at the same broker."""
    process = home.link.process
    home.link.buttons = {"stop": STOP, "fresh": STOP}
    home.link.reload()
    home.ha.await_state(FRESH, UNKNOWN)
    worker = home.workers["media-01"].process
    worker.pause()
    home.ha.press(BUTTON)
    process.await_line("PRESS-TAKEN.*stop")
    home.link.keys["birth_topic"] = "another/status"
    home.link.write_config()
    ready = process.output().count("LINK-READY")
    process.send(signal.SIGHUP)
    process.await_line("RELOAD-WAIT")
    processes.eventually(
        lambda: process.output().count("LINK-READY") > ready,
        "the other session")
    home.ha.press(FRESH)
    process.await_line("PRESS-TAKEN.*fresh")
    over = time.monotonic() + 1  # its shortest interval
    processes.eventually(lambda: time.monotonic() > over, "the interval")
    worker.resume()
    process.await_line("PRESS-DROP")
    processes.eventually(lambda: len(home.ha.events(RESULT)) == 2, "results")
    assert process.output().count("PRESS-TAKEN") == 2


def test_the_home_s_broker_is_found_again_after_a_reload(home):
    """The session with it is that of the settings before."""
    home.link.buttons = {"fresh": STOP}
    home.link.reload()
    home.ha.await_states({FRESH: UNKNOWN, BUTTON: None})
    returns = home.ha.returns()
    home.home_broker.stop()
    home.link.process.await_line("HOME-DOWN")
    home.home_broker.start()
    home.ha.await_return(returns)
    processes.eventually(
        lambda: home.link.process.output().count("HOME-UP") == 2,
        "the bridge at the home's broker")
    home.ha.await_states({COUNT: "0", LINK: "on", FRESH: UNKNOWN})
    assert press(home, FRESH).type == "success"


def test_the_shortest_interval_outlives_a_reload(home):
    home.link.buttons = {"stop": {**STOP, "min_interval": "1h"}}
    home.link.reload()
    assert press(home, BUTTON).type == "success"
    home.link.reload()
    home.ha.press(BUTTON)
    home.link.process.await_line("PRESS-DROP.*repeated")
    assert len(home.ha.events(RESULT)) == 1


def test_the_end_after_a_reload_is_told(home):
    home.link.reload(write=False)
    assert home.link.process.stop() == 0
    home.ha.await_states({LINK: "off"})


def test_the_end_comes_whatever_is_to_be_read_anew(home):
    process = home.link.process
    ended = threading.Event()

    def storm():
        while not ended.is_set():
            process.send(signal.SIGHUP)
            time.sleep(0.0001)

    threads = [threading.Thread(target=storm) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        process.await_line("RELOADED")
        assert process.stop() == 0
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_the_unit_reloads_so():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                        "deploy", "systemd", "lastcall-bridge.service")
    with open(path) as file:
        lines = file.read().split("\n")
    assert "ExecReload=/bin/kill -HUP $MAINPID" in lines
    assert "RestartForceExitStatus=SIGHUP" in lines
