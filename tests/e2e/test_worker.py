"""The program lastcall-worker: settings, --check, --history, signals."""

import os
import signal
import sqlite3

import pytest

import processes
import stage as stages

STOP = {"action": "stop", "session_id": "one"}


def worker_run(host, *arguments, config=None):
    return stages.run([processes.bin_path("lastcall-worker"), "--config",
                       config or host.config, *arguments])


def line_of(path, text):
    with open(path) as file:
        for number, line in enumerate(file, 1):
            if text in line:
                return number
    raise AssertionError(text)


@pytest.fixture
def host(stage, broker, plex):
    return stage.host("media-01", {"home": plex})


def test_version_names_itself(host):
    done = worker_run(host, "--version")
    assert done.status == 0 and done.out.split()[-1][0].isdigit()


WRONG = [
    ("unknown key", "worker", "hots", "media-01", "hots"),
    ("unknown section", "workers", "host", "media-01", "workers"),
    ("no number", "policy", "max_sessions", "many", "max_sessions"),
    ("no duration", "worker", "clock_skew", "soon", "clock_skew"),
    ("out of range", "broker", "session_expiry", "1s", "session_expiry"),
    ("no name", "worker", "host", "Media_01", "host"),
    ("protect does not parse", "policy", "protect", "user ==", "protect"),
    ("allow does not parse", "policy", "allow", "plex:explode", "allow"),
]


# holds 1.2
@pytest.mark.parametrize("section, key, value, named",
                         [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_setting_is_refused_with_its_place(host, section, key, value,
                                                   named):
    host.sections.setdefault(section, {})[key] = value
    host.write_config()
    line = line_of(host.config, named)
    for arguments in ((), ("--check",)):
        done = worker_run(host, *arguments)
        text = done.out + done.err
        assert done.status == 1 and named in text, done
        assert "worker.conf:%d" % line in text or section == "policy", done


# holds 1.1
def test_plain_mqtt_is_for_loopback_only(host):
    host.sections["broker"]["uri"] = "mqtt://broker.example"
    host.write_config()
    done = worker_run(host)
    assert done.status != 0 and "mqtts" in done.out + done.err


@pytest.mark.parametrize("name", ["host.key", "home.token"])
def test_a_secret_that_others_can_read_is_refused(host, name):
    os.chmod(host.path(name), 0o644)
    for arguments in ((), ("--check",)):
        done = worker_run(host, *arguments)
        text = done.out + done.err
        assert done.status != 0, done
        assert "chmod 600 " + host.path(name) in text, done


def test_a_missing_key_is_named(host):
    os.unlink(host.path("host.key"))
    for arguments in ((), ("--check",)):
        done = worker_run(host, *arguments)
        text = done.out + done.err
        assert done.status == 1 and host.path("host.key") in text, done
        assert "lastcall enroll makes" in text, done


def test_a_missing_token_is_named(host):
    os.unlink(host.path("home.token"))
    done = worker_run(host, "--check")
    assert done.status == 1, done
    assert host.path("home.token") + ": is not there; write" in done.out, done


def test_a_grant_for_another_key_is_refused(stage, host):
    other = stage.fleet.host("media-01")
    stages.write_file(host.path("host.grant"), other.grant)
    done = worker_run(host)
    assert done.status != 0 and "grant" in done.out + done.err


# holds 3.2
def test_a_grant_of_another_root_is_refused(host):
    import lastcall_py as py
    stranger = py.Fleet()
    stages.write_file(host.path("host.grant"), stranger.grant(
        "host:media-01", host.party.key, groups=[]))
    done = worker_run(host)
    assert done.status != 0 and "grant" in done.out + done.err


def test_check_finds_nothing_wrong(host):
    done = worker_run(host, "--check")
    assert done.status == 0, done


def test_check_names_what_is_wrong(stage, host, plex):
    plex.options(**{"pass": False})
    no_pass = worker_run(host, "--check")
    assert "Pass" in no_pass.out + no_pass.err, no_pass
    assert no_pass.status == 1
    plex.options(**{"pass": True})
    plex.life("refuse")
    no_server = worker_run(host, "--check")
    assert no_server.status == 1 and "home" in no_server.out + no_server.err
    plex.life("up")
    stages.write_file(host.path("home.token"), "wrong\n", 0o600)
    no_token = worker_run(host, "--check")
    assert no_token.status == 1 and "token" in no_token.out + no_token.err
    stages.write_file(host.path("home.token"), plex.token, 0o600)
    stage.broker.stop()
    no_broker = worker_run(host, "--check")
    assert no_broker.status == 1
    assert str(stage.broker.port) in no_broker.out + no_broker.err
    assert plex.counters()["terminates"] == 0


# History.

def history(host, *arguments):
    return worker_run(host, "--history", *arguments)


def test_history_tells_what_was_asked_and_done(scene):
    scene.plex.play("one")
    command = scene.alice.send(scene.alice.command("host:media-01", STOP))
    scene.alice.await_result(command, "media-01")
    scene.ask({"action": "logoff", "session_id": "x"})
    done = history(scene.host)
    assert done.status == 0, done
    assert command.jti in done.out and "controller:alice" in done.out
    assert "stop" in done.out and "ok" in done.out
    assert len(history(scene.host, "1").out.splitlines()) < len(
        done.out.splitlines())
    verified = history(scene.host, "--verify")
    assert verified.status == 0, verified


def changes(database):
    """Ways to cover one's tracks."""
    tables = [row[0] for row in database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return next(t for t in tables if "history" in t or "audit" in t)


@pytest.mark.parametrize("tamper", ["change", "remove"])
def test_a_tampered_history_is_noticed(scene, tamper):
    for name in ("one", "two", "three"):
        scene.plex.play(name)
        scene.ask({"action": "stop", "session_id": name})
    scene.worker.stop()
    assert history(scene.host, "--verify").status == 0
    path = os.path.join(scene.host.state_dir, "journal.db")
    database = sqlite3.connect(path)
    table = changes(database)
    middle = database.execute("SELECT rowid FROM %s ORDER BY rowid LIMIT 1 "
                              "OFFSET 2" % table).fetchone()[0]
    if tamper == "change":
        database.execute("UPDATE %s SET issuer = 'controller:bob' "
                         "WHERE rowid = ?" % table, (middle,))
    else:
        database.execute("DELETE FROM %s WHERE rowid = ?" % table, (middle,))
    database.commit()
    database.close()
    done = history(scene.host, "--verify")
    assert done.status == 1, done
    assert str(middle) in done.out + done.err or \
        str(middle + 1) in done.out + done.err, done


# Signals.

def test_sighup_takes_a_new_file(scene):
    scene.plex.play("one", user="ceo")
    scene.host.sections["policy"] = {"protect": "username == 'ceo'"}
    scene.host.write_config()
    scene.worker.reload()
    scene.worker.process.await_line(r"RELOAD")
    result = scene.ask(STOP)
    assert (result["success"], result["code"]) == (False, "protected")
    assert scene.plex.counters()["terminates"] == 0


# holds 7.9
def test_numbers_go_on_after_a_reload(scene):
    wait = scene.alice.await_event
    wait_list = scene.alice.await_inventory
    scene.plex.play("one")
    one = wait("media-01", "home", lambda e: e["kind"] == "started")
    before = wait_list("media-01", "home", lambda i: i["count"] == 1)
    mark = scene.alice.mark()
    scene.worker.reload()
    after = wait_list("media-01", "home", lambda i: i["reachable"],
                      after=mark)
    scene.plex.play("two")
    two = wait("media-01", "home", lambda e: e["kind"] == "started",
               after=mark)
    assert after["boot_id"] == before["boot_id"] == two["boot_id"]
    assert after["seq"] > before["seq"]
    assert two["session"]["session_id"] == "two"
    assert two["seq"] > one["seq"]


def test_sighup_with_a_bad_file_keeps_the_old_one(scene):
    scene.plex.play("one")
    scene.host.write_config("[policy]\nallow = nothing\n")
    scene.worker.reload()
    scene.worker.process.await_line(r"worker\.conf.*allow|allow.*worker\.conf")
    assert scene.ask(STOP)["code"] == "ok"


def test_sighup_with_a_fault_that_shows_late_keeps_the_old_one(scene):
    scene.plex.play("one")
    keys = scene.host.servers["home"]
    keys["token_file"] = scene.host.path("nowhere.token")
    scene.host.write_config()
    scene.worker.reload()
    scene.worker.process.await_line(r"RELOAD-FAIL.*nowhere\.token")
    assert scene.ask(STOP)["code"] == "ok"


def test_sigterm_finishes_what_runs(scene):
    scene.plex.play("one")
    scene.plex.fault("delay", path="*/terminate", ms=500)
    command = scene.alice.send(scene.alice.command("host:media-01", STOP))
    scene.plex.await_terminates(1)
    scene.worker.process.send(signal.SIGTERM)
    assert scene.alice.await_result(command, "media-01")["code"] == "ok"
    assert scene.worker.process.wait() == 0


def test_without_standard_error_its_lines_go_nowhere_else(stage, broker, plex):
    """The first file that it opens would be its standard error."""
    host = stage.host("media-01", {"home": plex})
    observer = stage.observer()
    stage.adopt(processes.Process(
        "worker", ["/bin/sh", "-c", 'exec "$0" "$@" 2>&-',
                   processes.bin_path(host.program), "--config", host.config]))
    observer.await_status(host.name, lambda s: s["state"] == "online")
    assert os.path.getsize(os.path.join(host.state_dir, "lock")) == 0


def test_two_workers_do_not_share_a_state_directory(scene):
    second = scene.stage.worker(scene.host).spawn()
    assert second.process.wait() != 0
    scene.fence()
