"""Forms and floods of Plex's event stream."""

import os
import time

import pytest

import processes
from plex_live import AT_ONCE_S, Live

# The list that a change is found by may be followed by two more.
AGAIN = 2
GROWTH_KIB = 512


@pytest.fixture
def live(stage, broker, plex):
    """Polled once a minute: what shows sooner was told by the stream."""
    made = Live(stage, plex, "60s")
    made.settle()
    return made


FORMS = [{}, {"stream_form": "wrapped"}, {"stream_form": "array"},
         {"stream_ends": "crlf"}, {"stream_ends": "cr"},
         {"stream_split": 1}, {"stream_lines": True, "stream_ends": "crlf"},
         {"stream_noise": True}, {"stream_text_offset": True},
         {"stream_client_identifier": False},
         {"stream_form": "wrapped", "stream_ends": "crlf", "stream_split": 3,
          "stream_lines": True, "stream_noise": True}]


def test_every_form_of_the_stream_is_understood(live):
    before = live.plex.ask("GET", "/options")
    for form in FORMS:
        live.plex.options(**{**before, **form})
        key = live.plex.play("one")
        live.await_inventory(lambda i: i["count"] == 1, timeout=AT_ONCE_S,
                             after=live.alice.mark())
        time.sleep(1.1)
        mark = live.alice.mark()
        live.plex.remove(key)
        live.await_inventory(lambda i: i["count"] == 0, timeout=AT_ONCE_S,
                             after=mark)
        time.sleep(1.1)
    assert live.plex.counters()["streams"] == 1


def test_a_stream_without_chunks_is_followed(stage, broker, plex):
    plex.options(stream_length="close")
    live = Live(stage, plex, "60s")
    live.settle()
    assert max(b for a, b in live.round()) < AT_ONCE_S
    assert plex.counters()["streams"] == 1


def test_garbage_in_the_stream_does_no_harm(live):
    for order in ({"text": "event: playing\ndata: {\"PlaySess\n\n"},
                  {"hex": "6576656e743a20706c6179696e670a646174613a20fffe"
                          "c0800a0a"},
                  {"text": "event: playing\ndata: ", "fill": 2000000,
                   "tail": "\n\n"},
                  {"text": ": ", "fill": 2000000, "tail": "\n"},
                  {"hex": "00000d0d0d0a0a0a"},
                  {"fill": 3000000, "tail": "\n\n"}):
        live.plex.stream(**order)
    live.quiet(4)
    assert max(b for a, b in live.round()) < AT_ONCE_S
    assert live.plex.counters()["streams"] == 1


def test_what_goes_on_is_not_listed_again(stage, broker):
    """Each playback says ten times as often as usual that it goes on."""
    plex = stage.standin(arguments=["--scale", "0.01"])
    for number in range(5):
        plex.play("s-%d" % number)
    live = Live(stage, plex, "60s")
    live.settle()
    lists = live.lists()
    time.sleep(3)
    assert live.lists() == lists
    # They were heard meanwhile, all thousand of them.
    live.worker.process.await_line("STREAM-LIVE")


def test_a_flood_of_lies_is_listed_once_a_second(live):
    """Events without end, of playbacks that are not there."""
    lists = live.lists()
    begun = time.monotonic()
    number = 0
    while time.monotonic() - begun < 5:
        live.plex.stream(text="".join(
            'event: playing\ndata: {"PlaySessionStateNotification":'
            '{"sessionKey":"%d","state":"stopped"}}\n\n' % (number + n)
            for n in range(500)))
        number += 500
    # A burst of four, one a second, and what is due behind the last one.
    assert live.lists() - lists <= 4 + (time.monotonic() - begun) + AGAIN
    live.quiet(4)
    assert max(b for a, b in live.round()) < AT_ONCE_S


@pytest.mark.skipif("asan" in os.environ.get("LASTCALL_BIN", "") or
                    "tsan" in os.environ.get("LASTCALL_BIN", ""),
                    reason="a sanitizer's own memory grows")
def test_a_long_stream_needs_no_more_memory(live):
    def flood(number):
        for n in range(8):
            live.plex.stream(text="event: playing\ndata: ", fill=200000,
                             tail="\n\n")
            live.plex.stream(text="".join(
                'event: playing\ndata: {"PlaySessionStateNotification":'
                '{"sessionKey":"%d-%d-%d","state":"playing"}}\n\n' % (
                    number, n, m) for m in range(500)))
        live.round("r-%d" % number)

    flood(0)
    before = processes.private_memory_kib(live.worker.pid)
    for number in range(1, 4):
        flood(number)
    after = processes.private_memory_kib(live.worker.pid)
    assert after - before < GROWTH_KIB, (before, after)
