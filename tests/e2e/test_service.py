"""The worker under a service manager: sd_notify, watchdog, signals."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

import processes

WATCHDOG_US = 400000  # a beat every 200 ms


class Supervisor:
    """The datagram socket that a service manager listens on."""

    def __init__(self, directory, abstract=False):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if abstract:
            name = "lastcall-test-%d-%s" % (os.getpid(), os.urandom(4).hex())
            self.socket.bind("\0" + name)
            self.path = "@" + name
        else:
            self.path = os.path.join(directory, "notify")
            self.socket.bind(self.path)
        self.seen = []

    def next(self, timeout=processes.PATIENCE):
        self.socket.settimeout(timeout)
        self.seen.append(self.socket.recv(4096).decode())
        return self.seen[-1]

    def await_state(self, state):
        """The next message that begins with a state, past all others."""
        deadline = time.monotonic() + processes.PATIENCE
        while time.monotonic() < deadline:
            message = self.next(deadline - time.monotonic())
            if message.startswith(state):
                return message
        raise AssertionError("%s was never told, only %r" % (state,
                                                             self.seen))

    def is_quiet(self, seconds):
        try:
            self.next(seconds)
        except socket.timeout:
            return True
        return False


    def close(self):
        self.socket.close()


@pytest.fixture(params=["path", "abstract"])
def supervisor(request, tmp_path):
    made = Supervisor(str(tmp_path), request.param == "abstract")
    yield made
    made.close()


@pytest.fixture
def plain_supervisor(tmp_path):
    made = Supervisor(str(tmp_path))
    yield made
    made.close()


@pytest.fixture
def host(stage, broker, plex):
    return stage.host("media-01", {"home": plex})


def spawn(stage, host, supervisor, **extra):
    argv = [processes.bin_path("lastcall-worker"), "--config", host.config]
    env = processes.environment(NOTIFY_SOCKET=supervisor.path, **extra)
    return stage.adopt(processes.Process("worker", argv, env=env))


def monotonic_us():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_ready_reloading_ready_stopping(stage, host, supervisor):
    process = spawn(stage, host, supervisor)
    assert supervisor.next() == "READY=1"
    before = monotonic_us()
    process.send(signal.SIGHUP)
    reloading = supervisor.next()
    match = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", reloading)
    assert match, reloading
    assert before <= int(match.group(1)) <= monotonic_us()
    assert supervisor.next() == "READY=1"
    process.send(signal.SIGTERM)
    assert supervisor.next() == "STOPPING=1"
    assert process.wait() == 0


def test_a_refused_reload_is_no_reload(stage, host, plain_supervisor):
    process = spawn(stage, host, plain_supervisor)
    assert plain_supervisor.next() == "READY=1"
    host.write_config("[policy]\nallow = nothing\n")
    process.send(signal.SIGHUP)
    process.await_line("RELOAD-FAIL")
    process.send(signal.SIGTERM)
    assert plain_supervisor.next() == "STOPPING=1"
    assert process.wait() == 0


def test_it_is_not_ready_before_it_is_subscribed(stage, host,
                                                 plain_supervisor):
    stage.broker.stop()
    process = spawn(stage, host, plain_supervisor)
    assert plain_supervisor.is_quiet(1.0)
    assert process.running()
    stage.broker.start()
    assert plain_supervisor.next() == "READY=1"


def test_a_worker_that_is_stopped_before_it_is_ready_ends(stage, host,
                                                          plain_supervisor):
    stage.broker.stop()
    process = spawn(stage, host, plain_supervisor)
    process.await_line("START")
    process.send(signal.SIGINT)
    assert plain_supervisor.next() == "STOPPING=1"
    assert process.wait() == 0


def test_the_watchdog_is_fed_while_the_worker_works(stage, host,
                                                    plain_supervisor):
    process = spawn(stage, host, plain_supervisor,
                    WATCHDOG_USEC=str(WATCHDOG_US))
    plain_supervisor.await_state("READY=1")
    begin = time.monotonic()
    for _ in range(5):
        plain_supervisor.await_state("WATCHDOG=1")
    assert time.monotonic() - begin < 10 * WATCHDOG_US / 1e6
    process.send(signal.SIGTERM)
    plain_supervisor.await_state("STOPPING=1")
    assert process.wait() == 0


@pytest.mark.parametrize("environment", [
    {}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "0"},
    {"WATCHDOG_USEC": str(WATCHDOG_US), "WATCHDOG_PID": "1"}],
    ids=["none", "no number", "zero", "for another process"])
def test_no_watchdog_is_fed_that_is_not_ours(stage, host, plain_supervisor,
                                             environment):
    spawn(stage, host, plain_supervisor, **environment)
    assert plain_supervisor.next() == "READY=1"
    assert plain_supervisor.is_quiet(4 * WATCHDOG_US / 1e6)



def test_the_watchdog_starves_when_the_pipeline_hangs(scene,
                                                      plain_supervisor):
    """A journal on a disk that does not answer: here another program holds
    it for longer than the watchdog waits."""
    scene.worker.stop()
    process = spawn(scene.stage, scene.host, plain_supervisor,
                    WATCHDOG_USEC=str(WATCHDOG_US))
    plain_supervisor.await_state("READY=1")
    plain_supervisor.await_state("WATCHDOG=1")
    with scene.locked_journal():
        scene.alice.send(scene.alice.command("host:media-01",
                                             {"action": "ping"}))
        # The pipeline waits two seconds for the lock: it misses several
        # beats, and then feeds again.
        gaps = []
        last = time.monotonic()
        while not gaps or max(gaps) < 3 * WATCHDOG_US / 1e6:
            plain_supervisor.await_state("WATCHDOG=1")
            gaps.append(time.monotonic() - last)
            last = time.monotonic()
            assert len(gaps) < 100, "the watchdog was fed all the time"
    plain_supervisor.await_state("WATCHDOG=1")
    process.send(signal.SIGTERM)
    plain_supervisor.await_state("STOPPING=1")
    assert process.wait() == 0


def test_a_supervisor_that_went_away_hurts_nobody(stage, host, tmp_path):
    supervisor = Supervisor(str(tmp_path))
    process = spawn(stage, host, supervisor, WATCHDOG_USEC=str(WATCHDOG_US))
    supervisor.await_state("READY=1")
    supervisor.close()
    os.unlink(supervisor.path)
    process.send(signal.SIGHUP)
    process.await_line("RELOADED")
    process.send(signal.SIGTERM)
    assert process.wait() == 0


def test_nothing_of_the_worker_is_readable_by_others(scene):
    for root, directories, files in os.walk(scene.host.state_dir):
        for name in [root] + [os.path.join(root, f) for f in files]:
            assert os.stat(name).st_mode & 0o077 == 0, name


@pytest.mark.parametrize("arguments, says", [
    (["service", "install"], "systemctl enable --now lastcall-worker"),
    (["service", "uninstall"], "systemctl disable --now lastcall-worker"),
    (["--service"], "here it runs without"),
])
def test_what_is_for_windows_says_what_to_do_here(arguments, says):
    done = subprocess.run([processes.bin_path("lastcall-worker"), *arguments],
                          capture_output=True, text=True,
                          timeout=processes.PATIENCE)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""
