"""kill -9 at any moment: nothing runs twice, everything is answered."""

import random
import resource
import shutil
import time

import pytest

ROUNDS = 20
COMMANDS_A_ROUND = 4
JITTER_S = 0.01


def stop(scene, session_id, **options):
    scene.plex.play(session_id)
    return scene.alice.send(scene.alice.command(
        "host:media-01", {"action": "stop", "session_id": session_id},
        **options))


def resend_until_answered(scene, commands):
    for command in commands:
        if not scene.alice.results(command, "media-01"):
            scene.alice.send(command)
    return [scene.alice.await_result(command, "media-01")
            for command in commands]


# holds 4.12, 4.15, 4.16, 4.17
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_session_is_ended_twice_and_every_command_answered(scene, seed):
    dice = random.Random(seed)
    commands = []
    for round_number in range(ROUNDS):
        before = scene.plex.counters()["terminates"]
        for number in range(COMMANDS_A_ROUND):
            commands.append(stop(scene, "s-%d-%d" % (round_number, number)))
        # The moment is what varies: on the way in, between journal and act,
        # while Plex is asked, on the way out.
        scene.plex.await_terminates(
            before + dice.randrange(COMMANDS_A_ROUND + 1))
        time.sleep(dice.random() * JITTER_S)
        scene.worker.kill()
        scene.worker.start()
    results = resend_until_answered(scene, commands)
    ended = scene.plex.terminated()
    assert len(ended) == len(set(ended)), "a session was ended twice"
    for command, result in zip(commands, results):
        session_id = "s-%d-%d" % divmod(commands.index(command),
                                        COMMANDS_A_ROUND)
        assert result["code"] in ("ok", "interrupted"), result
        if result["code"] == "ok":
            assert session_id in ended and session_id not in \
                scene.plex.listed()
    # Whatever was interrupted can be asked for anew.
    assert scene.ask({"action": "stop", "where": "endable"})["success"]
    assert scene.plex.listed() == []


# holds 4.15, 4.17
def test_a_command_killed_in_its_act_is_not_run_again(scene):
    scene.plex.fault("hang", path="*/terminate")
    command = stop(scene, "one")
    scene.plex.await_terminates(1)
    scene.worker.kill()
    scene.plex.release()
    mark = scene.alice.mark()
    scene.worker.start()
    scene.alice.send(command)
    result = scene.alice.await_result(command, "media-01", after=mark)
    assert (result["success"], result["code"]) == (False, "interrupted")
    scene.fence()
    assert scene.plex.counters()["terminates"] == 1
    assert scene.plex.listed() == ["one"]


# holds 4.17
def test_a_command_killed_after_its_act_is_found_done(scene):
    scene.plex.fault("hang", path="*/terminate", effect=True)
    command = stop(scene, "one")
    scene.plex.await_count("terminations", 1)
    scene.worker.kill()
    scene.plex.release()
    mark = scene.alice.mark()
    scene.worker.start()
    scene.alice.send(command)
    result = scene.alice.await_result(command, "media-01", after=mark)
    assert (result["success"], result["code"]) == (True, "ok")
    scene.fence()
    assert scene.plex.counters()["terminates"] == 1


# holds 4.12
def test_a_stored_result_survives_a_restart(scene):
    command = stop(scene, "one")
    first = scene.alice.await_result(command, "media-01")
    scene.worker.stop()
    scene.worker.start()
    mark = scene.alice.mark()
    scene.alice.send(command)
    again = scene.alice.await_result(command, "media-01", after=mark)
    assert again["replayed"] is True and again["code"] == first["code"]
    assert again["boot_id"] == first["boot_id"]
    assert scene.plex.counters()["terminates"] == 1


# holds 4.16
def test_a_result_that_the_broker_never_took_is_published_again(scene):
    scene.plex.fault("hang", path="*/terminate", effect=True)
    command = stop(scene, "one")
    scene.plex.await_count("terminations", 1)
    scene.broker.kill()
    scene.plex.release()
    # The result is ready and cannot leave.  A new broker, a new reader, who
    # is there before the worker is back:
    scene.worker.process.pause()
    scene.broker.start()
    carol = scene.stage.controller("carol")
    carol.party = scene.alice.party
    carol.subscribe(scene.fleet.topic("host", "+", "result", "#"))
    scene.worker.process.resume()
    assert carol.await_result(command, "media-01")["code"] == "ok"


# holds 4.18
def test_a_journal_that_cannot_be_written_makes_it_busy(scene):
    scene.plex.play("one")
    scene.fence()
    with scene.locked_journal():
        result = scene.ask({"action": "stop", "session_id": "one"})
        assert (result["success"], result["code"]) == (False, "busy")
        assert scene.plex.counters()["terminates"] == 0
    assert scene.ask({"action": "stop", "session_id": "one"})["success"]


# holds 4.12
def test_what_was_run_is_not_denied_by_a_journal_that_is_held(scene):
    command = stop(scene, "one")
    assert scene.alice.await_result(command, "media-01")["success"]
    with scene.locked_journal():
        mark = scene.alice.mark()
        scene.alice.send(command)
        again = scene.alice.await_result(command, "media-01", after=mark)
    assert (again["code"], again["replayed"]) == ("ok", True)


# holds 4.18
def test_files_that_may_not_grow_make_it_busy(scene):
    """A limit on a file's size is a signal that would end the worker."""
    scene.plex.play("one")
    scene.fence()
    pid = scene.worker.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    result = scene.ask({"action": "stop", "session_id": "one"})
    assert (result["success"], result["code"]) == (False, "busy")
    assert scene.plex.counters()["terminates"] == 0
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    assert scene.ask({"action": "stop", "session_id": "one"})["success"]


# holds 4.15, 4.18
def test_a_journal_that_was_removed_makes_it_busy(scene):
    """What goes to a removed file is gone with the process: what was done
    would be done again after the next start."""
    scene.plex.play("one")
    scene.fence()
    shutil.rmtree(scene.host.state_dir)
    result = scene.ask({"action": "stop", "session_id": "one"})
    assert (result["success"], result["code"]) == (False, "busy")
    assert scene.plex.counters()["terminates"] == 0
    scene.worker.process.await_line("JOURNAL-FAIL .*start the worker again")
    scene.worker.stop()
    scene.worker.start()
    assert scene.ask({"action": "stop", "session_id": "one"})["success"]
