"""The processes of a test: started here, awaited, ended by pid, bounded."""

import collections
import errno
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time

PATIENCE = float(os.environ.get("LASTCALL_E2E_PATIENCE", "30"))
END_TIMEOUT = 20.0
LOG_LINES_MAX = 20000

SANITIZER = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|"
    r"runtime error: |SUMMARY: \w+Sanitizer")


def bin_path(name):
    here = os.path.dirname(os.path.abspath(__file__))
    default = os.path.join(here, "..", "..", "build", "dev", "bin")
    return os.path.abspath(os.path.join(
        os.environ.get("LASTCALL_BIN", default), name))


def free_port():
    """A port of the loopback that nobody has: below those that Linux gives to
    whoever connects, which are taken before our program has them, or while it
    is down."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(10000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
    raise AssertionError("no free port")


def environment(**extra):
    """What every program of ours gets: nothing of the caller's settings."""
    keep = ("PATH", "HOME", "LANG", "TMPDIR", "ASAN_SYMBOLIZER_PATH")
    env = {k: os.environ[k] for k in keep if k in os.environ}
    env["ASAN_OPTIONS"] = "exitcode=99:detect_leaks=1"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    env["TSAN_OPTIONS"] = "exitcode=98"
    folder = os.environ.get("LASTCALL_SUPPRESSIONS")
    if folder:
        env["TSAN_OPTIONS"] += f":suppressions={folder}/tsan.suppressions"
        env["LSAN_OPTIONS"] = (f"suppressions={folder}/lsan.suppressions:"
                               "print_suppressions=0")
    env.update({k: v for k, v in extra.items() if v is not None})
    return env


class Process:
    """A child whose output is kept and can be awaited line by line."""

    def __init__(self, name, argv, env=None, cwd=None,
                 stdin=subprocess.DEVNULL):
        self.name = name
        self.argv = argv
        self.lines = collections.deque(maxlen=LOG_LINES_MAX)
        self.line_count = 0
        self._news = threading.Condition()
        self._ended = False
        self.child = subprocess.Popen(
            argv, env=env or environment(), cwd=cwd, text=True,
            errors="replace", stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.child.pid

    def _read(self):
        for line in self.child.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self.line_count += 1
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def output(self):
        with self._news:
            return "\n".join(self.lines)

    def await_line(self, pattern, timeout=None):
        """The match of the first line, old or new, that has the pattern."""
        wanted = re.compile(pattern)
        found = []

        def arrived():
            for line in self.lines:
                match = wanted.search(line)
                if match:
                    found.append(match)
                    return True
            return self._ended

        with self._news:
            self._news.wait_for(arrived, PATIENCE if timeout is None
                                else timeout)
        if not found:
            raise AssertionError("%s never wrote %r; it wrote:\n%s" % (
                self.name, pattern, self.output()[-4000:]))
        return found[0]

    def records(self):
        """The typed lines of -o ndjson among what it wrote."""
        with self._news:
            return [json.loads(line) for line in self.lines
                    if line.startswith("{")]

    def await_record(self, match, timeout=None):
        """The first typed line, old or new, that matches."""
        found = []

        def arrived():
            found[:] = [r for r in self.records() if match(r)]
            return found or self._ended

        with self._news:
            self._news.wait_for(arrived, PATIENCE if timeout is None
                                else timeout)
        assert found, "%s never wrote it; it wrote:\n%s" % (
            self.name, self.output()[-4000:])
        return found[0]

    def running(self):
        return self.child.poll() is None

    def send(self, number):
        self.child.send_signal(number)

    def pause(self):
        """Stop it, and wait until it is: the kernel first has to run one of
        its threads, and on a loaded machine the others go on until then."""
        self.send(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert self.running(), self.output()[-4000:]

    def resume(self):
        self.send(signal.SIGCONT)

    def wait(self, timeout=END_TIMEOUT):
        status = self.child.wait(timeout)
        self._reader.join(timeout)
        return status

    def kill(self):
        """SIGKILL, as a crash would."""
        if self.running():
            self.child.kill()
        self.wait()

    def stop(self, number=signal.SIGTERM, timeout=END_TIMEOUT):
        """End it in order; a process that does not end is a failure."""
        if self.running():
            self.send(number)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.wait()
            raise AssertionError("%s did not end within %g s; it wrote:\n%s"
                                 % (self.name, timeout, self.output()[-4000:]))

    def sanitizer_report(self):
        text = self.output()
        return text if SANITIZER.search(text) else None


class Broker:
    """A mosquitto of its own on a free loopback port."""

    host = "127.0.0.1"

    def __init__(self, directory, *, acl=None, passwords=None, tls=None,
                 persistence=False, extra=()):
        self.directory = directory
        self.passwords = passwords
        self.acl = acl
        self.tls = tls
        self.ca = tls.ca if tls else None
        self.identify = None  # name to (certificate, key), where it wants one
        self.persistence = persistence
        self.extra = extra
        self.port = None
        self.process = None
        self.past = []
        self.start()

    @property
    def uri(self):
        scheme = "mqtts" if self.tls else "mqtt"
        name = "localhost" if self.tls else self.host
        return "%s://%s:%d" % (scheme, name, self.port)

    def _write_config(self):
        lines = ["listener %d %s" % (self.port, self.host),
                 "set_tcp_nodelay true",
                 "log_dest stderr", "log_type all",
                 "max_queued_messages 100000",
                 "allow_anonymous %s" % ("false" if self.passwords
                                         else "true")]
        if os.geteuid() == 0:
            lines.append("user root")
        if self.passwords:
            lines.append("password_file " + self._write_passwords())
        if self.acl:
            path = os.path.join(self.directory, "acl")
            with open(path, "w") as out:
                out.write(self.acl)
            os.chmod(path, 0o600)
            lines.append("acl_file " + path)
        if self.tls:
            lines += ["certfile " + self.tls.cert, "keyfile " + self.tls.key]
        if self.persistence:
            lines += ["persistence true", "autosave_interval 1",
                      "autosave_on_changes true",
                      "persistence_location %s/" % self.directory]
        lines += self.extra
        path = os.path.join(self.directory, "mosquitto.conf")
        with open(path, "w") as out:
            out.write("\n".join(lines) + "\n")
        return path

    def _write_passwords(self):
        path = os.path.join(self.directory, "passwords")
        with open(path, "w") as out:
            for name, password in self.passwords.items():
                out.write("%s:%s\n" % (name, password))
        os.chmod(path, 0o600)
        subprocess.run(["mosquitto_passwd", "-U", path], check=True,
                       timeout=END_TIMEOUT)
        return path

    def start(self):
        """Start, or start again on the same port."""
        chosen = self.port
        for _ in range(5):
            self.port = chosen or free_port()
            config = self._write_config()
            self.process = Process("mosquitto", ["mosquitto", "-c", config])
            try:
                self.process.await_line(r"mosquitto version \S+ running")
                self._await_loop()
                return
            except AssertionError:
                self.process.kill()
                if chosen or "already in use" not in self.process.output():
                    raise
        raise AssertionError("no free port for mosquitto")

    def _await_loop(self):
        """mosquitto forgets a SIGTERM that comes between its word that it
        runs and its first round: await that it accepts somebody."""
        with socket.create_connection((self.host, self.port), END_TIMEOUT):
            self.process.await_line(r"New connection from")

    def kill(self):
        self.process.kill()
        self.past.append(self.process)

    def stop(self):
        if self.process.running():
            self.process.stop()


class Tls:
    """A small certificate authority and a server certificate, by openssl."""

    NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes"]

    def __init__(self, directory):
        self.directory = directory
        self.ca = os.path.join(directory, "ca.pem")
        self._ca_key = os.path.join(directory, "ca.key")
        self._names = os.path.join(directory, "names.ext")
        self._issued = {}
        with open(self._names, "w") as out:
            out.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl("req", "-x509", *self.NEW_KEY, "-days", "2",
                      "-subj", "/CN=test authority", "-keyout",
                      self._ca_key, "-out", self.ca)
        self.cert, self.key = self.issue("localhost")

    def issue(self, name):
        """The certificate of that name and its key: paths, made once."""
        if name not in self._issued:
            cert, key, request = (
                os.path.join(self.directory, "%s.%s" % (name, kind))
                for kind in ("pem", "key", "csr"))
            self._openssl("req", *self.NEW_KEY, "-subj", "/CN=" + name,
                          "-keyout", key, "-out", request)
            self._openssl("x509", "-req", "-in", request, "-CA", self.ca,
                          "-CAkey", self._ca_key, "-CAcreateserial", "-days",
                          "2", "-extfile", self._names, "-out", cert)
            self._issued[name] = cert, key
        return self._issued[name]

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True,
                       capture_output=True, timeout=END_TIMEOUT)


def private_memory_kib(pid):
    """Memory that this process alone has written to.

    Pages of programs and libraries are left out: whether they count as
    private depends on who else is running at that moment."""
    with open("/proc/%d/smaps_rollup" % pid) as rollup:
        for line in rollup:
            if line.startswith("Private_Dirty:"):
                return int(line.split()[1])
    raise AssertionError("the kernel tells no Private_Dirty")


def eventually(condition, what, timeout=None):
    """For conditions of the operating system that nobody announces."""
    deadline = time.monotonic() + (PATIENCE if timeout is None else timeout)
    while not condition():
        assert time.monotonic() < deadline, "never: " + what
        time.sleep(0.02)
