"""An event stream of somebody who speaks as Plex and means harm: what he costs
is bounded, sessions are polled all the same, and a stop does not wait."""

import http.client
import http.server
import os
import threading
import time

import pytest

from plex_live import PATH, STOP_S, Live

POLL_S = 2
SLACK_S = 1.5
HEAD = ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        "Connection: close\r\n")
# Of one core, with all that it does besides.
CPU_MAX = 0.5
FLOOD_S = 5


def flood(send):
    send(HEAD + "\r\n")
    number = 0
    while True:
        send("".join(
            'event: playing\ndata: {"PlaySessionStateNotification":{'
            '"sessionKey":"%d","state":"playing"}}\n\n' % (number + n)
            for n in range(500)))
        number += 500


def pour(send):
    send(HEAD + "\r\n")
    while True:
        send("\n" * 65536)


def dribble(send):
    """One byte now and then, which feeds the watchdog and is no event."""
    send(HEAD + "\r\n")
    while True:
        send(":")
        time.sleep(0.2)


def dribble_headers(send):
    send(HEAD)
    while True:
        send("X-More: 1\r\n")
        time.sleep(0.2)


def headers_without_end(send):
    send(HEAD)
    while True:
        send("X-More: %s\r\n" % ("1" * 1000))


def long_header(send):
    send(HEAD + "X-More: ")
    while True:
        send("1" * 65536)


def bad_chunks(send):
    send(HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\n: hi\n\r\nzz\r\n")


def compressed(send):
    send(HEAD + "Content-Encoding: gzip\r\n\r\n")
    while True:
        send("\x1f\x08\x00\x7f\n\n")
        time.sleep(0.2)


def switching(send):
    for _ in range(100):
        send("HTTP/1.1 100 Continue\r\n\r\n")
    send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
         "Connection: upgrade\r\n\r\n\x01\x02")


class Rogue:
    """In front of a stand-in: lists are its own, the stream is not."""

    def __init__(self, plex, stream):
        self.token = plex.token
        rogue = self
        self.followed = threading.Event()
        self.is_over = False

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path.startswith(PATH):
                    rogue.followed.set()
                    self.close_connection = True
                    try:
                        stream(self.send)
                    except (OSError, InterruptedError):
                        pass
                    return
                to = http.client.HTTPConnection("127.0.0.1", plex.port)
                to.request("GET", self.path, headers=dict(self.headers))
                answer = to.getresponse()
                body = answer.read()
                to.close()
                self.send_response(answer.status)
                self.send_header("Content-Type",
                                 answer.getheader("Content-Type", "x/x"))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def send(self, text):
                if rogue.is_over:
                    raise InterruptedError
                self.wfile.write(text.encode("latin-1"))
                self.wfile.flush()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.is_over = True
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def behind(plex, rogue):
    """The stand-in's controls, and the rogue's address."""
    plex.url = rogue.url
    return plex


@pytest.fixture
def followed(stage, broker, plex):
    """Start a worker that follows such a stream."""
    made = []

    def start(stream, interval="%ds" % POLL_S):
        rogue = Rogue(plex, stream)
        made.append(rogue)
        live = Live(stage, behind(plex, rogue), interval)
        assert rogue.followed.wait(10)
        return live

    yield start
    for rogue in made:
        rogue.close()


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


ROGUES = [flood, pour, dribble, dribble_headers, headers_without_end,
          long_header, bad_chunks, compressed, switching]


def test_a_header_without_end_is_called_so(followed):
    live = followed(long_header)
    live.worker.process.await_line(
        "STREAM-LOST.*the answer's headers are longer than can be held")


# holds 7.11
@pytest.mark.parametrize("stream", ROGUES, ids=lambda s: s.__name__)
def test_polling_goes_on_and_a_stop_does_not_wait(followed, stream):
    live = followed(stream)
    assert max(b for a, b in live.round(rest=0)) < POLL_S + SLACK_S
    begun = time.monotonic()
    live.worker.stop()
    assert time.monotonic() - begun < STOP_S


@pytest.mark.skipif("asan" in os.environ.get("LASTCALL_BIN", "") or
                    "tsan" in os.environ.get("LASTCALL_BIN", ""),
                    reason="a sanitizer takes its time")
@pytest.mark.parametrize("stream", [flood, pour], ids=lambda s: s.__name__)
def test_a_flood_costs_no_core(followed, stream):
    live = followed(stream, "60s")
    lists = live.lists()
    begun = time.monotonic()
    before = cpu_s(live.worker.pid)
    time.sleep(FLOOD_S)
    took = time.monotonic() - begun
    share = (cpu_s(live.worker.pid) - before) / took
    print("%.2f of a core, %d lists" % (share, live.lists() - lists))
    assert share < CPU_MAX
    assert live.lists() - lists <= 4 + took + 2
