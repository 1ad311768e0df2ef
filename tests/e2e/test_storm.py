"""Many at once, and everything around the worker coming and going."""

import random

import pytest

import lastcall_py as py

BURST = 300
ROUNDS = 3  # each one doubles the longest wait for the next connect
COMMANDS_A_ROUND = 20


def stop(session_id):
    return {"action": "stop", "session_id": session_id}


# holds 4.16
def test_a_burst_is_answered_one_by_one(scene):
    """What cannot be taken is told so; the rest is done, once."""
    for number in range(BURST):
        scene.plex.play("s-%d" % number)
    commands = [scene.alice.send(scene.alice.command(
        "host:media-01", stop("s-%d" % number)), wait=False)
        for number in range(BURST)]
    codes = {}
    for number, command in enumerate(commands):
        result = scene.alice.await_result(command, "media-01")
        codes.setdefault(result["code"], []).append("s-%d" % number)
    assert set(codes) <= {"ok", "busy"}, {k: len(v) for k, v in codes.items()}
    assert sorted(scene.plex.terminated()) == sorted(codes["ok"])
    assert sorted(scene.plex.listed()) == sorted(codes.get("busy", []))
    for command in commands:
        assert len(scene.alice.results(command, "media-01")) == 1


# holds 1.11, 1.12, 4.12, 4.16
def test_a_flapping_broker_loses_nothing_for_good(scene):
    dice = random.Random(7)
    carol = scene.alice
    commands = []
    for round_number in range(ROUNDS):
        before = scene.plex.counters()["terminates"]
        for number in range(COMMANDS_A_ROUND):
            name = "s-%d-%d" % (round_number, number)
            scene.plex.play(name)
            commands.append(carol.send(carol.command(
                "host:media-01", stop(name)), wait=False))
        scene.plex.await_terminates(before + dice.randrange(
            1, COMMANDS_A_ROUND))
        scene.broker.kill()
        scene.broker.start()
        # A controller of the same name and key on the new broker.
        carol = scene.stage.controller_of(carol.party)
        carol.await_status("media-01", lambda s: s["state"] == "online")
    for command in commands:
        if not carol.results(command, "media-01"):
            carol.send(command)
    for command in commands:
        assert carol.await_result(command, "media-01")["code"] == "ok"
    ended = scene.plex.terminated()
    assert len(ended) == len(set(ended)) == len(commands)


# holds 3.3
def test_controllers_do_not_get_in_each_others_way(scene):
    others = [scene.stage.controller("c-%d" % n) for n in range(4)]
    for number in range(40):
        scene.plex.play("s-%d" % number)
    sent = []
    for number in range(40):
        who = others[number % 4]
        sent.append((who, who.send(who.command(
            "host:media-01", stop("s-%d" % number)), wait=False)))
    for who, command in sent:
        assert who.await_result(command, "media-01")["success"]
    for who in others:
        topics = {m.topic.split("/")[5] for m in who.since(
            0, lambda m: "/result/" in m.topic)}
        assert topics == {who.party.name}


# holds 4.12
def test_one_id_of_two_controllers_are_two_commands(scene):
    bob = scene.stage.controller("bob")
    jti = py.fresh_id()
    scene.plex.play("one")
    scene.plex.play("two")
    first = scene.alice.send(scene.alice.command("host:media-01",
                                                 stop("one"), jti=jti))
    second = bob.send(bob.command("host:media-01", stop("two"), jti=jti))
    assert scene.alice.await_result(first, "media-01")["code"] == "ok"
    assert bob.await_result(second, "media-01")["code"] == "ok"
    assert sorted(scene.plex.terminated()) == ["one", "two"]


# holds 6.5, 7.3
@pytest.mark.parametrize("ms", [0, 300])
def test_a_plex_that_restarts_is_found_again(scene, ms):
    scene.plex.play("one")
    scene.plex.restart(refuse_ms=ms, starting_ms=ms, empty_ms=ms)
    scene.alice.await_inventory(
        "media-01", "home", lambda i: i["reachable"] and i["count"] == 1)
    result = scene.ask(stop("one"))
    assert (result["success"], result["code"]) == (True, "ok")


# holds 2.10
def test_many_sessions_are_listed_and_counted(scene):
    scene.plex.options(generate=3000)
    result = scene.ask({"action": "list"})
    assert result["matched"] == 3000
    inventory = scene.alice.await_inventory(
        "media-01", "home", lambda i: i["count"] == 3000)
    for document, total in ((result, 3000), (inventory, 3000)):
        listed = len(document["sessions"])
        assert document["truncated"] == (listed < total) if \
            "truncated" in document else listed == total
    assert scene.ask({"action": "stop", "where": "endable"})["code"] == \
        "limit_exceeded"
