"""The harness itself: a verifier that believes everything proves nothing."""

import ssl
import sys
import time

import pytest

import lastcall_py as py
import processes


@pytest.fixture
def answered():
    """A command, a right answer to it, and who gave it."""
    fleet = py.Fleet()
    alice = fleet.controller("alice")
    host = fleet.host("media-01")
    command = py.make_command(fleet, alice, "host:media-01",
                              {"action": "ping"})
    return fleet, command, host


def answer(fleet, command, host, *, key=None, grant=None, **claims):
    body = {"iss": host.subject, "iat": int(time.time()),
            "jti": py.fresh_id(), "aud": command.party.subject,
            "request_id": command.jti,
            "request_hash": py.token_hash(command.token),
            "result": {"success": True}}
    body.update(claims)
    return (key or host.key).sign(py.TYP_RESULT, body, grant or host.grant)


def test_a_right_result_is_believed(answered):
    fleet, command, host = answered
    verifier = py.Verifier(fleet.name, fleet.root.public)
    claims = verifier.verify_result(answer(*answered), command, host.name)
    assert claims["result"] == {"success": True}


@pytest.mark.parametrize("wrong", [
    {"iss": "host:media-02"}, {"aud": "controller:bob"},
    {"request_id": "another-request-id"}, {"request_hash": "x" * 43},
    {"iat": "now"}])
def test_a_result_with_a_wrong_claim_is_refused(answered, wrong):
    fleet, command, host = answered
    verifier = py.Verifier(fleet.name, fleet.root.public)
    with pytest.raises(py.Refused):
        verifier.verify_result(answer(*answered, **wrong), command,
                               host.name)


def test_a_result_that_another_key_signed_is_refused(answered):
    fleet, command, host = answered
    other = py.Fleet().host("media-01")
    verifier = py.Verifier(fleet.name, fleet.root.public)
    for forged in (answer(*answered, key=other.key),
                   answer(*answered, key=other.key, grant=other.grant)):
        with pytest.raises(py.Refused):
            verifier.verify_result(forged, command, host.name)


def test_a_revoked_key_is_refused(answered):
    fleet, command, host = answered
    verifier = py.Verifier(fleet.name, fleet.root.public)
    verifier.revocation(fleet.revocation(
        {host.key.thumbprint: int(time.time()) + 5}))
    with pytest.raises(py.Refused):
        verifier.verify_result(answer(*answered), command, host.name)


def test_jwcrypto_refuses_what_pyjwt_refuses(answered):
    token = answer(*answered)
    head, body, signature = token.split(".")
    claims = py.read_parts(token)[1]
    py.verify_with_jwcrypto(token, claims)
    altered = py.b64url(py.unb64url(body).replace(b"true", b"null"))
    with pytest.raises(Exception):
        py.verify_with_jwcrypto(".".join((head, altered, signature)), claims)
    with pytest.raises(py.Refused):
        py.verify_with_jwcrypto(token, {**claims, "iat": 0})


def test_the_broker_keeps_the_order_of_one_publisher(stage, broker):
    alice = stage.controller("alice")
    alice.subscribe("order/#")
    mark = alice.mark()
    for number in range(50):
        alice.publish("order/%d" % (number % 3), str(number), wait=False)
    alice.await_message(lambda m: m.payload == b"49", "the last", mark)
    assert [int(m.payload) for m in alice.since(mark)] == list(range(50))


def test_a_tls_broker_is_reached_with_its_authority(stage):
    stage.start_broker(with_tls=True)
    assert stage.broker.uri.startswith("mqtts://localhost:")
    stage.controller("alice")


def test_a_client_outlives_a_tls_connection_that_breaks_as_it_sends(stage):
    broker = stage.start_broker(with_tls=True)
    alice = stage.controller("alice")
    returns = alice.returns()
    real = alice.mqtt._sock

    class Broken:
        """The connection of a broker that was killed: what is sent fails."""

        def __getattr__(self, name):
            return getattr(real, name)

        def fileno(self):
            return real.fileno()

        def send(self, data):
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF occurred")

    alice.mqtt._sock = Broken()
    alice.publish("a/topic", b"sent again once it is back")
    alice.await_return(returns)
    assert broker.process.running()


def test_a_sanitizer_report_is_noticed():
    for text in ("==1==ERROR: AddressSanitizer: heap-use-after-free",
                 "WARNING: ThreadSanitizer: data race",
                 "ERROR: LeakSanitizer: detected memory leaks",
                 "x.c:1:2: runtime error: signed integer overflow"):
        process = processes.Process("fake", [
            sys.executable, "-c", "print(%r)" % text])
        assert process.wait() == 0
        assert process.sanitizer_report()
    process = processes.Process("fake", [sys.executable, "-c", "print(1)"])
    process.wait()
    assert process.sanitizer_report() is None


def test_what_does_not_come_is_told(stage, broker):
    alice = stage.controller("alice")
    with pytest.raises(py.Timeout):
        alice.await_message(lambda m: True, "anything", timeout=0.05)


def test_the_stand_in_records_and_waits(plex):
    import http.client
    plex.play("one", react="noeffect")
    plex.play("two")
    assert plex.listed() == ["one", "two"]
    link = http.client.HTTPConnection("127.0.0.1", plex.port, timeout=10)
    for session_id in ("one", "two"):
        link.request("GET", "/status/sessions/terminate?sessionId=%s"
                     "&reason=a%%26b" % session_id, None,
                     {"X-Plex-Token": plex.token})
        answer = link.getresponse()
        answer.read()
        assert answer.status == 200
    plex.await_terminates(2)
    assert plex.terminated() == ["one", "two"]
    assert [t.reason for t in plex.terminates()] == [b"a&b"] * 2
    assert plex.listed() == ["one"]
    assert plex.counters()["connections"] == 1
    link.close()
