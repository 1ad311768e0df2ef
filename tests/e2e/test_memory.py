"""Unbounded growth nowhere."""

import os
import sqlite3
import time

import pytest

import processes

WARM_UP = 1000
COMMANDS = 2000
WINDOW = 64
GROWTH_KIB = 512
PRUNED_COMMANDS = 300
LIFETIME_S = 5


def run_pings(scene, count, **options):
    """Keep WINDOW commands under way until `count` are answered."""
    mark = scene.alice.mark()
    waiting = []
    for _ in range(count):
        waiting.append(scene.alice.send(scene.alice.command(
            "host:media-01", {"action": "ping"}, **options), wait=False))
        if len(waiting) == WINDOW:
            command = waiting.pop(0)
            assert scene.alice.await_result(command, "media-01",
                                            after=mark)["code"] == "ok"
    for command in waiting:
        scene.alice.await_result(command, "media-01", after=mark)


@pytest.mark.skipif("asan" in os.environ.get("LASTCALL_BIN", "") or
                    "tsan" in os.environ.get("LASTCALL_BIN", ""),
                    reason="a sanitizer's own memory grows")
def test_two_thousand_commands_leave_the_memory_flat(scene):
    run_pings(scene, WARM_UP)
    before = processes.private_memory_kib(scene.worker.pid)
    run_pings(scene, COMMANDS)
    after = processes.private_memory_kib(scene.worker.pid)
    assert after - before < GROWTH_KIB, (before, after)


def rows(scene, table):
    database = sqlite3.connect(
        "file:%s?mode=ro" % os.path.join(scene.host.state_dir, "journal.db"),
        uri=True)
    try:
        return database.execute("SELECT count(*) FROM " + table).fetchone()[0]
    finally:
        database.close()


def test_the_journal_forgets_what_cannot_be_replayed(scene):
    scene.worker.stop()
    scene.host.sections["worker"].update(clock_skew="0s", history_max=100)
    scene.host.write_config()
    scene.worker.start()
    run_pings(scene, PRUNED_COMMANDS, ttl=LIFETIME_S)
    ended = time.time()
    assert rows(scene, "command") >= PRUNED_COMMANDS
    # Their lifetime passes; nobody announces that.
    processes.eventually(lambda: time.time() > ended + LIFETIME_S + 2,
                         "their exp")
    scene.worker.stop()
    scene.worker.start()
    scene.fence()
    processes.eventually(lambda: rows(scene, "command") <= 2, "pruning")
