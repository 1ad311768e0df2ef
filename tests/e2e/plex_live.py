"""A worker beside one Plex server whose event stream it may follow."""

import os
import re
import time

HOST, SERVER = "media-01", "home"
PATH = "/:/eventsource/notifications"
# What the event stream is there for; a sanitizer takes its time.
AT_ONCE_S = 1.0 if not re.search("asan|tsan", os.environ.get(
    "LASTCALL_BIN", "")) else 3.0
# A stop in order. Paho's last word is a wait in steps of 100 ms for its two
# threads, and one of them may just have missed the call and sleep a second
# (upstream issue 1039; three stops in a hundred).
STOP_S = AT_ONCE_S + 1.0


class Live:
    """A worker beside one Plex server, and a controller that hears it."""

    def __init__(self, stage, plex, interval, **keys):
        self.stage = stage
        self.plex = plex
        self.host = stage.host(HOST, {SERVER: (plex, {
            "sessions_interval": interval, **keys})})
        self.worker = stage.worker(self.host).start()
        self.alice = stage.controller("alice")
        self.await_inventory(lambda i: i["reachable"])

    def await_inventory(self, match, **options):
        return self.alice.await_inventory(HOST, SERVER, match, **options)

    def settle(self, streams=1):
        """Until the stream runs and what its beginning made us list is over:
        a list at once, and another three seconds later."""
        self.plex.await_count("streams", streams)
        self.quiet(4)

    def quiet(self, seconds):
        """Wait until nobody has listed for so long."""
        begun = time.monotonic()
        lists = self.lists()
        while time.monotonic() - begun < seconds:
            if self.lists() != lists:
                lists, begun = self.lists(), time.monotonic()
            time.sleep(0.1)

    def lists(self):
        return self.plex.counters()["lists"]

    def attempts(self):
        """How often the event stream was asked for."""
        return sum(1 for r in self.plex.requests() if r["path"] == PATH)

    def logged(self, event):
        return len(re.findall(r" %s " % event, self.worker.process.output()))

    def timed(self, change, kind, match):
        """Make a change; how long until its event, and until the inventory
        that shows it, are here."""
        mark = self.alice.mark()
        begun = time.monotonic()
        change()
        event = self.alice.await_event(HOST, SERVER,
                                       lambda e: e["kind"] == kind,
                                       after=mark)
        heard = time.monotonic() - begun
        self.await_inventory(match, after=mark)
        return event, heard, time.monotonic() - begun

    def round(self, session_id="one", rest=1.1):
        """A playback starts, is paused and ends; how long each took."""
        keys = []
        took = []
        plex = self.plex
        for change, kind, match in (
                (lambda: keys.append(plex.play(session_id)), "started",
                 lambda i: i["count"] == 1),
                (lambda: plex.patch(keys[0], {"Player":
                                              {"state": "paused"}}),
                 "changed", lambda i: i["sessions"][0]["state"] == "paused"),
                (lambda: plex.remove(keys[0]), "ended",
                 lambda i: i["count"] == 0)):
            event, heard, listed = self.timed(change, kind, match)
            assert event["session"]["session_id"] == session_id
            took.append((heard, listed))
            time.sleep(rest)  # so that each is the first for a second
        return took
