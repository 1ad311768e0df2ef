"""A stage for one test: a fleet, a broker, servers, workers, controllers.

Whatever a test starts here is ended when the test ends, and what a sanitizer
had to say fails the test.
"""

import json
import os
import signal
import subprocess

import lastcall_py as py
import processes
from processes import Broker, Process, Tls
from standin import Standin
from terminal_server import TerminalServer

COMMAND_TIMEOUT = 2 * processes.PATIENCE

# The two patterns of section 1, and what both kinds of client read besides.
ACL_PATTERNS = """\
pattern readwrite lastcall/v1/host/%u/#
pattern read lastcall/v1/host/+/result/%u/+
pattern read lastcall/v1/all/#
pattern read lastcall/v1/group/#
pattern read lastcall/v1/trust/revoked
"""
ACL_CONTROLLER = """\
user %s
topic write lastcall/v1/all/command
topic write lastcall/v1/group/+/command
topic write lastcall/v1/host/+/command
topic readwrite lastcall/v1/all/maintenance/+
topic readwrite lastcall/v1/group/+/maintenance/+
topic readwrite lastcall/v1/host/+/maintenance/+
topic read lastcall/v1/host/+/status
topic read lastcall/v1/host/+/sessions/+
topic read lastcall/v1/host/+/event/+
topic read lastcall/v1/trust/revoked
"""


def acl(*controllers):
    """An access list for mosquitto: hosts need no line of their own."""
    return "".join(ACL_CONTROLLER % name
                   for name in controllers) + ACL_PATTERNS


def write_file(path, data, mode=0o644):
    if isinstance(data, str):
        data = data.encode()
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, mode)
    return path


class Completed:
    """What a run of a program left."""

    def __init__(self, argv, status, out, err):
        self.argv = argv
        self.status = status
        self.out = out
        self.err = err

    def json(self):
        return json.loads(self.out)

    def ndjson(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return "%s\nexit %s\nstdout:\n%s\nstderr:\n%s" % (
            " ".join(self.argv), self.status, self.out, self.err)


class Host:
    """The files of one host: keys, grant, worker.conf."""

    def __init__(self, stage, name, party, directory):
        self.stage = stage
        self.name = name
        self.party = party
        self.directory = directory
        self.config = os.path.join(directory, "worker.conf")
        self.state_dir = os.path.join(directory, "state")
        self.sections = {}
        self.servers = {}
        self.program = "lastcall-worker"
        self.environment = {}

    def path(self, name):
        return os.path.join(self.directory, name)

    def write_config(self, extra=""):
        lines = []
        for section, keys in self.sections.items():
            lines.append("[%s]" % section)
            lines += ["%s = %s" % item for item in keys.items()]
        for label, keys in self.servers.items():
            lines.append('[server "%s"]' % label)
            lines += ["%s = %s" % item for item in keys.items()]
        write_file(self.config, "\n".join(lines) + "\n" + extra)


class Worker:
    """A lastcall-worker process of a host."""

    def __init__(self, stage, host):
        self.stage = stage
        self.host = host
        self.process = None
        self.boot_id = None

    @property
    def pid(self):
        return self.process.pid

    def spawn(self, *arguments):
        """Start it without waiting for anything."""
        argv = [processes.bin_path(self.host.program), "--config",
                self.host.config, "--log-level", "debug", *arguments]
        self.process = self.stage.adopt(
            Process("worker " + self.host.name, argv,
                    env=processes.environment(**self.host.environment)))
        return self

    def start(self, *arguments):
        """Start it and await its retained status: it is published after
        every subscription was granted."""
        observer = self.stage.observer()
        mark = observer.mark()
        self.spawn(*arguments)
        try:
            status = observer.await_status(
                self.host.name,
                lambda s: s["state"] == "online"
                and s["boot_id"] != self.boot_id, after=mark)
        except py.Timeout:
            raise AssertionError("worker never came online; it wrote:\n"
                                 + self.process.output()[-6000:])
        self.boot_id = status["boot_id"]
        return self

    def kill(self):
        self.process.kill()

    def stop(self):
        """End it in order; hands back the status it leaves behind."""
        observer = self.stage.observer()
        mark = observer.mark()
        status = self.process.stop()
        assert status == 0, "worker ended with %s:\n%s" % (
            status, self.process.output()[-4000:])
        return observer.await_status(
            self.host.name, lambda s: s["state"] == "offline"
            and s["boot_id"] == self.boot_id, after=mark)

    def reload(self):
        self.process.send(signal.SIGHUP)


class Stage:
    def __init__(self, directory):
        self.directory = str(directory)
        self.fleet = py.Fleet()
        self.children = []
        self.clients = []
        self.brokers = []
        self.standins = []
        self.terminal_servers = 0
        self.broker = None
        self._observer = None
        self._observers = {}
        write_file(self.path("root.pub"), self.fleet.root.public_pem())
        write_file(self.path("root.key"), self.fleet.root.private_pem(),
                   0o600)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def make_directory(self, name):
        path = self.path(name)
        os.mkdir(path, 0o700)
        return path

    def adopt(self, process):
        self.children.append(process)
        return process

    # Parts.

    def start_broker(self, **options):
        directory = self.make_directory("broker%d" % len(self.brokers))
        if options.pop("with_tls", False):
            options["tls"] = Tls(directory)
        self.broker = Broker(directory, **options)
        self.brokers.append(self.broker)
        return self.broker

    def standin(self, **options):
        server = Standin(self.make_directory("plex%d" % len(self.standins)),
                         **options)
        self.adopt(server.process)
        self.standins.append(server)
        return server

    def terminal_server(self):
        self.terminal_servers += 1
        return TerminalServer(self.make_directory(
            "wts%d" % self.terminal_servers))

    def _connect(self, client):
        client.connect(self.broker)
        self.clients.append(client)
        return client

    def observer(self):
        """One controller for each broker that only watches."""
        if self.broker not in self._observers:
            party = self.fleet.controller("observer")
            self._observers[self.broker] = self._connect(
                py.Controller(self.fleet, party, processes.PATIENCE))
        return self._observers[self.broker]

    def controller(self, name="alice", permit=None, fleet=None, **options):
        fleet = fleet or self.fleet
        return self.controller_of(fleet.controller(name, permit, **options))

    def controller_of(self, party, **options):
        """A fresh connection of somebody who has a key and a grant."""
        return self._connect(py.Controller(self.fleet, party,
                                           processes.PATIENCE, **options))

    def host(self, name="media-01", servers=None, *, groups=(), worker=None,
             broker=None, policy=None):
        """Write the files of a host; servers: name to Standin or keys."""
        party = self.fleet.host(name, groups)
        host = Host(self, name, party, self.make_directory(name))
        write_file(host.path("host.key"), party.key.private_pem(), 0o600)
        write_file(host.path("host.grant"), party.grant + "\n")
        host.sections["worker"] = {
            "host": name, "fleet": self.fleet.name,
            "state_dir": host.state_dir, "key": host.path("host.key"),
            "grant": host.path("host.grant"), "root": self.path("root.pub"),
            **(worker or {})}
        host.sections["broker"] = {"uri": self.broker.uri, **(broker or {})}
        if self.broker.passwords:
            write_file(host.path("broker.password"),
                       self.broker.passwords[name] + "\n", 0o600)
            host.sections["broker"].update(
                username=name, password_file=host.path("broker.password"))
        if self.broker.ca:
            host.sections["broker"]["ca"] = self.broker.ca
        if self.broker.identify:
            cert, key = self.broker.identify(name)
            host.sections["broker"].update(cert=cert, cert_key=key)
        if policy:
            host.sections["policy"] = policy
        for label, server in (servers or {}).items():
            host.servers[label] = self.server_keys(host, label, server)
        host.write_config()
        return host

    def server_keys(self, host, label, server):
        """The keys of one server; a tuple has a test's own besides."""
        server, more = server if isinstance(server, tuple) else (server, {})
        keys = {"backend": "plex", "sessions_interval": "1s",
                "timeout": "5s"}
        if isinstance(server, TerminalServer):
            host.program = "lastcall-worker-standin"
            host.environment = server.environment
            keys["backend"] = "wts"
        else:
            keys.update(url=server.url, token_file=write_file(
                host.path(label + ".token"), server.token + "\n", 0o600))
        return {**keys, **more}

    def worker(self, host):
        return Worker(self, host)

    # The command.

    def operator(self, name="ops", permit=None):
        """The files of an operator, for the command `lastcall`."""
        party = self.fleet.controller(name, permit)
        directory = self.make_directory("operator-" + name)
        operator = Operator(self, party, directory)
        return operator

    # The end.

    def reports(self):
        """What a sanitizer wrote, process by process."""
        found = []
        for process in self.children:
            text = process.sanitizer_report()
            if text:
                found.append("%s: %s" % (process.name, text))
        return found

    def logs(self):
        every = list(self.children)
        for broker in self.brokers:
            every += broker.past + [broker.process]
        return [(p.name, p.output()) for p in every]

    def close(self):
        problems = []
        for process in reversed(self.children):
            try:
                process.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        for client in self.clients:
            client.close()
        for broker in self.brokers:
            broker.stop()
        problems += self.reports()
        assert not problems, "\n\n".join(problems)


class Operator:
    """Runs `lastcall` with keys and broker set by flags."""

    def __init__(self, stage, party, directory):
        self.stage = stage
        self.party = party
        self.directory = directory
        self.key = write_file(os.path.join(directory, "operator.key"),
                              party.key.private_pem(), 0o600)
        self.grant = write_file(os.path.join(directory, "operator.grant"),
                                party.grant + "\n")
        self.root = stage.path("root.pub")

    def settings(self):
        """The flags that every run gets, by name."""
        broker = self.stage.broker
        flags = {"--broker": broker.uri, "--fleet": self.stage.fleet.name,
                 "--key": self.key, "--grant": self.grant,
                 "--root": self.root}
        if broker.ca:
            flags["--ca"] = broker.ca
        if broker.identify:
            flags["--cert"], flags["--cert-key"] = broker.identify(
                self.party.name)
        if broker.passwords:
            path = os.path.join(self.directory, "password")
            if not os.path.exists(path):
                write_file(path, broker.passwords[self.party.name] + "\n",
                           0o600)
            flags.update({"--username": self.party.name,
                          "--password-file": path})
        return flags

    def argv(self, *arguments):
        """The command line; what a test says itself is not said twice."""
        argv = [processes.bin_path("lastcall"), *arguments]
        for name, value in self.settings().items():
            if name not in arguments:
                argv += [name, value]
        return argv

    def environment(self):
        return processes.environment(HOME=self.directory,
                                     XDG_CONFIG_HOME=self.directory)

    def run(self, *arguments, stdin="", timeout=COMMAND_TIMEOUT):
        return run(self.argv(*arguments), stdin=stdin, timeout=timeout,
                   env=self.environment())

    def spawn(self, *arguments):
        """Start it without waiting; its output is kept."""
        return self.stage.adopt(Process("lastcall", self.argv(*arguments),
                                        env=self.environment()))


def run(argv, *, stdin="", timeout=COMMAND_TIMEOUT, env=None):
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True,
                          timeout=timeout, env=env or
                          processes.environment())
    completed = Completed(argv, done.returncode, done.stdout, done.stderr)
    assert not processes.SANITIZER.search(done.stderr), completed
    assert done.returncode not in (98, 99), completed
    return completed


def lastcall(*arguments, **options):
    """Run `lastcall` with nothing but these arguments."""
    return run([processes.bin_path("lastcall"), *arguments], **options)
