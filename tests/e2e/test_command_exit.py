"""Every exit status of `lastcall` that these subcommands can give."""

import json
import os
import signal
import time

import pytest

import lastcall_py as py
import stage as stages
from desk import (BROKER, FALSE, INTERRUPTED, OK, ONE, REFUSED, SILENT,
                  STOPPED, UNCONFIRMED, USAGE, free_broker)


TRUE_RESULT = {
    "success": True, "code": "ok", "detail": "", "action": "stop",
    "dry_run": False, "replayed": False, "matched": 1, "succeeded": 1,
    "failed": 0, "received_at": "2026-01-01T00:00:00.000Z",
    "started_at": "2026-01-01T00:00:00.000Z",
    "finished_at": "2026-01-01T00:00:00.000Z", "boot_id": "b",
    "servers": [], "sessions": []}


def states_of(done):
    return {r["host"]: r["outcome"] for r in done.json()["results"]}


def test_status_0_all_answered_true(desk):
    desk.plex.play("one")
    done = desk.run(*ONE, "--reason", "Fünf & 5 \U0001f6d1")
    assert done.status == OK, done
    assert desk.plex.terminates()[0].reason == \
        "Fünf & 5 \U0001f6d1".encode()


def test_status_1_no_broker(desk):
    done = desk.run(*ONE, "--broker", free_broker(), "--timeout", "2s")
    assert done.status == BROKER and done.err, done


def test_status_1_a_broker_that_refuses_us(stage):
    stage.start_broker(passwords={"ops": "right", "observer": "x"})
    operator = stage.operator()
    stages.write_file(os.path.join(operator.directory, "password"),
                      "wrong\n", 0o600)
    done = operator.run("hosts", "--timeout", "2s")
    assert done.status == BROKER and done.err, done


@pytest.mark.parametrize("arguments", [
    ("stop", "--session", "one", "--yes"),
    ("stop", "--host", "media-01", "--yes"),
    ("stop", "--host", "media-01", "--session", "one", "--every", "--yes"),
    ("stop", "--host", "media-01", "--where", "nonsense ==", "--yes"),
    ("stop", "--host", "media-01", "--where", "statte == 'x'", "--yes"),
    ("stop", "--host", "media-01", "--session", "one", "--limit", "many"),
    ("stop", "--host", "media-01", "--session", "one", "--explode"),
    ("stop", "--host", "Media_01", "--session", "one", "--yes"),
    ("stop", "--all", "--host", "media-01", "--every", "--yes"),
    ("stop", "--host", "media-01", "--session", "one", "--yes", "-o", "yaml"),
    ("stop", "--host", "media-01", "--session", "one", "--yes",
     "--reason", "x" * 513),
    ("stop", "--host", "media-01", "--session", "one", "--yes",
     "--key", "/nonexistent/key"),
])
def test_status_2_usage(desk, arguments):
    done = desk.run(*arguments)
    assert done.status == USAGE and done.err and not done.out, done
    assert desk.sent() == [], "nothing may be sent"


def test_status_3_a_host_answered_false(desk):
    done = desk.run(*ONE)
    assert done.status == FALSE, done
    assert "not_found" in done.out


def test_status_4_an_offline_host(desk):
    desk.scene.worker.stop()
    started = time.monotonic()
    done = desk.run(*ONE, "--timeout", "30s", "-o", "json")
    assert done.status == SILENT, done
    assert states_of(done) == {"media-01": "offline"}, done
    # Nobody is waited for who is known to be away.
    assert time.monotonic() - started < 25


def test_status_4_a_silent_host(desk):
    desk.scene.worker.process.pause()
    try:
        done = desk.run(*ONE, "--timeout", "1s", "-o", "json")
    finally:
        desk.scene.worker.process.resume()
    assert done.status == SILENT, done
    assert states_of(done) == {"media-01": "silent"}, done


def test_status_4_a_host_that_nobody_knows(desk):
    done = desk.run("stop", "--host", "media-99", "--session", "one",
                    "--yes", "--timeout", "1s")
    assert done.status == SILENT and "media-99" in done.out + done.err, done


def test_status_5_without_a_terminal_and_without_yes(desk):
    desk.plex.play("one")
    done = desk.run("stop", "--host", "media-01", "--session", "one")
    assert done.status == UNCONFIRMED and "--yes" in done.err, done
    desk.scene.fence()
    assert desk.plex.counters()["terminates"] == 0


def test_status_6_forbidden(desk):
    desk.plex.play("one")
    lister = desk.stage.operator("lister", [
        {"actions": ["list", "ping"], "backends": ["*"],
         "audiences": ["*"]}])
    done = lister.run(*ONE)
    assert done.status == REFUSED and "forbidden" in done.out, done
    assert desk.plex.counters()["terminates"] == 0


def of_another_root(desk, claims):
    """Everything is right but who vouches for the host."""
    return py.Fleet().host("media-01"), claims


def of_another_host(desk, claims):
    """A captured host of the fleet, on a broker without access lists."""
    return desk.scene.fleet.host("media-02"), claims


def in_another_name(desk, claims):
    return (desk.scene.fleet.host("media-02"),
            {**claims, "iss": "host:media-01"})


def with_wrong(name, value):
    """The host itself, answering something else."""
    def make(desk, claims):
        return desk.scene.host.party, {**claims, name: value}
    return make


FORGERIES = [of_another_root, of_another_host, in_another_name,
             with_wrong("request_hash", "A" * 43),
             with_wrong("request_id", "another-request-id"),
             with_wrong("aud", "controller:bob")]


# holds 6.7
@pytest.mark.parametrize("forge", FORGERIES, ids=[
    "other root", "other host", "other host's key", "hash", "id", "aud"])
def test_status_6_a_forged_result(desk, forge):
    """A rogue answers before the host does."""
    desk.plex.play("one")
    process = desk.scene.worker.process
    process.pause()
    try:
        running = desk.operator.spawn(*ONE, "-o", "json", "--timeout", "20s")
        command = desk.wire.await_message(
            lambda m: m.topic.endswith("/command"), "the command")
        token = command.payload.decode()
        asked = py.read_parts(token)[1]
        rogue, claims = forge(desk, {
            "iat": int(time.time()), "jti": py.fresh_id(),
            "aud": asked["iss"], "request_id": asked["jti"],
            "request_hash": py.token_hash(token), "result": TRUE_RESULT})
        desk.wire.publish(
            desk.scene.fleet.topic("host", "media-01", "result", "ops",
                                   asked["jti"]),
            rogue.key.sign(py.TYP_RESULT, {"iss": rogue.subject, **claims},
                           rogue.grant))
    finally:
        process.resume()
    assert running.wait() == REFUSED, running.output()
    # The host's own answer was still awaited, and counts beside the forgery.
    assert '"bad_signature": 1' in running.output(), running.output()
    assert desk.plex.terminated() == ["one"]


def test_status_7_not_the_number_expected(desk):
    desk.plex.play("one")
    done = desk.run("stop", "--host", "media-01", "--every", "--yes",
                    "--expect", "2")
    assert done.status == STOPPED, done
    desk.scene.fence()
    assert desk.plex.counters()["terminates"] == 0
    desk.plex.play("two")
    done = desk.run("stop", "--host", "media-01", "--every", "--yes",
                    "--expect", "2")
    assert done.status == OK, done
    assert sorted(desk.plex.terminated()) == ["one", "two"]


def test_status_7_a_broadcast_might_reach_who_is_offline(desk):
    worker, plex = desk.second_host()
    worker.stop()
    desk.plex.play("one")
    done = desk.run("stop", "--all", "--every", "--yes", "--expect", "1")
    assert done.status == STOPPED and "offline" in done.err, done
    assert desk.plex.counters()["terminates"] == 0
    # Named one by one, the host that is offline is sent nothing.
    done = desk.run("stop", "--host", "*", "--every", "--yes", "--expect", "1")
    assert done.status == SILENT, done
    assert desk.plex.terminated() == ["one"]


def test_status_130_interrupted(desk):
    desk.plex.play("one")
    desk.plex.fault("hang", path="*/terminate")
    running = desk.operator.spawn(*ONE, "-o", "json", "--timeout", "60s")
    desk.plex.await_terminates(1)
    running.send(signal.SIGINT)
    assert running.wait() == INTERRUPTED
    document = json.loads(running.output()[running.output().index("{"):])
    assert document["exit"] == INTERRUPTED
    desk.plex.release()


# holds 6.5
def test_the_worst_status_wins(desk):
    """130, 7, 6, 3, 4: forbidden beats false, false beats offline."""
    worker, plex = desk.second_host()
    half = desk.stage.operator("half", [
        {"actions": ["*"], "backends": ["*"],
         "audiences": ["host:media-01"]}])
    both = ("stop", "--host", "media-01,media-02", "--session", "nobody",
            "--yes", "--timeout", "5s")
    assert half.run(*both).status == REFUSED
    assert desk.run(*both).status == FALSE
    worker.stop()
    assert desk.run(*both).status == FALSE
    assert desk.run("ping", "--host", "media-01,media-02",
                    "--timeout", "5s").status == SILENT
