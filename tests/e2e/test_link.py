"""The broker goes and comes back, and so does the worker."""

import re
import signal

import processes
import stage as stages

PING = {"action": "ping"}
WILL_DELAY = 15


# holds 1.11, 1.13
def test_a_restarted_broker_is_found_again(scene):
    scene.plex.play("one")
    scene.broker.kill()
    scene.broker.start()
    # This broker knows nothing: status and inventories are born again.
    carol = scene.stage.controller("carol")
    status = carol.await_status("media-01",
                                lambda s: s["state"] == "online")
    assert status["boot_id"] == scene.worker.boot_id
    carol.await_inventory("media-01", "home")
    # And all subscriptions are back.
    for audience in ("all", "group:lobby", "host:media-01"):
        command = carol.send(carol.command(audience, PING))
        assert carol.await_result(command, "media-01")["code"] == "ok"
    party = scene.alice.party
    carol.publish(scene.fleet.topic("trust", "revoked"),
                  scene.fleet.revocation({party.key.thumbprint: 2 ** 33}))
    topic = scene.fleet.topic("host", "+", "result", "#")
    carol.subscribe(topic)
    command = carol.send(carol.command("host:media-01", PING, key=party.key,
                                       grant=party.grant, iss=party.subject))
    carol.ask("media-01", PING)
    assert not carol.since(0, lambda m: command.jti in m.topic)


def test_a_broker_that_comes_late_is_awaited(stage, plex):
    stage.start_broker()
    host = stage.host("media-01", {"home": plex})
    stage.broker.stop()
    worker = stage.worker(host).spawn()
    worker.process.await_line(r"LINK-|CONNECT")
    stage.broker.start()
    alice = stage.controller()
    alice.await_status("media-01", lambda s: s["state"] == "online")
    assert alice.ask("media-01", PING)["code"] == "ok"


def test_a_small_broker_is_not_fed_what_it_must_hang_up_on(stage, plex):
    """A packet over the broker's Maximum Packet Size ends the connection
    (MQTT 5.0, 3.1.2.11.4): it is withheld, and the rest goes on."""
    for number in range(8):
        plex.play("session-%d" % number)
    stage.start_broker(extra=["max_packet_size 5000"])
    host = stage.host("media-01", {"home": plex})
    worker = stage.worker(host).start()
    worker.process.await_line(r"PUBLISH-FAIL .*/sessions/home")
    alice = stage.controller()
    alice.await_status("media-01", lambda s: s["state"] == "online")
    assert alice.ask("media-01", PING)["code"] == "ok"
    listing = alice.send(alice.command("host:media-01", {"action": "list"}))
    worker.process.await_line(r"RESULT-LARGE")
    assert alice.ask("media-01", PING)["code"] == "ok"
    assert alice.results(listing, "media-01") == []
    assert "LINK-LOST" not in worker.process.output()


# holds 1.8
def test_a_command_sent_during_a_blip_still_arrives(scene):
    scene.plex.play("one")
    scene.worker.kill()
    command = scene.alice.send(scene.alice.command(
        "host:media-01", {"action": "stop", "session_id": "one"}))
    assert scene.alice.results(command, "media-01") == []
    scene.worker.start()
    assert scene.alice.await_result(command, "media-01")["code"] == "ok"
    assert scene.plex.terminated() == ["one"]


# holds 1.9, 7.6
def test_the_will_tells_that_a_worker_died(scene):
    mark = scene.alice.mark()
    scene.worker.kill()
    status = scene.alice.await_status(
        "media-01", lambda s: s["state"] == "offline", after=mark,
        timeout=WILL_DELAY + processes.PATIENCE)
    assert status["boot_id"] == scene.worker.boot_id
    # It is retained: whoever comes later knows it too.
    late = scene.stage.controller("carol")
    assert late.await_status("media-01")["state"] == "offline"


# holds 7.7
def test_a_clean_stop_says_so_itself(scene):
    mark = scene.alice.mark()
    assert scene.worker.process.stop(signal.SIGTERM) == 0
    offline = scene.alice.await_status(
        "media-01", lambda s: s["state"] == "offline", after=mark,
        timeout=WILL_DELAY / 2)
    assert offline["boot_id"] == scene.worker.boot_id


# holds 7.5
def test_a_status_tells_what_a_host_is(scene):
    status = scene.alice.await_status("media-01")
    assert status["protocol"] == 1 and status["maintenance"] == []
    assert status["version"] and status["os"]
    status = scene.alice.await_status(
        "media-01", lambda s: s["servers"][0]["reachable"]
        and s["servers"][0]["version"])
    server = status["servers"][0]
    assert (server["name"], server["backend"]) == ("home", "plex")
    assert server["version"].startswith("1.43")
    assert {"list", "stop", "end"} <= set(server["actions"])
    assert server["sessions"] == 0


# holds 1.1
def test_tls_to_the_broker(stage, plex):
    stage.start_broker(with_tls=True)
    host = stage.host("media-01", {"home": plex})
    stage.worker(host).start()
    alice = stage.controller()
    assert alice.ask("media-01", PING)["code"] == "ok"


# holds 1.1
def test_a_broker_that_its_authority_does_not_vouch_for_is_refused(
        stage, plex):
    stage.start_broker(with_tls=True)
    host = stage.host("media-01", {"home": plex})
    other = processes.Tls(stage.make_directory("other-authority"))
    host.sections["broker"]["ca"] = other.ca
    host.write_config()
    worker = stage.worker(host).spawn()
    stage.broker.process.await_line(r"(?i)alert unknown ca|unknown ca")
    worker.process.await_line(r"LINK-|CONNECT")
    assert stage.observer().since(0) == []


# holds 1.4
def test_worker_and_controller_live_within_the_two_patterns(stage, plex):
    from stage import acl
    names = ("alice", "observer", "media-01")
    stage.start_broker(acl=acl("alice", "observer"),
                       passwords={n: "pw-" + n for n in names})
    plex.play("one")
    host = stage.host("media-01", {"home": plex}, groups=["lobby"])
    stage.worker(host).start()
    alice = stage.controller()
    command = alice.send(alice.command(
        "group:lobby", {"action": "stop", "session_id": "one"}))
    assert alice.await_result(command, "media-01")["code"] == "ok"
    alice.await_event("media-01", "home", lambda e: e["kind"] == "ended")


def test_check_says_that_the_broker_wants_a_certificate(stage, plex):
    """TLS 1.3 tells the client only after its own handshake is over."""
    authority = processes.Tls(stage.make_directory("tls"))
    stage.start_broker(tls=authority, extra=[
        "cafile " + authority.ca, "require_certificate true",
        "use_identity_as_username true"])
    host = stage.host("media-01", {"home": plex})
    check = [processes.bin_path("lastcall-worker"), "--config", host.config,
             "--check"]
    done = stages.run(check)
    assert done.status == 1, done
    assert re.search("FAIL broker: .*(wants one of ours|certificate required)",
                     done.out), done
    host.sections["broker"].update(cert=authority.cert, cert_key=authority.key)
    host.write_config()
    done = stages.run(check)
    assert done.status == 0, done
