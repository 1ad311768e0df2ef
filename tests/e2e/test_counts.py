"""Efficiency as counts: what is done once and what is not done at all."""

import lastcall_py as py

COMMANDS = 40


def test_many_commands_use_one_http_connection(scene):
    for number in range(COMMANDS):
        scene.plex.play("s-%d" % number)
    commands = [scene.alice.send(scene.alice.command(
        "host:media-01", {"action": "stop", "session_id": "s-%d" % number}),
        wait=False) for number in range(COMMANDS)]
    for command in commands:
        assert scene.alice.await_result(command, "media-01")["success"]
    counters = scene.plex.counters()
    assert counters["terminates"] == COMMANDS
    # And one that follows the event stream.
    assert counters["connections"] == 1 + counters["streams"] == 2, counters


def test_the_token_is_never_in_a_url(scene):
    scene.plex.play("one")
    scene.ask({"action": "stop", "session_id": "one"})
    log = scene.plex.requests()
    assert len(log) >= 2 and not any(r["token_in_url"] for r in log)
    assert scene.plex.token not in scene.worker.process.output()


def test_secrets_are_in_no_message(scene):
    scene.plex.play("one")
    scene.ask({"action": "list"})
    scene.ask({"action": "stop", "session_id": "one"})
    for message in scene.alice.since(0):
        for part in message.payload.split(b".")[:2]:
            text = py.unb64url(part.decode())
            assert scene.plex.token.encode() not in text


def test_a_redirect_is_not_followed(scene):
    elsewhere = scene.stage.standin()
    scene.plex.play("one")
    scene.plex.fault("redirect", location=elsewhere.url + "/status/sessions",
                     sticky=True)
    result = scene.ask({"action": "stop", "session_id": "one"})
    assert not result["success"]
    assert elsewhere.counters()["requests"] == 0
