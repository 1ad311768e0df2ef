"""The stand-in Plex server (tests/standin/README.md) and its control port."""

from processes import Process, bin_path

TOKEN = "e2e-owner-token"


class Standin:
    def __init__(self, directory, *, token=TOKEN, arguments=()):
        self.directory = directory
        self.token = token
        self.process = Process("plex-standin", [
            bin_path("plex-standin"), "--token", token, *arguments])
        ready = self.process.await_line(
            r"^ready plex=(\d+) control=(\d+)")
        self.port, self.control_port = map(int, ready.groups())
        self.url = "http://127.0.0.1:%d" % self.port
