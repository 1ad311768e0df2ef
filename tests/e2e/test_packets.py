"""What the programs say to a broker in their first packets, byte by byte."""

import socket
import struct

import pytest

import processes

CONNECT, CONNACK, SUBSCRIBE = 1, 2, 8
SESSION_EXPIRY, WILL_DELAY = 0x11, 0x18
RECEIVE_MAXIMUM, PACKET_MAXIMUM = 0x21, 0x27
CONTENT_TYPE = 0x03

# The sizes of the properties that may stand in these packets.
SIZES = {0x01: 1, 0x02: 4, SESSION_EXPIRY: 4, 0x17: 1, WILL_DELAY: 4,
         0x19: 1, RECEIVE_MAXIMUM: 2, 0x22: 2, PACKET_MAXIMUM: 4}


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        taken = self.data[self.at:self.at + count]
        assert len(taken) == count, "the packet ends early"
        self.at += count
        return taken

    def number(self, count):
        return int.from_bytes(self.take(count), "big")

    def text(self):
        return self.take(self.number(2))

    def length(self):
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                return value

    def properties(self):
        end = self.length() + self.at
        found = {}
        while self.at < end:
            name = self.length()
            found[name] = (self.number(SIZES[name]) if name in SIZES
                           else self.text())
        return found


class Ear:
    """A broker that says yes once and then only listens."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(processes.PATIENCE)
        self.port = self.listener.getsockname()[1]
        self.uri = "mqtt://127.0.0.1:%d" % self.port
        self.link = None

    def accept(self):
        self.link, _ = self.listener.accept()
        self.link.settimeout(processes.PATIENCE)

    def receive(self, count):
        data = b""
        while len(data) < count:
            piece = self.link.recv(count - len(data))
            assert piece, "the connection was closed"
            data += piece
        return data

    def packet(self):
        first = self.receive(1)[0]
        size = shift = 0
        while True:
            byte = self.receive(1)[0]
            size |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                break
        return first >> 4, first & 0x0f, Reader(self.receive(size))

    def accept_connection(self):
        """Take a CONNECT and agree to it."""
        self.accept()
        kind, _, body = self.packet()
        assert kind == CONNECT
        self.link.sendall(struct.pack("!BBBBB", CONNACK << 4, 3, 0, 0, 0))
        return body

    def close(self):
        self.listener.close()
        if self.link:
            self.link.close()


@pytest.fixture
def ear():
    made = Ear()
    yield made
    made.close()


@pytest.fixture
def worker(stage, broker, plex, ear):
    host = stage.host("media-01", {"home": plex}, groups=["lobby"])
    host.sections["broker"]["uri"] = ear.uri
    host.write_config()
    return stage.worker(host).spawn()


def read_connect(body):
    assert body.text() == b"MQTT" and body.number(1) == 5
    flags = body.number(1)
    keep_alive = body.number(2)
    properties = body.properties()
    client_id = body.text()
    will = None
    if flags & 0x04:
        will = {"properties": body.properties(), "topic": body.text(),
                "payload": body.text(), "retain": bool(flags & 0x20),
                "qos": flags >> 3 & 3}
    return {"clean_start": bool(flags & 0x02), "keep_alive": keep_alive,
            "properties": properties, "client_id": client_id, "will": will}


# holds 1.1, 1.8, 1.9, 1.10, 1.14, 2.10
def test_how_a_worker_connects(worker, ear):
    said = read_connect(ear.accept_connection())
    assert not said["clean_start"] and said["keep_alive"] > 0
    assert said["properties"][SESSION_EXPIRY] == 120
    assert said["properties"][RECEIVE_MAXIMUM] == 16
    # A command of 64 KiB with its topic and properties, and not much more.
    assert 64 < said["properties"][PACKET_MAXIMUM] / 1024 <= 72
    assert b"media-01" in said["client_id"]
    will = said["will"]
    assert will["topic"] == b"lastcall/v1/host/media-01/status"
    assert will["retain"] and will["qos"] == 1
    assert will["properties"][WILL_DELAY] == 15
    assert will["properties"][CONTENT_TYPE] == b"application/jwt"


# holds 7.6
def test_the_will_is_a_signed_offline_status(stage, worker, ear):
    import lastcall_py as py
    will = read_connect(ear.accept_connection())["will"]
    verifier = py.Verifier(stage.fleet.name, stage.fleet.root.public)
    claims = verifier.verify(will["payload"].decode(), py.TYP_STATUS)
    assert claims["iss"] == "host:media-01"
    assert claims["status"]["state"] == "offline"
    assert claims["status"]["boot_id"]


# holds 1.3, 1.7, 3.6, 8.7
def test_what_a_worker_subscribes_to(worker, ear):
    ear.accept_connection()
    wanted = {b"lastcall/v1/all/command", b"lastcall/v1/group/lobby/command",
              b"lastcall/v1/host/media-01/command",
              b"lastcall/v1/all/maintenance/+",
              b"lastcall/v1/group/lobby/maintenance/+",
              b"lastcall/v1/host/media-01/maintenance/+",
              b"lastcall/v1/trust/revoked"}
    options = {}
    while set(options) != wanted:
        kind, _, body = ear.packet()
        if kind != SUBSCRIBE:
            continue
        body.number(2)
        body.properties()
        while body.at < len(body.data):
            topic = body.text()
            options[topic] = body.number(1)
        assert set(options) <= wanted, options
    for topic, bits in options.items():
        assert bits & 0x03 == 1, "QoS 1"
        retain_handling = bits >> 4 & 3
        if topic.endswith(b"/command"):
            assert bits & 0x08, "Retain As Published"
            assert retain_handling == 2, "retained commands are not sent"
        else:
            assert retain_handling == 0, "lists and plans are retained"


# holds 1.10
def test_how_a_controller_connects(stage, broker, ear):
    operator = stage.operator()
    running = operator.spawn("hosts", "--broker", ear.uri, "--timeout", "1s")
    said = read_connect(ear.accept_connection())
    assert said["properties"][RECEIVE_MAXIMUM] == 65535
    assert said["will"] is None
    ear.close()
    assert running.wait() != 0
