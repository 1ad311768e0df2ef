"""The event stream, seen from a socket."""

import http.client
import json
import time

import pytest
from client import OWNER, TIMEOUT_S, eventually

PATH = "/:/eventsource/notifications"


class Follower:
    """Reads an event stream as it comes."""

    def __init__(self, plex, query="", token=OWNER):
        self.link = http.client.HTTPConnection("127.0.0.1", plex.port,
                                               timeout=TIMEOUT_S)
        self.link.request("GET", PATH + query, headers={
            "X-Plex-Token": token, "Accept": "text/event-stream"})
        self.answer = self.link.getresponse()

    def close(self):
        self.link.close()

    def line(self):
        return self.answer.readline()

    def event(self):
        """The next event: its name and its data."""
        name, data = None, []
        while True:
            line = self.line().decode().rstrip("\r\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif not line and name:
                return name, json.loads("\n".join(data))
            assert line or self.answer.fp, "the stream ended"

    def await_event(self, wanted, match=lambda data: True):
        while True:
            name, data = self.event()
            if name == wanted and match(data):
                return data


@pytest.fixture
def follow(plex):
    made = []

    def begin(*arguments, **options):
        made.append(Follower(plex, *arguments, **options))
        return made[-1]

    yield begin
    for follower in made:
        follower.close()
    # So that the next test finds none of them.
    plex.order("POST", "/stream", {"close": True})
    eventually(lambda: plex.order("GET", "/counters")["streams_open"] == 0)


def state_is(state):
    return lambda data: data["PlaySessionStateNotification"]["state"] == state


def test_a_stream_begins(plex, follow):
    follower = follow()
    assert follower.answer.status == 200
    assert follower.answer.headers["Content-Type"] == "text/event-stream"
    assert follower.answer.headers["Transfer-Encoding"] == "chunked"
    counters = plex.order("GET", "/counters")
    assert (counters["streams"], counters["streams_open"]) == (1, 1)
    assert follower.await_event("ping") == {}


def test_changes_are_told(plex, follow):
    follower = follow("?filters=playing")
    plex.add("one")
    key = plex.order("GET", "/sessions")[0]["item"]["sessionKey"]
    told = follower.await_event("playing")["PlaySessionStateNotification"]
    assert (told["sessionKey"], told["state"]) == (key, "playing")
    assert told["ratingKey"] == "7" and told["viewOffset"] == 0
    plex.order("PATCH", "/sessions/" + key, {"Player": {"state": "paused"}})
    follower.await_event("playing", state_is("paused"))
    plex.terminate("one")
    follower.await_event("playing", state_is("stopped"))


def test_what_goes_on_is_repeated(plex, follow):
    plex.add("one")
    follower = follow()
    for _ in range(3):
        follower.await_event("playing", state_is("playing"))
        follower.await_event("ping")


def test_transcodes_are_told(plex, follow):
    follower = follow()
    plex.load("sessions-mixed.json")
    follower.await_event("transcodeSession.start")
    plex.order("DELETE", "/sessions")
    follower.await_event("transcodeSession.end")


@pytest.mark.parametrize("query, passes", [
    ("", True), ("?filters=", True), ("?filters=playing", True),
    ("?filters=log,playing", True), ("?filters=-log", True),
    ("?filters=log", False), ("?filters=-playing", False),
    ("?filters=-log,playing", False)])
def test_filters(plex, follow, query, passes):
    follower = follow(query)
    plex.add("one")
    names = [follower.event()[0] for _ in range(4)]
    assert "ping" in names and ("playing" in names) is passes


@pytest.mark.parametrize("query", ["?filters=plaing", "?filters=a,playing",
                                   "?filters=-nothing"])
def test_a_filter_that_names_nothing_is_refused(plex, follow, query):
    assert follow(query).answer.status == 400
    assert plex.order("GET", "/counters")["streams"] == 0


def test_a_stream_wants_the_owners_token(follow):
    assert follow(token="nobody").answer.status == 401


def test_forms(plex, follow):
    plex.add("one")
    follower = follow("?filters=playing")
    member = "PlaySessionStateNotification"
    plex.order("POST", "/options", {"stream_form": "wrapped"})
    follower.await_event("playing", lambda data:
                         data.get("NotificationContainer", {}).get(member))
    plex.order("POST", "/options", {"stream_form": "array"})
    follower.await_event("playing", lambda data:
                         isinstance(data.get(member), list))
    plex.order("POST", "/options", {
        "stream_form": "bare", "stream_text_offset": True,
        "stream_client_identifier": False, "stream_lines": True})
    told = follower.await_event(
        "playing", lambda data: data.get(member, [0]) and
        isinstance(data[member], dict)
        and data[member]["viewOffset"] == "")
    assert "clientIdentifier" not in told[member]


@pytest.mark.parametrize("ends, end", [("crlf", b"\r\n"), ("cr", b"\r")])
def test_line_ends(plex, follow, ends, end):
    plex.order("POST", "/options", {"stream_ends": ends})
    follower = follow()
    frame = b"event: ping" + end + b"data: {}" + end + end
    assert follower.answer.read(len(frame)) == frame


def test_noise_and_single_bytes(plex, follow):
    plex.order("POST", "/options", {"stream_noise": True, "stream_split": 1})
    follower = follow()
    assert follower.line() == b": nothing to see here\n"
    assert follower.event()[0] == "invented.event"
    assert follower.event()[0] == "ping"


def test_silence_and_lies(plex, follow):
    plex.order("POST", "/options", {"stream_events": False})
    follower = follow()
    plex.add("one")
    assert {follower.event()[0] for _ in range(3)} == {"ping"}
    plex.order("POST", "/options", {"stream_pings": False})
    plex.order("POST", "/stream", {"text": "event: end\ndata: 1\n\n"})
    begun = time.monotonic()
    follower.await_event("end")
    plex.order("POST", "/stream", {"close": True})
    assert follower.answer.read() == b""
    assert time.monotonic() - begun < TIMEOUT_S


@pytest.mark.parametrize("after, partial, body", [
    (0, False, b""), (1, False, b"event: ping\ndata: {}\n\n"),
    (2, False, b"event: ping\ndata: {}\n\n" * 2), (1, True, b"event: ping")])
def test_drops(plex, follow, after, partial, body):
    plex.order("POST", "/options", {"stream_drop_after": after,
                                    "stream_drop_partial": partial})
    assert follow().answer.read() == body


def test_a_stream_may_end_with_its_connection(plex, follow):
    plex.order("POST", "/options", {"stream_length": "close",
                                    "stream_drop_after": 1})
    follower = follow()
    assert "Transfer-Encoding" not in follower.answer.headers
    assert follower.answer.read() == b"event: ping\ndata: {}\n\n"


def test_any_bytes(plex, follow):
    plex.order("POST", "/options", {"stream_pings": False})
    follower = follow()
    plex.order("POST", "/stream", {"text": "a\n", "hex": "00ff", "fill": 3,
                                   "tail": "z"})
    assert follower.answer.read(8) == b"a\n\x00\xffxxxz"


def test_faults_of_the_stream(plex, follow):
    plex.fault("status", PATH, status=401)
    assert follow().answer.status == 401
    plex.fault("html", PATH)
    assert follow().answer.headers["Content-Type"] == "text/html"
    plex.fault("empty_reply", PATH)
    with pytest.raises(http.client.RemoteDisconnected):
        follow()
    assert follow().answer.status == 200


def test_a_restart_ends_streams(plex, follow):
    follower = follow()
    follower.await_event("ping")
    plex.order("POST", "/restart", {"refuse_ms": 1000})
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        follower.answer.read()
