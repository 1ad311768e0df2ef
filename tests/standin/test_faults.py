"""Each fault, seen from a socket, and the rules that choose requests."""

import http.client
import io
import json
import socket
import threading
import time

import pytest
from client import OWNER, SHARED, TIMEOUT_S

LIST = "/status/sessions"
TERMINATE = "/status/sessions/terminate"
ENDED = (http.client.RemoteDisconnected, http.client.IncompleteRead,
         ConnectionError)


def raw(plex, path=LIST):
    """Ask, and have the socket to read what comes byte by byte."""
    stream = socket.create_connection(("127.0.0.1", plex.port), TIMEOUT_S)
    stream.sendall(("GET %s HTTP/1.1\r\nHost: localhost\r\n"
                    "Accept: application/json\r\n"
                    "X-Plex-Token: %s\r\n\r\n" % (path, OWNER)).encode())
    return stream


def read_to_end(stream):
    data = b""
    try:
        while block := stream.recv(65536):
            data += block
        return data, "end"
    except ConnectionResetError:
        return data, "reset"
    except TimeoutError:
        return data, "silence"


def parts(data):
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.partition(b"\r\n")[2] + b"\r\n\r\n"
    return http.client.parse_headers(io.BytesIO(lines)), body


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 429, 500, 502,
                                    503, 504])
def test_status(plex, status):
    plex.fault("status", status=status, retry_after="7")
    answer = plex.ask(LIST)
    assert answer.status == status
    assert answer.headers["Retry-After"] == "7"
    assert answer.headers["Content-Type"] == \
        ("application/xml" if status == 503 else "text/html")
    assert plex.ask(LIST).status == 200


@pytest.mark.parametrize("body, start", [
    ("html", b"<html>"), ("xml", b"<?xml"), ("json", b"{"), ("empty", b"")])
def test_status_bodies(plex, body, start):
    plex.fault("status", status=500, body=body)
    answer = plex.ask(LIST)
    assert answer.body.startswith(start)
    assert (answer.body == b"") is (body == "empty")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect(plex, status):
    plex.fault("redirect", status=status, location="http://127.0.0.2:1/x")
    answer = plex.ask(LIST)
    assert answer.status == status
    assert answer.headers["Location"] == "http://127.0.0.2:1/x"


def test_any_body(plex):
    plex.fault("body", status=203, type="application/x-odd", text="a",
               hex="00ff62", headers={"Content-Encoding": "gzip"})
    answer = plex.ask(LIST)
    assert (answer.status, answer.body) == (203, b"a\x00\xffb")
    assert answer.headers["Content-Type"] == "application/x-odd"
    assert answer.headers["Content-Encoding"] == "gzip"


def test_reset_before_a_byte(plex):
    plex.fault("reset")
    assert read_to_end(raw(plex)) == (b"", "reset")
    assert plex.order("GET", "/log")[0]["status"] == 0


def test_empty_reply(plex):
    plex.fault("empty_reply")
    assert read_to_end(raw(plex)) == (b"", "end")


def test_hang_ends_when_the_rules_go(plex):
    plex.fault("hang")
    with raw(plex) as stream:
        plex.order("GET", "/wait?requests=1")
        stream.settimeout(0.05)
        assert read_to_end(stream) == (b"", "silence")
        plex.order("DELETE", "/faults")
        stream.settimeout(TIMEOUT_S)
        assert read_to_end(stream) == (b"", "end")


def test_delay(plex):
    plex.fault("delay", ms=20000)  # 200 ms by --scale
    started = time.monotonic()
    assert plex.ask(LIST).status == 200
    assert 0.2 <= time.monotonic() - started < 2


def test_a_delay_outlives_its_rule(plex):
    plex.fault("delay", ms=10000)
    with raw(plex) as stream:
        plex.order("GET", "/wait?requests=1")
        plex.order("DELETE", "/faults")
        assert stream.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_dribble(plex):
    plex.fault("dribble", ms=500, bytes=3)
    started = time.monotonic()
    assert plex.items() == []
    assert time.monotonic() - started >= 0.04  # 29 bytes in ten steps


@pytest.mark.parametrize("fault, end", [
    ("reset_body", "reset"), ("half_close", "end"), ("stall", "silence"),
    ("truncated", "end")])
def test_only_part_of_the_body(plex, fault, end):
    plex.load("sessions-mixed.json")
    whole = plex.ask(LIST).body
    plex.fault(fault, after_bytes=1000)
    stream = raw(plex)
    stream.settimeout(0.2)
    data, how = read_to_end(stream)
    headers, body = parts(data)
    assert how == end
    assert int(headers["Content-Length"]) == len(whole)
    assert body == whole[:1000]
    plex.order("DELETE", "/faults")
    stream.close()


def test_half_close_leaves_the_other_half_open(plex):
    plex.fault("half_close", after_bytes=5)
    with raw(plex) as stream:
        assert read_to_end(stream)[1] == "end"
        stream.sendall(b"still open")
        time.sleep(0.05)  # an RST would come on the next send
        stream.sendall(b"still open")
        plex.order("DELETE", "/faults")


def test_truncated_with_a_length_to_match(plex):
    plex.load("sessions-mixed.json")
    whole = plex.ask(LIST).body
    plex.fault("truncated", length="shortened")
    assert plex.ask(LIST).body == whole[:len(whole) // 2]


def test_idle_close(plex):
    plex.fault("idle_close")
    with raw(plex) as stream:
        data, how = read_to_end(stream)
        assert how == "end"
        assert parts(data)[0]["Connection"] == "Keep-Alive"
        assert parts(data)[1] == b'{"MediaContainer":{"size":0}}'


@pytest.mark.parametrize("chunked", [False, True])
def test_huge(plex, chunked):
    plex.fault("huge", bytes=8 << 20, chunked=chunked)
    answer = plex.ask(LIST)
    assert len(answer.body) > 8 << 20
    assert answer.json() == {"MediaContainer": {"size": 0}}
    assert ("Content-Length" in answer.headers) is not chunked


def test_a_reader_may_leave_a_huge_body(plex):
    plex.fault("huge", bytes=1 << 40)
    with raw(plex) as stream:
        assert stream.recv(1000)
    assert plex.ask(LIST).status == 200


def test_sessions(plex):
    plex.fault("sessions", sessions=1000)
    assert len({i["Session"]["id"] for i in plex.items()}) == 1000
    assert plex.items() == []


def test_a_hundred_thousand_sessions(plex):
    plex.fault("sessions")
    body = plex.ask(LIST).body
    assert body.count(b'"sessionKey"') == 100000


def test_deep(plex):
    plex.fault("deep", depth=5000)
    assert b"[" * 5000 + b"]" * 5000 in plex.ask(LIST).body


@pytest.mark.parametrize("fault, check", [
    ("garbage", lambda a: len(a.body) == 4096),
    ("empty", lambda a: a.body == b""),
    ("null", lambda a: a.json() is None),
    ("array", lambda a: isinstance(a.json(), list)),
    ("html", lambda a: a.headers["Content-Type"] == "text/html"),
    ("xml", lambda a: a.body.startswith(b"<?xml")),
    ("mislabelled", lambda a: a.json() and
     a.headers["Content-Type"].startswith("text/xml")),
    ("charset", lambda a: "iso-8859-1" in a.headers["Content-Type"]),
    ("duplicate_keys", lambda a: a.body.count(b'"size"') == 2),
    ("control_chars", lambda a: b"\\u0007" in a.body and a.json()),
    ("raw_control_chars", lambda a: b"\x07b\n" in a.body),
    ("nul", lambda a: b"a\0b" in a.body),
    ("invalid_utf8", lambda a: b"a\xff\xc0\x80" in a.body),
    ("bom", lambda a: a.body.startswith(b"\xef\xbb\xbf{"))])
def test_odd_bodies(plex, fault, check):
    plex.fault(fault)
    answer = plex.ask(LIST)
    assert answer.status == 200
    assert check(answer)
    assert plex.ask(LIST).json() == {"MediaContainer": {"size": 0}}


def test_an_escaped_nul(plex):
    plex.fault("nul", escaped=True)
    assert plex.items()[0]["title"] == "a\0b"


def test_a_body_fault_comes_after_the_token(plex):
    plex.fault("null", sticky=True)
    assert plex.ask(LIST).body == b"null"
    plex.fault("status", path="/", status=500)
    assert plex.ask("/", token="unknown").status == 500


def statuses(plex, count, path=LIST, **options):
    return [plex.ask(path, **options).status for _ in range(count)]


def test_a_rule_hits_the_nth_and_as_many_as_it_may(plex):
    plex.fault("status", nth=2, count=2)
    assert statuses(plex, 5) == [200, 500, 500, 200, 200]
    [rule] = plex.order("GET", "/faults")
    assert (rule["matched"], rule["hits"]) == (5, 2)


def test_a_sticky_rule_stays_until_it_is_deleted(plex):
    rule = plex.fault("status", sticky=True, nth=2)
    assert statuses(plex, 4) == [200, 500, 500, 500]
    plex.order("DELETE", "/faults/%d" % rule["id"])
    assert statuses(plex, 2) == [200, 200]


def test_a_rule_means_paths_and_methods(plex):
    plex.fault("status", path="/status/*", method="POST", sticky=True)
    assert statuses(plex, 1) == [200]
    assert statuses(plex, 1, TERMINATE, method="POST") == [500]
    assert statuses(plex, 1, "/identity", method="POST") == [404]


def test_chance_repeats_with_its_seed(plex):
    runs = []
    for seed in (1, 1, 2):
        plex.order("DELETE", "/faults")
        plex.fault("status", probability=0.3, seed=seed)
        runs.append(statuses(plex, 100))
    assert runs[0] == runs[1] != runs[2]
    assert 15 < runs[0].count(500) < 45


def test_the_first_rule_that_hits_wins(plex):
    plex.fault("status", status=502)
    plex.fault("status", status=504)
    assert statuses(plex, 3) == [502, 504, 200]


@pytest.mark.parametrize("fault, result", [("status", 500), ("reset", None)])
def test_a_fault_may_keep_the_terminate_from_happening(plex, fault, result):
    plex.add("s")
    plex.fault(fault, path=TERMINATE)
    try:
        assert plex.terminate("s").status == result
    except ENDED:
        assert result is None
    assert len(plex.items()) == 1
    [record] = plex.terminations()
    assert (record["result"], record["status"]) == ("fault", result or 0)


@pytest.mark.parametrize("fault", ["status", "reset", "empty_reply"])
def test_with_effect_it_happens_all_the_same(plex, fault):
    plex.add("s")
    plex.fault(fault, path=TERMINATE, effect=True)
    try:
        assert plex.terminate("s").status == 500
    except ENDED:
        assert fault != "status"
    assert plex.items() == []
    assert plex.terminations()[0]["matched"]["title"] == "A Film"


def test_many_at_once(plex):
    plex.load("sessions-mixed.json")
    plex.fault("reset", probability=0.2)
    bad = []

    def ask():
        for token in (OWNER, SHARED) * 10:
            try:
                if plex.ask(LIST, token=token).status not in (200, 403):
                    bad.append("status")
            except ENDED:
                pass

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert bad == []
    assert plex.order("GET", "/counters")["requests"] == 160
    hits = json.loads(plex.control("GET", "/faults").body)[0]["hits"]
    assert 0 < hits < 160


def test_refuse_cuts_a_stream_that_nobody_reads(plex):
    plex.fault("huge", bytes=1 << 40)
    with raw(plex) as stream:
        plex.order("GET", "/wait?lists=1")
        plex.order("POST", "/lifecycle", {"state": "refuse"})
        assert read_to_end(stream)[1] in ("end", "reset")
