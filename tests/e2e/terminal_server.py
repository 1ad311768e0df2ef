"""The machine of a stand-in Windows host: tests/standin/wts/README.md."""

import contextlib
import fcntl
import json
import os
import threading
import time

import processes

ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
STATES = ("active", "connected", "connect_query", "shadow", "disconnected",
          "idle", "listen", "reset", "down", "init")


def record(kind, **keys):
    """A line of the file; a key that is None is left out."""
    return "\t".join([kind] + ["%s=%s" % (key, escape(str(value)))
                               for key, value in keys.items()
                               if value is not None])


def session(number, user="jdoe", **keys):
    """A session: a user at a Windows client, by default."""
    return record("session", **{
        "id": number, "state": "active", "name": "RDP-Tcp#%d" % number,
        "user": user, "domain": "CORP", "client": "LAPTOP%d" % number,
        "addr": "192.0.2.%d" % (number % 250 + 1), "proto": 2, "locked": 0,
        "idle_s": 300, "logon_age_s": 7200, "connect_age_s": 7200, **keys})


def left(number, user="jdoe", **keys):
    """A session whose user went away and stays logged on."""
    return session(number, user, **{
        "state": "disconnected", "name": "", "client": None, "addr": None,
        "disc_age_s": 600, **keys})


def empty(number, state, name, **keys):
    """A session that nobody is in: services, or a listener."""
    return record("session", id=number, state=state, name=name, **keys)


def escape(text):
    for raw, written in ESCAPES:
        text = text.replace(raw, written)
    return text


class TerminalServer:
    """Sessions as a file tells them, and the calls that were made."""

    def __init__(self, directory, state="state", log="log"):
        self.state = os.path.join(directory, state)
        self.log = os.path.join(directory, log)
        self.environment = {"WTS_STANDIN_STATE": self.state,
                            "WTS_STANDIN_LOG": self.log}
        self._lock = threading.Lock()
        with open(self.state, "w") as out:
            out.write("host\tname=TS-01\n")
        open(self.log, "w").close()

    @contextlib.contextmanager
    def lines(self):
        """The records of the file, to be changed in place."""
        with self._lock, open(self.state + ".lock", "w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            with open(self.state, encoding="utf-8") as file:
                records = file.read().splitlines()
            yield records
            with open(self.state + ".new", "w", encoding="utf-8") as out:
                out.write("".join(line + "\n" for line in records))
            os.replace(self.state + ".new", self.state)

    def put(self, *more):
        """Add records, or replace the session of the same id and machine."""
        with self.lines() as records:
            for line in more:
                place = self._place(line)
                at = [i for i, old in enumerate(records)
                      if place is not None and self._place(old) == place]
                if at:
                    records[at[0]] = line
                else:
                    records.append(line)

    def mend(self):
        """Let nothing fail any more."""
        with self.lines() as records:
            records[:] = [line for line in records
                          if not line.startswith("fail\t")]

    def fail(self, function, error, **keys):
        self.put(record("fail", fn=function, error=error, **keys))

    def remove(self, session_id):
        with self.lines() as records:
            records[:] = [line for line in records
                          if self._place(line) != (None, session_id)]

    def disconnect(self, session_id):
        """Somebody closes his client."""
        with self.lines() as records:
            for i, line in enumerate(records):
                if self._place(line) == (None, session_id):
                    kept = [part for part in line.split("\t")
                            if not part.startswith("state=")]
                    records[i] = "\t".join([*kept, "state=disconnected"])

    @staticmethod
    def _place(line):
        """Which machine's session a record is of: None is the own one, and
        its id; None for another record."""
        parts = line.split("\t")
        if parts[0] != "session":
            return None
        row = dict(part.split("=", 1) for part in parts[1:])
        return row.get("server"), int(row.get("id", 0))

    def states(self):
        """The state of each session of the own machine by its id."""
        with self.lines() as records:
            rows = [dict(part.split("=", 1) for part in line.split("\t")[1:])
                    for line in records
                    if (self._place(line) or ("",))[0] is None]
        # The stand-in writes numbers, and leaves out what is 0.
        return {int(row.get("id", 0)): STATES[int(state)] if state.isdigit()
                else state for row in rows
                for state in [row.get("state", "0")]}

    def await_record(self, part):
        """Wait until the stand-in has written something into its file."""
        until = time.monotonic() + processes.PATIENCE
        while time.monotonic() < until:
            with self.lines() as records:
                if any(part in line for line in records):
                    return
            time.sleep(0.01)
        raise AssertionError("%s never stood in the file" % part)

    def ended(self, function):
        """The ids that a function was called with, in order."""
        return [entry["session"] for entry in self.calls(function)
                if "error" in entry]

    def calls(self, function=None):
        """What was asked of Windows."""
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            entries = [json.loads(line) for line in file
                       if line.endswith("\n")]
        faults = [e for e in entries if "fault" in e or "bad_free" in e]
        assert not faults, faults
        return [e for e in entries
                if function is None or e.get("fn") == function]

    def await_call(self, match, what):
        """The first call that matches; the log is written by another."""
        until = time.monotonic() + processes.PATIENCE
        while time.monotonic() < until:
            found = [entry for entry in self.calls() if match(entry)]
            if found:
                return found[0]
            time.sleep(0.01)
        raise AssertionError("no %s; calls: %r" % (what, self.calls()[-20:]))

    def await_last_words(self):
        """What the DLL said when it was unloaded, once for each time that it
        was loaded: at least once, or it was another one that was used."""
        def of(kind):
            return [entry for entry in self.calls() if entry.get(kind)]

        processes.eventually(
            lambda: len(of("loaded")) == len(of("unloaded")) > 0,
            "the stand-in is unloaded as often as it was loaded")
        return of("unloaded")
