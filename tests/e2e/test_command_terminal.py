"""`lastcall` in front of a person."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import unicodedata

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


def plain(text):
    """The lines of a terminal, without what colours and clears them."""
    return re.sub("\x1b\\[[0-9]*[mK]", "", text).splitlines()


def cells(line):
    """How much room a line takes."""
    return sum(0 if unicodedata.combining(c)
               else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in line)


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


LONG = "Cafe\u0301 \u591c\u306e\u8857 " * 12
SESSION_ID = "9k2m4w7qzr1t8yb5"


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_tables_fit_the_terminal(desk, columns):
    desk.plex.play("two")
    assert desk.run("stop", "--host", "media-01", "--every", "-y").status == OK
    desk.plex.play(SESSION_ID, title=LONG, user="evil \x1b[31mred" + "x" * 90)
    for words in (["sessions", "--all", "--fresh"], ["hosts"],
                  ["ping", "--all"], ["jobs"],
                  ["stop", "--host", "media-01", "--every", "--dry-run"]):
        terminal = Terminal(desk.operator, *words, columns=columns)
        assert terminal.end() == OK, terminal.text
        lines = plain(terminal.text)
        assert max(map(cells, lines)) <= columns, terminal.text
        assert "media-01" in terminal.text
        if words[0] in ("sessions", "stop"):
            row = next(l for l in lines if l.startswith("media-01"))
            assert SESSION_ID in row and "Cafe\u0301" in row, terminal.text
            assert "~" in row and "\x1b" not in row, terminal.text


def test_what_is_about_to_end_fits_the_terminal(desk):
    desk.plex.play(SESSION_ID, title=LONG)
    terminal = Terminal(desk.operator, "stop", "--host", "media-01",
                        "--every", columns=80)
    terminal.await_text(r"\[y/N\]")
    terminal.type("n\n")
    assert terminal.end() == UNCONFIRMED
    row = next(l for l in plain(terminal.text) if SESSION_ID in l)
    assert cells(row) <= 80 and "~" in row, terminal.text


def test_without_a_terminal_a_table_has_the_whole_text(desk):
    desk.plex.play(SESSION_ID, title=LONG)
    done = desk.run("sessions", "--all", "--fresh")
    assert done.status == OK and LONG.strip() in done.out, done
    assert "~" not in done.out and "PROGRESS" in done.out, done
