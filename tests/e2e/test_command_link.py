"""`lastcall` and a broker behind TLS that is not what it should be."""

import signal
import socket
import ssl
import threading

import pytest

import processes
import stage as stages
from desk import BROKER, INTERRUPTED, OK

CONNACK = bytes([0x20, 3, 0, 0, 0])
# A QoS 0 message on the topic "t".  Less than 16 KB are one record of TLS; each
# ends within a message, so that who wants whole ones always has to read on.
PUBLISH = bytes([0x30, 5, 0, 1]) + b"t" + bytes([0]) + b"x"
FLOOD = PUBLISH[3:] + PUBLISH * 2000 + PUBLISH[:3]


class Peer(threading.Thread):
    """Listens where a broker should, for one connection."""

    def __init__(self, authority, host="localhost"):
        super().__init__(daemon=True)
        self.listener = socket.create_server((host, 0))
        self.listener.settimeout(processes.PATIENCE)
        self.uri = "mqtts://%s:%d" % (host, self.listener.getsockname()[1])
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.cert, authority.key)
        self.is_at_it = threading.Event()
        self.written = 0
        self.start()

    def run(self):
        link, _ = self.listener.accept()
        link.settimeout(processes.PATIENCE)
        with link:
            try:
                self.serve(link)
            except OSError:
                pass  # the command has left

    def close(self):
        self.listener.close()
        self.join(processes.PATIENCE)
        assert not self.is_alive()


class Silent(Peer):
    """Takes the first word of a handshake and says nothing."""

    def serve(self, link):
        link.recv(1)
        self.is_at_it.set()
        while link.recv(4096):
            pass


class Flood(Peer):
    """Lets everybody in and sends messages without a pause."""

    def serve(self, link):
        with self.context.wrap_socket(link, server_side=True) as inside:
            assert inside.recv(1) == b"\x10"
            inside.sendall(CONNACK + PUBLISH[:3])
            while True:
                inside.sendall(FLOOD)
                self.written += len(FLOOD)
                self.is_at_it.set()


@pytest.fixture(params=[Silent, Flood])
def peer(stage, request):
    stage.start_broker(with_tls=True)
    made = request.param(stage.broker.tls)
    yield made
    made.close()


@pytest.fixture
def operator(stage):
    stage.start_broker(with_tls=True)
    return stage.operator()


def test_a_peer_that_gives_no_answer_costs_no_more_than_the_timeout(
        stage, peer):
    done = stage.operator().run("hosts", "--broker", peer.uri,
                                "--timeout", "2s", timeout=15)
    assert peer.is_at_it.is_set()
    assert done.status == BROKER, done
    assert "could not be reached" in done.err, done


def test_a_peer_that_gives_no_answer_can_be_interrupted(stage, peer):
    running = stage.operator().spawn("hosts", "--broker", peer.uri,
                                     "--timeout", "5m")
    assert peer.is_at_it.wait(processes.PATIENCE)
    running.send(signal.SIGINT)
    assert running.wait(15) == INTERRUPTED


def test_a_broker_by_another_name_is_refused(operator):
    peer = Flood(operator.stage.broker.tls, "127.0.0.2")
    done = operator.run("hosts", "--broker", peer.uri, "--timeout", "2s")
    peer.close()
    assert done.status == BROKER, done
    assert "another name" in done.err, done
    assert peer.written == 0


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_a_refused_connection_is_told(operator, scheme):
    """OpenSSL, which begins at once, takes the system's error for itself; who
    overlooks that does not try the name's next address either."""
    with socket.socket() as bound:  # so that nobody listens there meanwhile
        bound.bind(("127.0.0.1", 0))
        uri = "%s://127.0.0.1:%d" % (scheme, bound.getsockname()[1])
        done = operator.run("hosts", "--broker", uri)
    assert done.status == BROKER, done
    assert "cannot be reached: nobody listens there" in done.err or (
        "cannot be reached: Connection refused" in done.err), done


def test_a_certificate_lets_in(stage):
    """A broker that knows us by our certificate alone."""
    authority = processes.Tls(stage.make_directory("tls"))
    stage.start_broker(tls=authority, extra=[
        "cafile " + authority.ca, "require_certificate true",
        "use_identity_as_username true"])
    operator = stage.operator()
    done = operator.run("hosts", "--timeout", "2s")
    assert done.status == BROKER, done
    done = operator.run("hosts", "--cert", authority.cert,
                        "--cert-key", authority.key)
    assert done.status == OK, done


def test_no_proxy_stands_between(operator):
    """Proxies of the environment are for the web."""
    dead = "http://127.0.0.1:%d" % processes.free_port()
    env = operator.environment()
    for name in ("http_proxy", "https_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        env[name] = dead
    done = stages.run(operator.argv("hosts"), env=env)
    assert done.status == OK, done
