"""Starts plex-standin and speaks to both of its ports."""

import http.client
import json
import os
import pathlib
import subprocess
import time
import urllib.parse

OWNER = "owner-secret-1"
SHARED = "friend-secret-2"
SAMPLES = pathlib.Path(__file__).parent.parent / "fixtures" / "plex"
PROGRAM = pathlib.Path(os.environ["LASTCALL_BIN"]) / "plex-standin"
TIMEOUT_S = 30  # a machine that does much else, and sanitizers


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


class Standin:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [PROGRAM, "--lifetime", "100", "--exit-on-eof", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        word, plex, control = self.process.stdout.readline().split()
        assert word == "ready"
        self.port = int(plex.removeprefix("plex="))
        self.control_port = int(control.removeprefix("control="))
        self.defaults = self.order("GET", "/options")

    def stop(self):
        self.process.terminate()
        status = self.process.wait(TIMEOUT_S)
        self.process.stdin.close()
        self.process.stdout.close()
        return status

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port,
                                          timeout=TIMEOUT_S)

    def ask(self, path, method="GET", token=OWNER, headers=None,
            connection=None, accept="application/json"):
        headers = dict(headers or {})
        if token is not None:
            headers["X-Plex-Token"] = token
        if accept is not None:
            headers["Accept"] = accept
        own = connection or self.connect()
        try:
            own.request(method, path, headers=headers)
            return Answer(own.getresponse())
        finally:
            if connection is None:
                own.close()

    def items(self, **options):
        container = self.ask("/status/sessions", **options).json()
        return container["MediaContainer"].get("Metadata", [])

    def titles(self):
        return [item["title"] for item in self.items()]

    def terminate(self, session_id, reason=None, method="GET", **options):
        query = {"sessionId": session_id}
        if reason is not None:
            query["reason"] = reason
        return self.ask("/status/sessions/terminate?" +
                        urllib.parse.urlencode(query), method, **options)

    def control(self, method, path, body=None):
        own = http.client.HTTPConnection("127.0.0.1", self.control_port,
                                         timeout=TIMEOUT_S)
        try:
            own.request(method, path,
                        None if body is None else json.dumps(body))
            return Answer(own.getresponse())
        finally:
            own.close()

    def order(self, method, path, body=None):
        answer = self.control(method, path, body)
        assert answer.status == 200, answer.body
        return answer.json()

    def fault(self, name, path="/status/sessions", **members):
        return self.order("POST", "/faults",
                          {"fault": name, "path": path, **members})

    def add(self, session_id, title="A Film", react=None, **client):
        item = {"type": "movie", "title": title, "ratingKey": "7",
                "Player": {"state": "playing"}, "Session": {"id": session_id}}
        if react is not None:
            item["_client"] = {"react": react, **client}
        self.order("POST", "/sessions", item)

    def load(self, name):
        self.order("POST", "/sessions",
                   json.loads((SAMPLES / name).read_text()))

    def terminations(self):
        return self.order("GET", "/terminations")


def eventually(condition, timeout_s=5):
    """Ask again and again; what comes late has no event on the Plex port."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
