"""lastcall-worker.exe as a Windows service under Wine."""

import hashlib
import os
import shutil
import ssl
import struct
import subprocess
import time

from household import House, Bridge
from processes import Process
from stage import Completed, Worker
from terminal_server import TerminalServer
from windows import Windows
import lastcall_py as py
import processes

SERVICE = "lastcall-worker"
CALL_TIMEOUT = 60.0


PROGRAMS = r"C:\Program Files\Lastcall"
WORKER = PROGRAMS + r"\lastcall-worker.exe"
COMMAND = PROGRAMS + r"\lastcall.exe"
FILES = r"C:\ProgramData\Lastcall"
EVENT_SOURCE = (r"HKLM\SYSTEM\CurrentControlSet\Services\EventLog"
                r"\Application\Lastcall")

SYSTEM = r"C:\windows\system32"
# What a program ends with that Wine could not load.
NOT_LOADED = 53
# So long, the manager is told, may a stop take: SERVICE_STOP_LIMIT_MS.
STOP_LIMIT_S = 20.0

AUTHORITIES = (r"HKLM\Software\Microsoft\SystemCertificates\Root"
               r"\Certificates")
# The properties of a kept certificate: its hash, itself.
CERT_SHA1, CERT_ITSELF = 3, 32


class Wine:
    """A Wine prefix, and its server for as long as it stays."""

    def __init__(self):
        self.runner = os.environ["LASTCALL_WINE_RUN"]
        self.system32 = self.path(SYSTEM)

    @staticmethod
    def path(name):
        """What Wine calls C:\\..., as this machine does."""
        return os.path.join(os.environ["LASTCALL_WINE"], "prefix", "drive_c",
                            *name.split("\\")[1:])

    def wrapper(self, *arguments):
        return subprocess.run([self.runner, *arguments], check=True,
                              timeout=120, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)

    def stay(self):
        """Let Wine's server run in a prefix where nothing ever happened, for
        services: a test that was cut off may have left its own."""
        self.wrapper("--reset")
        shutil.copy(os.environ["LASTCALL_WTSAPI32"], self.system32)
        os.makedirs(self.path(PROGRAMS), exist_ok=True)
        for name in "lastcall-worker.exe", "lastcall.exe":
            shutil.copy(processes.bin_path(name), self.path(PROGRAMS))
        self.wrapper("--stay")

    def end(self):
        self.wrapper("--end")

    def run(self, program, *arguments, status=0):
        """Run a program, named by its whole path: a bare name Wine leaves to
        another program of its own, start.exe, which on a busy machine fails
        now and then and then ends as though it were the one."""
        assert "\\" in program, program
        argv = [self.runner, program, *arguments]
        done = subprocess.run(argv, capture_output=True, text=True,
                              timeout=CALL_TIMEOUT, errors="replace",
                              stdin=subprocess.DEVNULL)
        completed = Completed(argv, done.returncode, done.stdout,
                              done.stderr)
        assert done.returncode != NOT_LOADED, completed
        assert status is None or done.returncode == status, completed
        return completed

    def system(self, name, *arguments, status=0):
        """Run a program that Windows has."""
        return self.run(SYSTEM + "\\" + name, *arguments, status=status)

    def spawn(self, stage, program, *arguments):
        """Start a program without waiting; its output is kept."""
        argv = [self.runner, program, *arguments]
        return stage.adopt(Process(program, argv, env=dict(os.environ)))

    def take(self, directory, name):
        """Copy a folder to that machine; what it is called there."""
        place = "C:\\" + name
        shutil.rmtree(self.path(place), ignore_errors=True)
        shutil.copytree(directory, self.path(place))
        return place

    def sc(self, *arguments, status=0):
        return self.system("sc.exe", *arguments, status=status)

    def trust(self, authority):
        """Put an authority into the machine's store, as Import-Certificate
        does; hands back its key in the registry."""
        with open(authority) as file:
            der = ssl.PEM_cert_to_DER_cert(file.read())
        digest = hashlib.sha1(der).digest()
        kept = b"".join(
            struct.pack("<III", number, 1, len(value)) + value
            for number, value in ((CERT_SHA1, digest), (CERT_ITSELF, der)))
        key = AUTHORITIES + "\\" + digest.hex().upper()
        self.system("reg.exe", "add", key, "/v", "Blob", "/t", "REG_BINARY",
                    "/d", kept.hex(), "/f")
        return key

    def knows(self, service):
        """Is there such a service?"""
        status = self.sc("query", service, status=None).status
        assert status in (0, 1), status
        return status == 0


class WineWorker(Worker):
    """A worker that Windows' service manager started."""

    def __init__(self, stage, host, wine):
        super().__init__(stage, host)
        self.wine = wine
        self.is_installed = False

    def install(self):
        done = self.wine.run(WORKER, "service", "install")
        self.is_installed = True
        return done

    def start(self, *arguments):
        observer = self.stage.observer()
        mark = observer.mark()
        self.install()
        self.wine.sc("start", SERVICE)
        try:
            status = observer.await_status(
                self.host.name,
                lambda s: s["state"] == "online"
                and s["boot_id"] != self.boot_id, after=mark)
        except py.Timeout:
            raise AssertionError("the service never came online: %s\n%s" % (
                self.wine.sc("query", SERVICE, status=None),
                self.wine.run(WORKER, "--check", status=None)))
        self.boot_id = status["boot_id"]
        return self

    def state(self):
        return self.wine.sc("query", SERVICE, status=None).out

    def await_state(self, word):
        processes.eventually(lambda: word in self.state(),
                             "the service is " + word)

    def stop(self):
        """End it in order, within the time that the manager gives it."""
        observer = self.stage.observer()
        mark = observer.mark()
        began = time.monotonic()
        self.wine.sc("stop", SERVICE)
        last = observer.await_status(
            self.host.name, lambda s: s["state"] == "offline"
            and s["boot_id"] == self.boot_id, after=mark)
        self.await_state("STOPPED")
        assert time.monotonic() - began < STOP_LIMIT_S
        return last

    def uninstall(self):
        done = None
        if self.is_installed:
            done = self.wine.run(WORKER, "service", "uninstall")
        self.is_installed = False
        return done


class WineWindows(Windows):
    """The cast with the service under Wine.

    The stand-in finds its file beside itself: a service has no environment
    of the test's."""

    def __init__(self, stage, policy=None, server=None):
        self.wine = Wine()
        self.wine.stay()
        try:
            super().__init__(stage, policy, server)
        except BaseException:
            self.wine.run(WORKER, "service", "uninstall", status=None)
            self.wine.end()
            raise

    def make_machine(self):
        return TerminalServer(self.wine.system32, "wts-standin.txt",
                              "wts-standin.log.jsonl")

    def make_host(self, policy, server):
        """The files of a host in the place where the service looks."""
        host = super().make_host(policy, server)
        place = self.wine.path(FILES)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(host.directory, place)
        for section in host.sections.values():
            for key, path in section.items():
                if not str(path).startswith("/"):
                    continue
                section[key] = os.path.basename(path)
                if os.path.dirname(path) != host.directory:
                    shutil.copy(path, place)
        host.directory, host.config = place, os.path.join(place,
                                                          "worker.conf")
        host.write_config()
        return host

    def make_worker(self):
        return WineWorker(self.stage, self.host, self.wine)

    def close(self):
        """Whoever used the stand-in is gone, and with it every block that it
        ever had."""
        try:
            self.worker.uninstall()
            for last in self.machine.await_last_words():
                assert last["live_allocs"] == last["bad_frees"] == 0, last
            super().close()
        finally:
            self.wine.end()


class WineOperator:
    """An operator with the command on that machine."""

    def __init__(self, windows):
        self.windows = windows
        operator = windows.stage.operator()
        shutil.copy(operator.root, operator.directory)
        shutil.copy(windows.broker.ca, operator.directory)
        place = windows.wine.take(operator.directory, "operator")
        self.flags = ["--broker", windows.broker.uri,
                      "--ca", place + r"\ca.pem",
                      "--key", place + r"\operator.key",
                      "--grant", place + r"\operator.grant",
                      "--root", place + r"\root.pub"]

    def run(self, *arguments, status=0):
        return self.windows.wine.run(COMMAND, *arguments, *self.flags,
                                     status=status)

    def spawn(self, *arguments):
        return self.windows.wine.spawn(self.windows.stage, COMMAND,
                                       *arguments, *self.flags)


class WineBridge(Bridge):
    """`lastcall bridge` on that machine."""

    def start(self):
        self.write_config()
        wine = self.house.windows.wine
        self.process = wine.spawn(
            self.house.stage, COMMAND, "bridge", "--config",
            wine.take(self.directory, "bridge") + r"\bridge.conf")
        return self


class WineHouse(House):
    """A home beside a terminal server's fleet."""

    def __init__(self, windows):
        self.windows = windows
        super().__init__(windows.stage, fleet_broker=windows.broker)

    def bridge(self, name="home", *, buttons, **keys):
        return WineBridge(self, name, permit=None, buttons=buttons, **keys)
