"""The program: command line, how it ends, TLS."""

import json
import signal
import ssl
import subprocess
import time
import urllib.request

import pytest
from client import OWNER, PROGRAM, SAMPLES, TIMEOUT_S, Standin


def test_first_values_come_from_the_command_line():
    plex = Standin("--token", OWNER, "--token", "second", "--dialect", "b",
                   "--profile", "unclaimed", "--no-pass", "--generate", "2",
                   "--samples", SAMPLES / "sessions-mixed.json",
                   "--samples", SAMPLES / "sessions-edge-cases.json")
    assert len(plex.items(token="second")) == 11
    options = plex.order("GET", "/options")
    assert options["dialect"] == "b" and options["pass"] is False
    assert options["profile"] == "unclaimed"
    assert plex.stop() == 0


def test_without_a_token_option_there_is_one():
    plex = Standin("--no-log")
    assert plex.ask("/", token="owner-token").status == 200
    assert plex.ask("/", token="").status == 401
    assert plex.order("GET", "/log") == []
    assert plex.order("GET", "/counters")["requests"] == 2
    assert plex.stop() == 0


@pytest.mark.parametrize("arguments", [
    ["--nonsense"], ["stray"], ["--port", "70000"], ["--scale", "fast"],
    ["--samples", "/nonexistent"], ["--dialect", "c"], ["--lifetime", "x"],
    ["--tls", "/nonexistent"], ["--tls", "/nonexistent", "/nonexistent"]])
def test_a_bad_command_line_is_refused(arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True,
                          timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1
    assert done.stdout == b"" and done.stderr != b""


def test_a_port_that_is_taken_is_refused():
    plex = Standin()
    done = subprocess.run([PROGRAM, "--port", str(plex.port)],
                          capture_output=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert plex.stop() == 0


def test_it_ends_with_its_lifetime():
    started = time.monotonic()
    done = subprocess.run([PROGRAM, "--lifetime", "1"], capture_output=True,
                          timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0
    assert 0.9 < time.monotonic() - started < 5


def test_it_ends_with_stdin_though_a_request_hangs():
    plex = Standin("--token", OWNER)
    plex.fault("hang", path="/identity")
    connection = plex.connect()
    connection.request("GET", "/identity")
    plex.order("GET", "/wait?requests=1")
    plex.process.stdin.close()
    assert plex.process.wait(TIMEOUT_S) == 0
    connection.close()
    plex.process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_a_signal(number):
    plex = Standin()
    plex.process.send_signal(number)
    assert plex.process.wait(TIMEOUT_S) == 0
    plex.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True, timeout=TIMEOUT_S)
    return folder / "cert.pem", folder / "key.pem"


def identity_over_tls(plex, cert):
    context = ssl.create_default_context(cafile=cert)
    request = urllib.request.Request(
        "https://localhost:%d/identity" % plex.port,
        headers={"Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S,
                                context=context) as answer:
        return json.load(answer)


def test_tls(certificate):
    cert, key = certificate
    plex = Standin("--tls", cert, key)
    assert identity_over_tls(plex, cert)["MediaContainer"]["claimed"] is True
    plex.fault("reset", path="/identity")
    with pytest.raises(ConnectionResetError):
        identity_over_tls(plex, cert)
    plex.order("POST", "/lifecycle", {"state": "abort"})
    with pytest.raises(OSError):
        identity_over_tls(plex, cert)
    assert plex.stop() == 0


def test_an_old_tls_alone_is_refused_by_a_modern_client(certificate):
    cert, key = certificate
    plex = Standin("--tls", cert, key, "--tls-priorities",
                   "NORMAL:-VERS-ALL:+VERS-TLS1.0")
    with pytest.raises(OSError, match="SSL"):
        identity_over_tls(plex, cert)
    assert plex.stop() == 0
