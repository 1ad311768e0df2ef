"""A collector behind a mosquitto with default settings: it drops what is more
than 1,000 messages ahead of a reader, and no answer may be lost by that."""

import json
import os
import shutil
import subprocess
import tempfile

import pytest

from bridged import Relay
from desk import OK
import processes
from processes import Broker, Process

HOSTS = 1500
MEMORY_DIR = "/dev/shm"
RECEIVE_BYTES = 4096  # so that the kernel does not take them all by itself
DROPPING = "Outgoing messages are being dropped for client"


class DefaultBroker(Broker):
    """No queue is longer here than mosquitto makes it by itself."""

    def _write_config(self):
        path = os.path.join(self.directory, "mosquitto.conf")
        lines = ["listener %d %s" % (self.port, self.host),
                 "allow_anonymous true"]
        if os.geteuid() == 0:
            lines.append("user root")
        with open(path, "w") as out:
            out.write("\n".join(lines) + "\n")
        return path


class Hosts(Process):
    """Simulated hosts: the worker's own code, without a server or a disk
    (tests/bench/README.md)."""

    def __init__(self, broker, directory, first, count):
        super().__init__("hosts", [
            processes.bin_path("bench_fleet_hosts"), broker.uri,
            os.path.join(directory, "root.key"), directory, str(first),
            str(count)], stdin=subprocess.PIPE)

    def tell(self, order, answer):
        """The answer to an order; each is given with a pattern of its own."""
        self.child.stdin.write(order + "\n")
        self.child.stdin.flush()
        return self.await_line(answer)

    def held(self):
        """How many hosts hold an answer back, by what was last told."""
        self.child.stdin.write("held\n")
        self.child.stdin.flush()
        told = [line for line in self.output().split() if line.isdigit()]
        return int(told[-1]) if told else 0

    def stop(self, *arguments, **options):
        if self.running():
            self.child.stdin.close()  # they say goodbye at its end
        return self.wait(processes.PATIENCE)


@pytest.fixture
def crowd(stage):
    """Fifteen hundred hosts in four processes."""
    directory = tempfile.mkdtemp(prefix="lastcall-e2e.", dir=MEMORY_DIR)
    for name in ("root.key", "root.pub"):
        shutil.copy(stage.path(name), directory)
    stage.broker = DefaultBroker(stage.make_directory("broker"))
    stage.brokers.append(stage.broker)
    share = HOSTS // 4
    hosts = [stage.adopt(Hosts(stage.broker, directory, first, share))
             for first in range(0, HOSTS, share)]
    try:
        for process in hosts:
            process.await_line("^ready$")
        yield hosts
    finally:
        for process in hosts:
            process.stop()
        shutil.rmtree(directory)


def total(hosts, key):
    return sum(json.loads(process.tell("report", r"^\{.*\}$").group())[key]
               for process in hosts)


# holds 1.10
def test_answers_that_the_broker_dropped_are_fetched(stage, crowd):
    """Its reader stands still while all of them answer at once, so that the
    last ones are dropped, which leaves no gap between those that come."""
    relay = Relay(stage.broker.host, stage.broker.port, RECEIVE_BYTES)
    stage.clients.append(relay)
    for process in crowd:
        process.tell("hold", "^hold$")
    running = stage.operator().spawn(
        "stop", "--all", "--where", "username == 'guest'", "--yes", "-o",
        "ndjson", "--pass-thru", "--timeout", "60s", "--ttl", "10m",
        "--broker", "mqtt://127.0.0.1:%d" % relay.port)
    processes.eventually(
        lambda: sum(process.held() for process in crowd) == HOSTS,
        "an answer of every host")
    for process in crowd:
        process.tell("quiet", "^quiet$")  # all but the answers is said
    relay.hold()
    for process in crowd:
        process.tell("release", "^release$")
    stage.broker.process.await_line(DROPPING)
    relay.restore()
    assert running.wait(60) == OK, running.output()[-2000:]
    rows = [json.loads(line) for line in running.output().splitlines()
            if line.startswith("{")]
    answered = {row["host"] for row in rows if row.get("outcome") == "true"}
    assert len(answered) == HOSTS
    # Nobody was asked twice: the answers came out of the session.
    assert total(crowd, "run") == HOSTS
    assert total(crowd, "replayed") == 0
    assert total(crowd, "ended") == 2 * HOSTS
