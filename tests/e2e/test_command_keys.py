"""lastcall key, grant, enroll, verify: what needs no broker."""

import json
import os
import stat
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import serialization

import lastcall_py as py
import processes
import stage as stages
from stage import lastcall

PERMIT = "plex:stop,list@all,group:*,host:web-*"


@pytest.fixture
def root(tmp_path):
    """A root key that `lastcall` made, as PyJWT sees it."""
    (tmp_path / "root").mkdir()
    path = str(tmp_path / "root" / "root.key")
    made = lastcall("key", "new", path)
    assert made.status == 0, made
    return path


def load(path):
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".pub"):
        return serialization.load_pem_public_key(data)
    return serialization.load_pem_private_key(data, None)


def verifier(root):
    return py.Verifier("lastcall", load(root + ".pub"))


def test_a_new_key_is_a_pair_that_others_can_read(root):
    assert stat.S_IMODE(os.stat(root).st_mode) == 0o600
    private, public = load(root), load(root + ".pub")
    public.verify(private.sign(b"text"), b"text")


def test_a_key_is_never_overwritten(root):
    before = open(root, "rb").read()
    again = lastcall("key", "new", root)
    assert again.status == 2 and root in again.err, again
    assert open(root, "rb").read() == before


# holds 2.6
def test_the_thumbprint_is_that_of_the_key(root):
    expected = py.public_thumbprint(load(root + ".pub"))
    for path in (root, root + ".pub"):
        shown = lastcall("key", "show", path)
        assert shown.status == 0 and expected in shown.out, shown


def test_a_private_key_that_others_can_read_is_refused(root):
    os.chmod(root, 0o640)
    shown = lastcall("key", "show", root)
    assert shown.status == 2 and "chmod 600 " + root in shown.err, shown


# holds 3.2, 3.3
def test_a_controllers_grant_verifies_with_pyjwt(root, tmp_path):
    alice = str(tmp_path / "alice.key")
    out = str(tmp_path / "alice.grant")
    lastcall("key", "new", alice)
    done = lastcall("grant", "--root-key", root, "--subject",
                    "controller:alice", "--key", alice + ".pub", "--permit",
                    PERMIT, "--permit", "wts:list@*!reason", "--expires",
                    "90d", "--out", out)
    assert done.status == 0, done
    token = open(out).read().strip()
    claims, members = verifier(root).grant(token, int(time.time()))
    assert claims["sub"] == "controller:alice"
    assert claims["exp"] - claims["iat"] == 90 * 86400
    assert py.thumbprint(members) == py.public_thumbprint(load(alice
                                                               + ".pub"))
    first, second = claims["permit"]
    assert (first["backends"], set(first["actions"]),
            first["audiences"]) == (["plex"], {"stop", "list"},
                                    ["all", "group:*", "host:web-*"])
    assert second["require"] == ["reason"]


@pytest.mark.parametrize("wrong", [
    ["--subject", "operator:alice", "--permit", PERMIT],
    ["--subject", "controller:Alice", "--permit", PERMIT],
    ["--subject", "controller:alice"],
    ["--subject", "controller:alice", "--permit", "plex:stop"],
    ["--subject", "controller:alice", "--permit", "plex:explode@all"],
    ["--subject", "controller:alice", "--permit", PERMIT, "--groups", "a"],
    ["--subject", "host:web-01", "--permit", PERMIT],
])
def test_a_grant_that_makes_no_sense_is_not_signed(root, tmp_path, wrong):
    out = str(tmp_path / "grant")
    done = lastcall("grant", "--root-key", root, "--key", root + ".pub",
                    "--out", out, *wrong)
    assert done.status == 2 and done.err, done
    assert not os.path.exists(out)


def test_enroll_makes_all_that_a_host_needs(root, tmp_path, stage, broker,
                                            plex):
    plex.play("one")
    token = stages.write_file(str(tmp_path / "plex.token"), plex.token,
                              0o600)
    out = str(tmp_path / "media-01")
    done = lastcall("enroll", "media-01", "--root-key", root, "--groups",
                    "lobby,hall", "--out", out, "--broker", broker.uri,
                    "--plex", plex.url, "--plex-token-file", token)
    assert done.status == 0, done
    names = os.listdir(out)
    config = os.path.join(out, "worker.conf")
    # It is to be copied to the host, so nothing in it may name this place.
    moved = str(tmp_path / "etc-lastcall")
    os.rename(out, moved)
    out, config = moved, os.path.join(moved, "worker.conf")
    secret = [n for n in names if n.endswith(".key")]
    assert os.path.exists(config) and len(secret) == 1, names
    assert stat.S_IMODE(os.stat(os.path.join(out, secret[0])).st_mode) \
        == 0o600
    grant = next(open(os.path.join(out, n)).read().strip() for n in names
                 if n.endswith(".grant"))
    claims, _ = verifier(root).grant(grant, int(time.time()))
    assert claims["sub"] == "host:media-01"
    assert claims["groups"] == ["lobby", "hall"]
    state = str(tmp_path / "state")
    with open(config) as file:
        text = file.read()
    assert "state_dir" in text
    lines = ["state_dir = " + state
             if line.lstrip("; ").startswith("state_dir") else line
             for line in text.splitlines()]
    stages.write_file(config, "\n".join(lines) + "\n")
    checked = stages.run([processes.bin_path("lastcall-worker"), "--config",
                          config, "--check"])
    assert checked.status == 0, checked


def test_enroll_makes_what_a_windows_host_needs(root, tmp_path):
    out = tmp_path / "office-02"
    done = lastcall("enroll", "office-02", "--root-key", root, "--out",
                    str(out), "--broker", "mqtts://broker.example", "--wts")
    assert done.status == 0, done
    assert r"C:\ProgramData\Lastcall" in done.err, done
    text = (out / "worker.conf").read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n") > 10
    assert b'\r\n[server "desktop"]\r\nbackend = wts\r\n' in text
    assert b"; state_dir = C:\\ProgramData\\Lastcall\\state\r\n" in text
    # All of it is read, up to what only a Windows machine has.
    config = str(out / "worker.conf")
    checked = stages.run([processes.bin_path("lastcall-worker"), "--config",
                          config, "--check"])
    assert "is not in this build" in checked.out + checked.err, checked


class Files:
    """A token of each kind, as files."""

    def __init__(self, fleet, directory):
        self.fleet = fleet
        self.directory = directory
        self.root = stages.write_file(self.path("root.pub"),
                                      fleet.root.public_pem())

    def path(self, name):
        return os.path.join(str(self.directory), name)

    def verify(self, token, *arguments):
        path = stages.write_file(self.path("token.jwt"), token + "\n")
        return lastcall("verify", path, "--root", self.root, *arguments)


@pytest.fixture
def files(tmp_path):
    return Files(py.Fleet(), tmp_path)


# holds 2.1, 2.8
def test_verify_believes_what_pyjwt_signed(files):
    alice = files.fleet.controller("alice")
    command = py.make_command(files.fleet, alice, "all", {"action": "ping"})
    host = files.fleet.host("media-01")
    status = host.key.sign(py.TYP_STATUS, {
        "iss": host.subject, "iat": int(time.time()), "jti": py.fresh_id(),
        "status": {"state": "offline"}}, host.grant)
    for token in (command.token, status, alice.grant,
                  files.fleet.revocation({"*": 1})):
        done = files.verify(token)
        assert done.status == 0, done
        assert json.loads(done.out) == py.read_parts(token)[1]


def test_verify_reads_standard_input(files):
    alice = files.fleet.controller("alice")
    done = lastcall("verify", "--root", files.root, stdin=alice.grant)
    assert done.status == 0 and "controller:alice" in done.out, done


# holds 2.2, 2.3, 2.5, 3.2
def test_verify_refuses_what_does_not_hold(files):
    alice = files.fleet.controller("alice")
    other = py.Fleet().controller("alice")
    command = py.make_command(files.fleet, alice, "all", {"action": "ping"})
    head, body, signature = command.token.split(".")
    bad = [
        py.make_command(files.fleet, other, "all", {"action": "ping"}).token,
        py.make_command(files.fleet, alice, "all", {"action": "ping"},
                        key=other.key).token,
        py.make_command(files.fleet, alice, "all", {"action": "ping"},
                        iss="controller:bob").token,
        ".".join((head, py.b64url(b'{"iss":"x"}'), signature)),
        ".".join((head, body, py.b64url(bytes(64)))),
        files.fleet.revocation({}, root=other.key),
    ]
    for token in bad:
        done = files.verify(token)
        assert done.status == 6 and done.out == "", done
    for token in ("nonsense", "", head + ".." + signature):
        done = files.verify(token)
        assert done.status in (2, 6) and done.out == "", done


def test_wrong_usage_is_status_2():
    for arguments in ((), ("explode",), ("key",), ("key", "new"),
                      ("verify", "--no-such-flag"), ("stop", "--timeout"),
                      ("completion", "tcsh")):
        done = lastcall(*arguments)
        assert done.status == 2 and done.err, (arguments, done)
    assert lastcall("--help").status == 0
    assert "enroll" in lastcall("--help").out
    assert lastcall("stop", "--help").status == 0
    assert lastcall("--version").status == 0


@pytest.mark.parametrize("words, offered", [
    (("mess",), ["message"]),
    (("message", "--tit"), ["--title"]),
    (("logoff", "--tit"), []),
    (("message", "--style", "yes_no"), ["yes_no_cancel", "yes_no"]),
    (("message", "--style", "ok,wa"), ["ok,warning"]),
    (("message", "--title", ""), []),
    (("jobs", "re"), ["retry"]), (("jobs", "--la"), ["--last"]),
    (("maintenance", "st"), ["start", "status"]),
    (("maintenance", "cancel", "--y"), ["--yes"])])
def test_bash_completes(tmp_path, words, offered):
    script = tmp_path / "completion"
    script.write_text(lastcall("completion", "bash").out)
    shell = ('. "$1"; shift; COMP_WORDS=(lastcall "$@"); COMP_CWORD=$#; '
             '_lastcall; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", shell, "bash", script, *words],
                          capture_output=True, text=True, timeout=10)
    assert done.stdout.split() == offered and not done.stderr, done


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_name_the_commands(shell):
    done = lastcall("completion", shell)
    assert done.status == 0
    for word in ("stop", "hosts", "enroll", "--dry-run" if shell != "fish"
                 else "dry-run"):
        assert word in done.out, word
