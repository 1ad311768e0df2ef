"""The stand-in Plex server (tests/standin/README.md) and its control port."""

import collections
import http.client
import itertools
import json

import processes
from processes import Process, bin_path

TOKEN = "e2e-owner-token"
SHARED_TOKEN = "e2e-shared-token"

# What Plex was asked to end: sessionId and reason as decoded, reason as the
# bytes that arrived or None.
Terminate = collections.namedtuple("Terminate",
                                   "session_id reason method status result")


class Standin:
    def __init__(self, directory, *, token=TOKEN, arguments=()):
        self.directory = directory
        self.token = token
        self.process = Process("plex-standin", [
            bin_path("plex-standin"), "--token", TOKEN,
            "--shared-token", SHARED_TOKEN, *arguments])
        ready = self.process.await_line(
            r"^ready plex=(\d+) control=(\d+)")
        self.port, self.control_port = map(int, ready.groups())
        self.url = "http://127.0.0.1:%d" % self.port
        self._keys = itertools.count(1)

    def ask(self, method, path, body=None, timeout=None):
        """A request to the control port."""
        link = http.client.HTTPConnection(
            "127.0.0.1", self.control_port,
            timeout=timeout or processes.PATIENCE + 5)
        try:
            link.request(method, path,
                         None if body is None else json.dumps(body),
                         {"Content-Type": "application/json"})
            answer = link.getresponse()
            text = answer.read()
        finally:
            link.close()
        assert answer.status == 200, (method, path, answer.status, text)
        return json.loads(text)

    # What plays.

    def play(self, session_id, *, user="jdoe", title="An Invented Film",
             state="playing", react=None, after_ms=None, **members):
        """Start a playback; hands back its sessionKey."""
        number = next(self._keys)
        item = {
            "type": "movie", "title": title, "ratingKey": str(1000 + number),
            "key": "/library/metadata/%d" % (1000 + number),
            "sessionKey": str(number), "duration": 5400000,
            "viewOffset": 60000, "librarySectionTitle": "Films",
            "User": {"id": str(number), "title": user},
            "Player": {"address": "192.0.2.77", "title": "Lounge",
                       "machineIdentifier": "player-%d" % number,
                       "product": "Plex Web", "platform": "Linux",
                       "state": state, "local": True, "relayed": False,
                       "secure": True}}
        if session_id is not None:
            item["Session"] = {"id": session_id, "bandwidth": 4000,
                               "location": "lan"}
        item.update(members)
        if react is not None:
            item["_client"] = {"react": react}
            if after_ms is not None:
                item["_client"]["after_ms"] = after_ms
        self.ask("POST", "/sessions", item)
        return str(number)

    def patch(self, key, change):
        self.ask("PATCH", "/sessions/" + key, change)

    def swap(self, key, on):
        self.ask("POST", "/sessions/%s/swap" % key, {"on": on})

    def remove(self, key):
        self.ask("DELETE", "/sessions/" + key)

    def listed(self):
        """The ids of the sessions that a list would show now."""
        return [entry["item"].get("Session", {}).get("id")
                for entry in self.ask("GET", "/sessions")
                if entry["visible"]]

    # What goes wrong.

    def fault(self, fault, *, path="*", **rule):
        return self.ask("POST", "/faults",
                        {"fault": fault, "path": path, **rule})["id"]

    def release(self):
        """Forget all faults; what hangs is let go."""
        self.ask("DELETE", "/faults")

    def life(self, state):
        self.ask("POST", "/lifecycle", {"state": state})

    def restart(self, **stages):
        self.ask("POST", "/restart", stages)

    def options(self, **change):
        self.ask("POST", "/options", change)

    def tokens(self, classes):
        """Set what tokens are good for: token to class."""
        self.ask("POST", "/tokens", {"tokens": [
            {"token": token, "class": name}
            for token, name in classes.items()]})

    # The event stream.

    def stream(self, **order):
        """Put bytes into all streams (text, hex, fill, tail), or close."""
        self.ask("POST", "/stream", order)

    def await_stream(self):
        """Wait until somebody follows the event stream."""
        self.await_count("streams_open", 1)

    # What was seen.

    def counters(self):
        return self.ask("GET", "/counters")

    def requests(self):
        return self.ask("GET", "/log")

    def terminates(self):
        return [Terminate(entry["sessionId"],
                          None if entry["reason_hex"] is None
                          else bytes.fromhex(entry["reason_hex"]),
                          entry["method"], entry["status"], entry["result"])
                for entry in self.ask("GET", "/terminations")]

    def terminated(self):
        return [terminate.session_id for terminate in self.terminates()]

    def await_count(self, name, count):
        """Wait until a counter has got to a value."""
        self.ask("GET", "/wait?%s=%d&timeout_ms=%d" % (
            name, count, processes.PATIENCE * 1000))

    def await_terminates(self, count):
        self.await_count("terminates", count)

    def await_lists(self, more):
        """Wait for that many lists from now on."""
        self.await_count("lists", self.counters()["lists"] + more)
