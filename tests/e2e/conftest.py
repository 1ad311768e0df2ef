"""Fixtures: a stage for each test, its logs attached when it fails."""

import contextlib
import os
import sqlite3
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import processes  # noqa: E402
from desk import Desk  # noqa: E402
import household  # noqa: E402
from home_assistant import UNKNOWN  # noqa: E402
from stage import Stage  # noqa: E402
import windows as windows_cast  # noqa: E402

LOG_TAIL = 12000


def pytest_configure(config):
    config.addinivalue_line("markers", "policy: keys of [policy]")
    config.addinivalue_line("markers", "server: keys of [server]")


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    stage = getattr(item, "stage", None)
    if report.failed and stage is not None:
        for name, text in stage.logs():
            report.sections.append(("log of " + name, text[-LOG_TAIL:]))


@pytest.fixture
def stage(request, tmp_path):
    """An empty stage: a fleet with a root key, nothing started."""
    made = Stage(tmp_path)
    request.node.stage = made
    yield made
    made.close()


@pytest.fixture
def broker(stage):
    """A plain mosquitto on a free loopback port."""
    return stage.start_broker()


@pytest.fixture
def plex(stage):
    """A stand-in Plex server with no session."""
    return stage.standin()


class Scene:
    """The usual cast: one broker, one Plex, one worker, one controller."""

    def __init__(self, stage, plex):
        self.stage = stage
        self.broker = stage.broker
        self.fleet = stage.fleet
        self.plex = plex
        self.name = "media-01"
        self.host = stage.host(self.name, {"home": plex}, groups=["lobby"])
        self.worker = stage.worker(self.host).start()
        self.alice = stage.controller("alice")

    def ask(self, request, **options):
        return self.alice.ask(self.name, request, **options)

    def fence(self):
        """Wait until everything sent so far has been dealt with: a fresh
        list passes through the same queues, in the same order."""
        assert self.ask({"action": "list"})["code"] in ("ok", "no_match")

    def final_counters(self):
        """Stop the worker; its last status has the final counts."""
        return self.worker.stop()["counters"]

    @contextlib.contextmanager
    def locked_journal(self):
        """While another program holds the journal's write lock."""
        journal = sqlite3.connect(
            os.path.join(self.host.state_dir, "journal.db"),
            isolation_level=None, timeout=processes.PATIENCE)
        try:
            journal.execute("BEGIN IMMEDIATE")
            yield
            journal.execute("ROLLBACK")
        finally:
            journal.close()


@pytest.fixture
def scene(stage, broker, plex):
    return Scene(stage, plex)


@pytest.fixture
def desk(scene):
    """The usual cast and an operator with the command `lastcall`."""
    return Desk(scene)


@pytest.fixture
def windows(stage, request):
    """A terminal server with nobody on it, and a worker beside it; the mark
    `policy` has keys of the host's own policy, `server` of its server."""
    def keys(name):
        mark = request.node.get_closest_marker(name)
        return mark.kwargs if mark else {}

    cast = windows_cast.kind()(stage, keys("policy"), keys("server"))
    yield cast
    cast.close()


@pytest.fixture
def house(stage):
    """A fleet's broker and a home's; no host, no bridge yet.  Home Assistant
    must have had nothing to complain of."""
    made = household.House(stage)
    yield made
    assert made.problems() == []


@pytest.fixture
def home(house):
    """One host, the bridge, and Home Assistant that has seen both."""
    house.plex = house.host()
    house.link = house.bridge().start()
    house.ha = house.home_assistant()
    house.ha.await_states({
        household.COUNT: "0", household.SERVER: "on", household.WORKER: "on",
        household.LINK: "on", household.BUTTON: UNKNOWN,
        household.RESULT: UNKNOWN})
    return house
