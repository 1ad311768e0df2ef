"""What `lastcall` sends, reads and prints."""

import csv
import io
import json
import os
import re
import subprocess
import time

import pytest

import lastcall_py as py
import processes
import stage as stages
from desk import (BROKER, FALSE, OK, ONE, REFUSED, SILENT, USAGE,
                  free_broker)

# The forms of output.

def test_json_is_one_document_with_the_exit_status(desk):
    desk.plex.play("one", user="jdoe")
    done = desk.run(*ONE, "-o", "json", "--pass-thru")
    document = done.json()
    assert done.status == OK and document["exit"] == OK
    text = json.dumps(document)
    assert '"media-01"' in text and '"one"' in text and "jdoe" in text
    failed = desk.run(*ONE, "-o", "json")
    assert failed.status == FALSE and failed.json()["exit"] == FALSE


def test_ndjson_is_one_typed_line_an_event(desk):
    desk.plex.play("one")
    done = desk.run(*ONE, "-o", "ndjson")
    lines = done.ndjson()
    types = [line["type"] for line in lines]
    assert types[0] == "start" and types[-1] == "summary"
    assert "result" in types and lines[-1]["exit"] == done.status == OK


def test_csv_has_a_header_and_quotes(desk):
    desk.plex.play("one", user='j "d", oe')
    done = desk.run("sessions", "-o", "csv", "--fresh", "--all")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert done.status == OK and len(rows) == 1, done
    assert rows[0]["session_id"] == "one"
    assert rows[0]["username"] == 'j "d", oe'


def test_names_are_one_a_line(desk):
    assert desk.run("hosts", "-o", "names").out == "media-01\n"
    desk.plex.play("one")
    desk.plex.play("two")
    done = desk.run("sessions", "--fresh", "--all", "-o", "names")
    assert len(done.out.splitlines()) == 2 and "one" in done.out, done


def test_a_title_cannot_paint_the_terminal(desk):
    desk.plex.play("one", title="evil \x1b[31mred\x07 \u202e end")
    done = desk.run("sessions", "--fresh", "--all")
    assert done.status == OK and "evil" in done.out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", done.out), done


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv", "names"])
def test_the_exit_status_is_the_same_in_every_form(desk, form):
    assert desk.run(*ONE, "-o", form).status == FALSE
    desk.plex.play("one")
    assert desk.run(*ONE, "-o", form).status == OK


# What is sent.

# holds 1.6, 1.14, 2.6, 2.7, 6.1
def test_what_lastcall_signs_verifies_with_pyjwt_and_jwcrypto(desk):
    desk.plex.play("one")
    desk.run(*ONE, "--reason", "late", "--ttl", "45s")
    messages = desk.sent()
    assert messages
    for message in messages:
        token = message.payload.decode()
        claims = desk.wire.verifier.verify(token, py.TYP_COMMAND)
        py.verify_with_jwcrypto(token, claims)
        assert claims["iss"] == "controller:ops"
        assert claims["aud"] == "host:media-01"
        assert claims["exp"] - claims["iat"] == 45
        assert 40 <= message.properties.MessageExpiryInterval <= 45
        assert message.properties.ContentType == py.CONTENT_TYPE
        assert not message.retain
    request = py.read_parts(messages[-1].payload.decode())[1]["request"]
    assert request["action"] == "stop" and request["reason"] == "late"


# holds 1.12
def test_a_silent_host_is_sent_the_same_bytes_again(desk):
    desk.scene.worker.process.pause()
    try:
        desk.run(*ONE, "--timeout", "4s", "--ttl", "4s")
    finally:
        desk.scene.worker.process.resume()
    payloads = [m.payload for m in desk.sent()]
    assert len(payloads) == 3 and len(set(payloads)) == 1, len(payloads)


def test_dry_run_ends_nothing(desk):
    desk.plex.play("one", user="jdoe")
    for flag in ("-n", "--dry-run", "--what-if"):
        done = desk.run("stop", "--all", "--every", flag)
        assert done.status == OK and "jdoe" in done.out, done
    assert desk.plex.counters()["terminates"] == 0


def test_limit_is_each_hosts_own(desk):
    desk.plex.play("one")
    desk.plex.play("two")
    done = desk.run("stop", "--host", "media-01", "--every", "--yes",
                    "--limit", "1")
    assert done.status in (FALSE, REFUSED) and "limit_exceeded" in done.out
    assert desk.plex.counters()["terminates"] == 0


def test_shorthands_select(desk):
    desk.plex.play("one", user="jdoe", state="paused")
    desk.plex.play("two", user="jdoe")
    desk.plex.play("three", user="admin", state="paused")
    done = desk.run("stop", "--group", "lobby", "--user", "J*", "--state",
                    "paused", "--yes")
    assert done.status == OK and desk.plex.terminated() == ["one"], done


def test_end_and_targets(desk):
    _, other = desk.second_host(groups=["lobby"])
    desk.plex.play("one")
    other.play("two")
    done = desk.run("end", "--group", "lobby", "--every", "--yes")
    assert done.status == OK, done
    assert desk.plex.terminated() == ["one"]
    assert other.terminated() == ["two"]
    listed = os.path.join(desk.operator.directory, "hosts")
    stages.write_file(listed, "media-01\nmedia-02\n")
    done = desk.run("ping", "--hosts-file", listed, "-o", "json")
    assert done.status == OK and "media-02" in done.out
    assert desk.run("ping", "--host", "media-*", "-o", "names").status == OK


# What is read.

# holds 7.5
def test_hosts_tell_why_commands_were_dropped(desk):
    """A host never answers what it cannot attribute; its status counts it."""
    alice = desk.scene.alice
    alice.publish(desk.scene.fleet.topic("host", "media-01", "command"),
                  "no.token.atall")
    status = alice.await_status(
        "media-01", lambda s: any(name.startswith("dropped") or
                                  name == "encoding"
                                  for name in s["counters"]))
    done = desk.run("hosts", "-o", "ndjson")
    hosts = [line for line in map(json.loads, done.out.splitlines())
             if line.get("host") == "media-01"]
    assert done.status == OK and len(hosts) == 1
    assert hosts[0]["counters"] == status["counters"]


def test_hosts_are_told_from_the_retained_statuses(desk):
    _, _ = desk.second_host()
    done = desk.run("hosts", "-o", "json")
    assert done.status == OK
    text = json.dumps(done.json())
    assert "media-01" in text and "media-02" in text and "online" in text
    assert "lobby" in text
    desk.scene.worker.stop()
    rows = list(csv.DictReader(io.StringIO(desk.run("hosts", "-o",
                                                    "csv").out)))
    states = {row["host"]: row["state"] for row in rows}
    assert states == {"media-01": "offline", "media-02": "online"}
    assert desk.sent() == []


# holds 6.7, 7.6
def test_a_forged_status_is_not_believed(desk):
    rogue = py.Fleet().host("media-01")
    forged = rogue.key.sign(py.TYP_STATUS, {
        "iss": rogue.subject, "iat": int(time.time()), "jti": py.fresh_id(),
        "status": {"state": "offline", "boot_id": "b"}}, rogue.grant)
    desk.wire.publish(desk.scene.fleet.topic("host", "media-66", "status"),
                      forged, retain=True)
    done = desk.run("hosts", "-o", "names")
    assert "media-66" not in done.out, done
    assert "media-01" in done.out


def test_what_is_too_long_to_be_held_is_dropped_and_said(desk):
    assert "dropped" not in desk.run("hosts").err
    desk.wire.publish(desk.scene.fleet.topic("host", "media-66", "status"),
                      "x" * (4 * 1024 * 1024 + 1), retain=True)
    done = desk.run("hosts", "-o", "names")
    assert done.status == OK and "media-01" in done.out, done
    assert "messages dropped" in done.err and "held: 1;" in done.err, done


def test_sessions_are_read_without_asking_anyone(desk):
    desk.plex.play("one", user="jdoe")
    desk.wire.await_inventory("media-01", "home", lambda i: i["count"] == 1)
    done = desk.run("sessions", "--all", "-o", "json")
    assert done.status == OK and "jdoe" in done.out, done
    assert desk.sent() == []
    assert "jdoe" not in desk.run("sessions", "--all", "--user", "x*").out
    fresh = desk.run("sessions", "--all", "--fresh", "-o", "json")
    assert fresh.status == OK and "jdoe" in fresh.out
    assert len(desk.sent()) == 1


def test_a_name_that_nobody_knows_is_said(desk):
    done = desk.run("ping", "--host", "meda-01", "--timeout", "1s")
    assert done.status == SILENT, done
    assert "meda-01 has never published a status" in done.err, done


@pytest.mark.parametrize("argv", [("--help",), ("--version",),
                                  ("stop", "--help")])
def test_help_that_could_not_be_written_is_no_success(argv):
    with open("/dev/full", "w") as full:
        done = subprocess.run([processes.bin_path("lastcall"), *argv],
                              stdout=full, stderr=subprocess.PIPE, timeout=10)
    assert done.returncode == BROKER and done.stderr, done


@pytest.mark.parametrize("closed", ["<&- >&-", ">&-"])
def test_what_nobody_could_see_is_no_success(desk, closed):
    """Without standard output its number would be that of a connection."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" "$@" ' + closed,
         *desk.operator.argv("hosts")],
        env=desk.operator.environment(), stderr=subprocess.PIPE, text=True,
        timeout=60)
    assert done.returncode == BROKER, done
    assert "could not be written" in done.stderr, done


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv"])
def test_who_has_read_enough_is_told_no_error(desk, form):
    """As by `| head -1`; with more to say than a pipe takes, and with less."""
    for count in 0, 400:
        for number in range(count):
            desk.plex.play("s%d" % number, user="jdoe")
        desk.wire.await_inventory("media-01", "home",
                                  lambda i: i["count"] == count)
        done = subprocess.run(
            ["/bin/bash", "-c", '"$0" "$@" | true; echo "${PIPESTATUS[0]}"',
             *desk.operator.argv("sessions", "--all", "-o", form)],
            env=desk.operator.environment(), capture_output=True, text=True,
            timeout=60)
        assert (done.stdout, done.stderr) == ("0\n", ""), count


def test_ping_measures(desk):
    done = desk.run("ping", "--all", "-o", "json")
    assert done.status == OK and done.json()["exit"] == OK, done
    assert "media-01" in done.out


# holds 3.7, 3.8
def test_revoke_publishes_a_list_that_others_obey(desk):
    desk.plex.play("one")
    pub = stages.write_file(desk.stage.path("ops.pub"),
                            desk.operator.party.key.public_pem())
    flags = ["--root-key", desk.stage.path("root.key"), "--broker",
             desk.stage.broker.uri, "--root", desk.stage.path("root.pub")]
    done = stages.lastcall("revoke", *flags, pub)
    assert done.status == OK, done
    message = desk.wire.await_message(
        lambda m: m.topic == "lastcall/v1/trust/revoked", "the list")
    verifier = py.Verifier("lastcall", desk.scene.fleet.root.public)
    claims = verifier.revocation(message.payload.decode())
    assert list(claims["revoked"]) == [desk.operator.party.key.thumbprint]
    late = desk.stage.controller("late")
    late.subscribe("lastcall/v1/trust/revoked")
    assert late.await_message(lambda m: "revoked" in m.topic,
                              "list").retain
    time_out = desk.run(*ONE, "--timeout", "2s", "--ttl", "2s")
    assert time_out.status in (SILENT, REFUSED), time_out
    assert desk.plex.counters()["terminates"] == 0
    # A second key joins the first; the list is shown without a key.
    done = stages.lastcall("revoke", *flags,
                           "A" * 43)
    assert done.status == OK, done
    shown = stages.lastcall("revoke", *flags, "-o", "json")
    assert desk.operator.party.key.thumbprint in shown.out
    assert "A" * 43 in shown.out, shown


def test_the_list_is_shown_without_the_roots_private_key(desk):
    broker = ["--broker", desk.stage.broker.uri]
    root = ["--root", desk.stage.path("root.pub")]
    assert stages.lastcall("revoke", *broker, *root).out == ""
    assert stages.lastcall("revoke", "--root-key", desk.stage.path("root.key"),
                           *broker, "E" * 43).status == OK
    shown = stages.lastcall("revoke", *broker, *root)
    assert shown.status == OK and "E" * 43 in shown.out, shown
    # Which fleet's is a question; to add to it needs the private key.
    nobody = stages.lastcall("revoke", *broker)
    assert nobody.status == USAGE and "--root FILE" in nobody.err, nobody
    signed = stages.lastcall("revoke", *broker, *root, "A" * 43)
    assert signed.status == USAGE and "--root-key" in signed.err, signed
    # A list that the root did not sign is no list.
    desk.wire.publish(desk.scene.fleet.topic("trust", "revoked"), "rubbish",
                      retain=True)
    forged = stages.lastcall("revoke", *broker, *root)
    assert forged.status == REFUSED and forged.out == "", forged
    assert "refused" in forged.err, forged


# holds 3.8
def test_revoke_does_not_bury_the_list_of_another_root(desk):
    broker = ["--broker", desk.stage.broker.uri]
    ours = ["--root-key", desk.stage.path("root.key"), *broker]
    known = ["--root", desk.stage.path("root.pub")]
    wrong = desk.stage.path("wrong.key")
    assert stages.lastcall("key", "new", wrong).status == OK
    theirs = ["--root-key", wrong, *broker]
    # The root is known: no other key signs.
    done = stages.lastcall("revoke", *theirs, *known, "A" * 43)
    assert done.status == USAGE and "root" in done.err, done
    # It is not known, but a list is there that this key did not sign.
    assert stages.lastcall("revoke", *ours, "E" * 43).status == OK
    done = stages.lastcall("revoke", *theirs, "A" * 43)
    assert done.status == USAGE and "--root" in done.err, done
    assert "E" * 43 in stages.lastcall("revoke", *ours).out
    # Rubbish in its place keeps nobody from revoking who proves himself.
    desk.wire.publish(desk.scene.fleet.topic("trust", "revoked"), "rubbish",
                      retain=True)
    assert stages.lastcall("revoke", *ours, "I" * 43).status == USAGE
    assert stages.lastcall("revoke", *ours, *known, "I" * 43).status == OK
    assert "I" * 43 in stages.lastcall("revoke", *ours).out


# holds 3.7
def test_a_revoked_host_is_not_believed(desk):
    desk.plex.play("one")
    thumbprint = desk.scene.host.party.key.thumbprint
    desk.wire.publish(desk.scene.fleet.topic("trust", "revoked"),
                      desk.scene.fleet.revocation(
                          {thumbprint: int(time.time()) + 60}), retain=True)
    done = desk.run("hosts", "-o", "json")
    assert "online" not in done.out, done


# Settings.

def test_settings_come_from_file_environment_and_flags(desk):
    directory = os.path.join(desk.operator.directory, "lastcall")
    os.mkdir(directory)
    operator = desk.operator
    stages.write_file(os.path.join(directory, "controller.conf"), "\n".join([
        "[controller]", "key = " + operator.key, "grant = " + operator.grant,
        "root = " + operator.root, "[broker]", "uri = " + free_broker()])
        + "\n")
    env = operator.environment()
    argv = [processes.bin_path("lastcall"), "hosts", "-o", "names",
            "--timeout", "2s"]
    assert stages.run(argv, env=env).status == BROKER
    env["LASTCALL_BROKER"] = desk.stage.broker.uri
    assert stages.run(argv, env=env).out == "media-01\n"
    assert stages.run([*argv, "--broker", free_broker()],
                      env=env).status == BROKER


# holds 1.1
def test_plain_mqtt_is_for_loopback_only(desk):
    done = desk.run("hosts", "--broker", "mqtt://192.0.2.1")
    assert done.status == USAGE and "mqtts" in done.err, done


def test_tls_to_the_broker(stage, plex):
    stage.start_broker(with_tls=True)
    stage.worker(stage.host("media-01", {"home": plex})).start()
    operator = stage.operator()
    assert operator.run("ping", "--all").status == OK
    other = processes.Tls(stage.make_directory("other"))
    done = operator.run("ping", "--all", "--ca", other.ca, "--timeout", "2s")
    assert done.status == BROKER, done
