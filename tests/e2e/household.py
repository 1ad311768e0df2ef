"""A household: a fleet on its own broker, a home's broker with the access list
that is shipped, Home Assistant on it, and `lastcall bridge` in between."""

import os
import shutil
import signal

import lastcall_py as py
import processes
from home_assistant import HomeAssistant
from processes import Process
from stage import write_file

ROOT = os.path.abspath(os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SHIPPED = os.path.join(ROOT, "deploy", "home-assistant")
HOME_USERS = ("homeassistant", "lastcall-bridge", "node-red", "watcher")
WATCHER_ACL = "\nuser watcher\ntopic readwrite #\n"

# Every button of this kind stops whatever plays on the host.
STOP = {"name": "Stop all", "target": "host:*", "action": "stop",
        "every": "yes", "reason": "It is bedtime.", "min_interval": "1s"}


def shipped(name):
    with open(os.path.join(SHIPPED, name)) as file:
        return file.read()


def home_acl(fleets):
    """The shipped one, for each of the fleets."""
    whole = shipped("lastcall-home.acl")
    return "\n".join([whole] + [whole.replace("lastcall/ha", name + "/ha")
                                for name in fleets]) + WATCHER_ACL


class Bridge:
    """A `lastcall bridge` process and its configuration."""

    def __init__(self, house, name, *, permit, buttons, fleet=None, **keys):
        self.house = house
        self.fleet = fleet or house.fleet
        self.party = self.fleet.controller(name, permit)
        self.directory = house.stage.make_directory("bridge-" + name)
        self.config = os.path.join(self.directory, "bridge.conf")
        self.keys = {"quiet": "0s", **keys}
        self.buttons = buttons
        self.process = None
        self.write("bridge.key", self.party.key.private_pem(), 0o600)
        self.write("bridge.grant", self.party.grant + "\n")
        self.write("root.key.pub", self.fleet.root.public_pem())
        self.write("home.password", "pw-lastcall-bridge\n", 0o600)

    def write(self, name, data, mode=0o644):
        return write_file(os.path.join(self.directory, name), data, mode)

    def write_config(self):
        sections = {
            "controller": {"fleet": self.fleet.name, "key": "bridge.key",
                           "grant": "bridge.grant", "root": "root.key.pub"},
            "broker": {"uri": self.house.fleet_broker.uri},
            "bridge": {"broker": self.house.home_broker.uri,
                       "username": "lastcall-bridge",
                       "password_file": "home.password", **self.keys}}
        for label, keys in self.buttons.items():
            sections['button "%s"' % label] = keys
        if self.house.fleet_broker.ca:
            shutil.copy(self.house.fleet_broker.ca, self.directory)
            sections["broker"]["ca"] = "ca.pem"
        lines = []
        for section, keys in sections.items():
            lines.append("[%s]" % section)
            lines += ["%s = %s" % item for item in keys.items()]
        self.write("bridge.conf", "\n".join(lines) + "\n")

    def start(self):
        self.write_config()
        self.process = self.house.stage.adopt(Process(
            "bridge", [processes.bin_path("lastcall"), "bridge", "--config",
                       self.config],
            env=processes.environment(
                HOME=self.directory, XDG_CONFIG_HOME=self.directory,
                XDG_STATE_HOME=self.directory)))
        return self

    def restart(self):
        self.process.stop()
        return self.start()

    def reload(self, outcome="RELOADED", write=True):
        """SIGHUP; wait for what the bridge says of it."""
        count = self.process.output().count(outcome)
        if write:
            self.write_config()
        self.process.send(signal.SIGHUP)
        processes.eventually(
            lambda: self.process.output().count(outcome) > count, outcome)

    def kill(self):
        self.process.kill()


class House:
    def __init__(self, stage, more_fleets=(), fleet_broker=None, **options):
        """fleet_broker: one that is there; else `options` are those of its."""
        self.stage = stage
        self.fleet = stage.fleet
        self.home_broker = stage.start_broker(
            acl=home_acl(more_fleets),
            passwords={user: "pw-" + user for user in HOME_USERS})
        self.fleet_broker = fleet_broker or stage.start_broker(**options)
        stage.broker = self.fleet_broker
        self.hosts = {}
        self.workers = {}
        self.watcher = self.client("watcher")
        self.watcher.subscribe("#")

    def client(self, user):
        """Somebody on the home's broker."""
        client = py.Client(patience=processes.PATIENCE)
        client.mqtt.username_pw_set(user, "pw-" + user)
        client.connect(self.home_broker)
        self.stage.clients.append(client)
        return client

    def home_assistant(self, **options):
        home = HomeAssistant(processes.PATIENCE,
                             password="pw-homeassistant")
        self.stage.clients.append(home)
        return home.start(self.home_broker, **options)

    def problems(self):
        return [problem for client in self.stage.clients
                if isinstance(client, HomeAssistant)
                for problem in client.problems]

    def host(self, name="media-01", groups=("lobby",), server="home"):
        """A worker beside a Plex server of its own; hands back the latter."""
        plex = self.stage.standin()
        host = self.stage.host(name, {server: plex}, groups=groups)
        self.hosts[name] = host
        self.workers[name] = self.stage.worker(host).start()
        return plex

    def bridge(self, name="home", *, permit=None, buttons=None, **keys):
        return Bridge(self, name, permit=permit,
                      buttons={"stop": STOP} if buttons is None else buttons,
                      **keys)

    def topic(self, *parts, fleet=None):
        return "/".join((fleet or self.fleet.name, "ha") + parts)

    def config_topic(self, host=None, fleet=None):
        name = "lastcall_" + (fleet or self.fleet.name)
        if host:
            name += "_" + host
        return "homeassistant/device/%s/config" % name

    def retained(self):
        """What the home's broker has retained: topic to payload."""
        late = self.client("watcher")
        late.subscribe("#")
        end = "test/end/%s" % py.fresh_id()
        late.publish(end, "x")
        late.await_message(lambda m: m.topic == end, "the end")
        found = {m.topic: m.payload for m in late.since(0)
                 if m.retain and m.payload}
        late.close()
        self.stage.clients.remove(late)
        return found


def entity(kind, what, host="media-01"):
    """An entity's id as Home Assistant has it."""
    return "%s.lastcall_%s_%s" % (kind, host.replace("-", "_"), what)


COUNT = entity("sensor", "sessions_home")
SERVER = entity("binary_sensor", "reachable_home")
WORKER = entity("binary_sensor", "worker")
SESSION = entity("event", "event")
RESULT = entity("event", "result")
BUTTON = entity("button", "stop")
LINK = "binary_sensor.lastcall_bridge"
SUMMARY = "event.lastcall_result"


def await_plays(house, plex, *ids):
    """Start playbacks; wait until Home Assistant counts them."""
    for session_id in ids:
        plex.play(session_id)
    house.ha.await_state(COUNT, str(len(ids)))
