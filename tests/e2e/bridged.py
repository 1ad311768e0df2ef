"""Bridged brokers with the configuration that deploy/brokers ships.

A hub, its sites, and between them a relay that the test can cut.  Of the
shipped files only addresses, the site's name and folders are filled in.
"""

import os
import re
import shutil
import socket
import threading

import processes
from processes import Broker, Tls

DEPLOY = os.path.abspath(os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy"))
CHUNK_BYTES = 65536
ETHERNET_SEGMENT = 1460
CONTROLLERS = ("ops", "observer")
EXAMPLE = "#   "  # what an example's lines begin with in a shipped ACL


def shipped(*names):
    with open(os.path.join(DEPLOY, *names)) as file:
        return file.read()


def examples(text):
    """The commented examples of a shipped ACL, as somebody uses them: blocks
    that begin with a user."""
    lines = [line[len(EXAMPLE):] for line in text.splitlines()
             if line.startswith(EXAMPLE)]
    blocks = {}
    for line in lines:
        if line.startswith("user "):
            block = blocks.setdefault(line.split()[1], [])
        block.append(line)
    return blocks


def fill(block, old, new):
    """A block, or some of its lines, for somebody else."""
    return [re.sub(r"(?<![\w-])%s(?![\w-])" % re.escape(old), new, line)
            for line in block]


def hosts_acl(hosts):
    """For brokers that these hosts connect to, all of the group lobby."""
    text = shipped("mosquitto", "lastcall.acl")
    lines = []
    for host in hosts:
        lines += fill(examples(text)["media-01"], "media-01", host)
    return text + "\n".join(lines) + "\n"


def hub_acl(hosts, controllers, sites):
    """sites: the name of each to the names of its hosts."""
    text = hosts_acl(hosts)
    lines = list(examples(text)["root"])
    for name in controllers:
        lines += fill(examples(text)["alice"], "alice", name)
    block = examples(shipped("brokers", "mosquitto-bridge-hub.acl"))["north"]
    each = [line for line in block if "media-11" in line]
    for site, names in sites.items():
        lines += fill([line for line in block if line not in each],
                      "north", site)
        for host in names:
            lines += fill(each, "media-11", host)
    return text + "\n".join(lines) + "\n"


class ShippedBroker(Broker):
    """A mosquitto that runs a shipped file the way Debian's includes it."""

    def __init__(self, directory, tls, config, access, certificate,
                 substitutions=()):
        self.config = config
        self.access = access
        self.certificate = certificate
        self.substitutions = tuple(substitutions)
        self.settings = os.path.join(directory, "lastcall")
        os.mkdir(self.settings, 0o700)
        self.tls_of_all = tls
        self._put_files(tls)
        super().__init__(directory, tls=tls)
        self.identify = tls.issue

    def _put_files(self, tls):
        shutil.copy(tls.ca, os.path.join(self.settings, "ca.pem"))
        for name, pair in (("broker", (tls.cert, tls.key)),
                           ("bridge", tls.issue(self.certificate))):
            for path, kind in zip(pair, ("crt", "key")):
                shutil.copy(path, os.path.join(self.settings,
                                               "%s.%s" % (name, kind)))
        self.write_access(self.access)

    def write_access(self, text):
        self.access = text
        path = os.path.join(self.settings, "lastcall.acl")
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, 0o600)

    def _filled(self):
        text = self.config
        for old, new in (("/etc/mosquitto/lastcall", self.settings),
                         ("listener 8883", "listener %d %s" % (
                             self.port, self.host)), *self.substitutions):
            assert old in text, "the shipped file has no " + old
            text = text.replace(old, new)
        return text

    def _write_config(self):
        included = os.path.join(self.directory, "conf.d")
        os.makedirs(included, exist_ok=True)
        with open(os.path.join(included, "lastcall.conf"), "w") as out:
            out.write(self._filled())
        lines = ["persistence true",
                 "persistence_location %s/" % self.directory,
                 "log_dest stderr", "log_type all"]
        if os.geteuid() == 0:
            lines.append("user root")
        lines.append("include_dir " + included)
        path = os.path.join(self.directory, "mosquitto.conf")
        with open(path, "w") as out:
            out.write("\n".join(lines) + "\n")
        return path


class Relay:
    """A TCP relay to a broker: the line between two, which can be cut."""

    def __init__(self, host, port, receive_bytes=None):
        self.target = host, port
        self.receive_bytes = receive_bytes  # None: what the kernel gives
        self.port = processes.free_port()
        self.forwarded = 0
        self._lock = threading.Condition()
        self._links = set()
        self._listener = None
        self._flowing = threading.Event()
        self.restore()

    def restore(self):
        self._flowing.set()
        if self._listener:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen()
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,),
                         daemon=True).start()

    def cut(self):
        """As if a cable was pulled and both ends noticed."""
        if self._listener:
            self._shut(self._listener)
            self._listener = None
        with self._lock:
            links, self._links = self._links, set()
        for link in links:
            self._shut(link)

    def hold(self):
        """As if a router lost its mind: nothing passes, nobody is told."""
        self._flowing.clear()

    close = cut

    @staticmethod
    def _shut(link):
        try:
            link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        link.close()

    def _reach(self):
        far = socket.socket()
        if self.receive_bytes:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                           self.receive_bytes)
            # Loopback's segments of 64 KiB would be ten of what is sent ahead.
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG,
                           ETHERNET_SEGMENT)
        far.connect(self.target)
        return far

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = self._reach()
            except OSError:
                near.close()
                continue
            with self._lock:
                if listener is not self._listener:
                    self._shut(near)
                    self._shut(far)
                    continue
                self._links |= {near, far}
                self._lock.notify_all()
            for one, other in ((near, far), (far, near)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=(one, other),
                                 daemon=True).start()

    def _pass(self, one, other):
        try:
            while True:
                data = one.recv(CHUNK_BYTES)
                self._flowing.wait()
                if not data:
                    break
                other.sendall(data)
                self.forwarded += len(data)
        except OSError:
            pass
        for link in (one, other):
            self._shut(link)
        with self._lock:
            self._links -= {one, other}


class Site:
    """A site's broker, the names of its hosts, and the way to the hub."""

    def __init__(self, name, hosts, broker, relay):
        self.name = name
        self.hosts = hosts
        self.broker = broker
        self.relay = relay


class Brokers:
    """A hub and its sites; `stage.broker` is the hub."""

    def __init__(self, stage, hosts, sites, more_access=""):
        self.stage = stage
        self.tls = Tls(stage.make_directory("certificates"))
        self.hub = self._broker(
            "hub", shipped("brokers", "mosquitto-bridge-hub.conf"),
            hub_acl(hosts, CONTROLLERS, sites) + more_access, "unused")
        self.sites = {name: self._site(name, hosts)
                      for name, hosts in sites.items()}
        stage.broker = self.hub

    def _broker(self, name, config, access, certificate, substitutions=()):
        broker = ShippedBroker(
            self.stage.make_directory("broker-" + name), self.tls, config,
            access, certificate, substitutions)
        self.stage.brokers.append(broker)
        return broker

    def _site(self, name, hosts):
        relay = Relay(self.hub.host, self.hub.port)
        self.stage.clients.append(relay)
        broker = self._broker(
            name, shipped("brokers", "mosquitto-bridge-site.conf"),
            hosts_acl(hosts), name,
            [("north", name),
             ("address hub.example:8883", "address 127.0.0.1:%d"
              % relay.port)])
        # Until the last of its subscriptions holds, what is published at the
        # hub is not for it.
        self.hub.process.await_line(name + r"-orders 1 \S+/trust/revoked")
        return Site(name, hosts, broker, relay)

    def host(self, site, name, servers, **options):
        """The files of a host at a site, or with None at the hub."""
        self.stage.broker = site.broker if site else self.hub
        try:
            return self.stage.host(name, servers, **options)
        finally:
            self.stage.broker = self.hub
