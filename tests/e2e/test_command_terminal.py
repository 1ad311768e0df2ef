"""`lastcall` in front of a person."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios

import pytest

import processes
from desk import OK, UNCONFIRMED


class Terminal:
    """lastcall on a terminal of its own."""

    def __init__(self, operator, *arguments, columns=None):
        self.master, slave = pty.openpty()
        if columns is not None:
            fcntl.ioctl(slave, termios.TIOCSWINSZ,
                        struct.pack("HHHH", 24, columns, 0, 0))
        env = operator.environment()
        env["TERM"] = "xterm"
        self.child = subprocess.Popen(
            operator.argv(*arguments), env=env, stdin=slave, stdout=slave,
            stderr=slave, start_new_session=True)
        os.close(slave)
        self.text = ""

    def read(self):
        if not select.select([self.master], [], [], processes.PATIENCE)[0]:
            raise AssertionError("nothing more on the terminal: "
                                 + self.text)
        try:
            data = os.read(self.master, 4096)
        except OSError:  # the other side is closed
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def await_text(self, pattern):
        while not re.search(pattern, self.text):
            assert self.read(), self.text

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        while self.read():
            pass
        os.close(self.master)
        return self.child.wait(processes.END_TIMEOUT)


@pytest.mark.parametrize("answer, status", [("y\n", OK), ("n\n", UNCONFIRMED),
                                            ("\n", UNCONFIRMED)])
def test_a_terminal_is_shown_the_targets_and_asked(desk, answer, status):
    desk.plex.play("one", user="jdoe", title="Alien")
    terminal = Terminal(desk.operator, "stop", "--host", "media-01",
                        "--session", "one")
    terminal.await_text(r"\?|\[y/N\]")
    assert "jdoe" in terminal.text, terminal.text
    assert desk.plex.counters()["terminates"] == 0
    terminal.type(answer)
    assert terminal.end() == status, terminal.text
    assert len(desk.plex.terminated()) == (status == OK)


@pytest.mark.parametrize("answer, status", [("2\n", OK), ("y\n", UNCONFIRMED),
                                            ("3\n", UNCONFIRMED)])
def test_all_asks_for_the_number(desk, answer, status):
    desk.plex.play("one")
    desk.plex.play("two")
    terminal = Terminal(desk.operator, "stop", "--all", "--every")
    terminal.await_text(r"(?i)type .*|number.*")
    terminal.type(answer)
    assert terminal.end() == status, terminal.text
    assert len(desk.plex.terminated()) == (2 if status == OK else 0)
