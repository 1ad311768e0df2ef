"""The main job: a signed stop reaches Plex, the signed answer comes back."""

import pytest

import lastcall_py as py

REASONS = [
    "Maintenance at nine",
    "Fünf Minuten – schöne Grüße, こんにちは",
    "\U0001f6d1 stop \U0001f3ac",
    "\"double\" 'single' `back` \\ slash",
    "a&b=c#d%20e%e+f~g;h?i/j",
    "first line\nsecond line",
    "100%",
    " surrounded ",
    "x" * 512,
    "\U0001f3ac" * 512,
]


# holds 5.7, 6.1, 6.2, 6.3, 1.5
@pytest.mark.parametrize("reason", REASONS, ids=range(len(REASONS)))
def test_a_stop_by_id_with_its_reason(scene, reason):
    scene.plex.play("wanted-1", user="jdoe")
    scene.plex.play("other-1")
    command = scene.alice.send(scene.alice.command(
        "host:media-01", {"action": "stop", "session_id": "wanted-1",
                          "reason": reason}))
    claims = scene.alice.await_claims(command, "media-01")
    result = claims["result"]
    assert (result["success"], result["code"]) == (True, "ok")
    assert (result["matched"], result["succeeded"],
            result["failed"]) == (1, 1, 0)
    assert result["action"] == "stop" and not result["dry_run"]
    assert not result["replayed"]
    assert [s["session_id"] for s in result["sessions"]] == ["wanted-1"]
    terminates = scene.plex.terminates()
    assert [t.session_id for t in terminates] == ["wanted-1"]
    assert terminates[0].reason == reason.encode()


def test_a_stop_without_a_reason_sends_none(scene):
    scene.plex.play("wanted-1")
    assert scene.ask({"action": "stop", "session_id": "wanted-1"})["success"]
    assert [t.reason for t in scene.plex.terminates()] == [None]


# holds 5.12, 6.2
def test_a_stop_by_where(scene):
    scene.plex.play("paused-1", user="jdoe", state="paused")
    scene.plex.play("paused-2", user="Admin", state="paused")
    scene.plex.play("playing-1", user="jdoe")
    result = scene.ask({
        "action": "stop", "backend": "plex", "server": "home",
        "where": "state == 'paused' and not (username ~ 'adm*')",
        "pass_thru": True})
    assert (result["success"], result["code"]) == (True, "ok")
    assert scene.plex.terminated() == ["paused-1"]
    before = result["sessions"][0]["session"]
    assert before["username"] == "jdoe" and before["state"] == "paused"


# holds 5.10
def test_a_fresh_list_has_every_field_of_a_session(scene):
    scene.plex.play("one", user="jdoe", title="Alien")
    result = scene.ask({"action": "list"})
    session = result["sessions"][0]["session"]
    assert {"session_id", "server", "backend", "username", "state",
            "client_name", "client_address", "is_local", "started_at",
            "idle_s", "endable"} <= set(session)
    assert (session["session_id"], session["username"], session["server"],
            session["backend"], session["media_title"],
            session["endable"]) == ("one", "jdoe", "home", "plex", "Alien",
                                    True)


# holds 1.3, 3.6
@pytest.mark.parametrize("audience", ["all", "group:lobby", "host:media-01"])
def test_every_address_reaches_the_host(scene, audience):
    scene.plex.play("wanted-1")
    command = scene.alice.send(scene.alice.command(
        audience, {"action": "end", "session_id": "wanted-1"}))
    result = scene.alice.await_result(command, "media-01")
    assert result["success"] and scene.plex.terminated() == ["wanted-1"]


# holds 3.6
def test_a_group_that_the_grant_does_not_name_is_not_heard(scene):
    scene.plex.play("wanted-1")
    command = scene.alice.send(scene.alice.command(
        "group:kitchen", {"action": "end", "session_id": "wanted-1"}))
    scene.fence()
    assert scene.alice.results(command, "media-01") == []
    assert scene.plex.terminated() == []


# holds 5.5
def test_a_dry_run_makes_no_terminate_request(scene):
    scene.plex.play("one")
    scene.plex.play("two")
    result = scene.ask({"action": "stop", "where": "endable",
                        "dry_run": True})
    assert (result["success"], result["dry_run"], result["matched"]) == (
        True, True, 2)
    assert {s["session"]["session_id"]
            for s in result["sessions"]} == {"one", "two"}
    scene.fence()
    assert scene.plex.counters()["terminates"] == 0


# holds 4.12
def test_a_replayed_token_returns_the_stored_result(scene):
    scene.plex.play("wanted-1")
    command = scene.alice.command(
        "host:media-01", {"action": "stop", "session_id": "wanted-1"})
    scene.alice.send(command)
    first = scene.alice.await_result(command, "media-01")
    assert first["code"] == "ok" and not first["replayed"]
    mark = scene.alice.mark()
    scene.plex.play("wanted-1")  # a new playback under the same id
    scene.alice.send(command)
    again = scene.alice.await_result(command, "media-01", after=mark)
    assert again.pop("replayed") is True
    del first["replayed"]
    assert again == first
    scene.fence()
    assert scene.plex.terminated() == ["wanted-1"]


# holds 4.13
def test_a_duplicate_of_a_running_command_is_not_answered(scene):
    scene.plex.play("wanted-1")
    scene.plex.fault("hang", path="*/terminate", effect=True)
    command = scene.alice.command(
        "host:media-01", {"action": "stop", "session_id": "wanted-1"})
    scene.alice.send(command)
    scene.plex.await_terminates(1)
    scene.alice.send(command)
    scene.alice.send(command)
    # A ping passes the duplicates in the pipeline, not the hung server.
    scene.ask({"action": "ping"})
    assert scene.alice.results(command, "media-01") == []
    scene.plex.release()
    scene.alice.await_result(command, "media-01")
    scene.fence()
    assert len(scene.alice.results(command, "media-01")) == 1
    assert scene.plex.counters()["terminates"] == 1


# holds 4.14
def test_other_bytes_under_a_known_id_are_refused(scene):
    scene.plex.play("one")
    scene.plex.play("two")
    first = scene.alice.send(scene.alice.command(
        "host:media-01", {"action": "stop", "session_id": "one"}))
    scene.alice.await_result(first, "media-01")
    mark = scene.alice.mark()
    second = scene.alice.send(scene.alice.command(
        "host:media-01", {"action": "stop", "session_id": "two"},
        jti=first.jti))
    result = scene.alice.await_result(second, "media-01", after=mark)
    assert (result["success"], result["code"]) == (False, "invalid_request")
    scene.fence()
    assert scene.plex.terminated() == ["one"]


# holds 6.4
def test_what_matches_nothing(scene):
    by_id = scene.ask({"action": "stop", "session_id": "nobody"})
    assert (by_id["success"], by_id["code"]) == (False, "not_found")
    by_where = scene.ask({"action": "stop", "where": "endable"})
    assert (by_where["success"], by_where["code"]) == (True, "no_match")


# holds 5.2
def test_a_server_or_kind_that_is_not_there(scene):
    unknown = scene.ask({"action": "stop", "session_id": "x",
                         "server": "attic"})
    assert (unknown["success"], unknown["code"]) == (False, "not_found")
    other_kind = scene.ask({"action": "logoff", "session_id": "x"})
    assert (other_kind["success"], other_kind["code"]) == (False,
                                                           "unsupported")


# holds 5.4
def test_a_precondition_that_fails_leaves_the_session_alone(scene):
    scene.plex.play("one", user="jdoe")
    changed = scene.ask({"action": "stop", "session_id": "one",
                         "precondition": {"username": "somebody"}})
    assert (changed["success"], changed["code"]) == (False, "changed")
    assert scene.plex.counters()["terminates"] == 0
    met = scene.ask({"action": "stop", "session_id": "one",
                     "precondition": {"username": "jdoe"}})
    assert (met["success"], met["code"]) == (True, "ok")
    assert scene.plex.terminated() == ["one"]


# holds 5.6
def test_a_limit_that_is_exceeded_touches_none(scene):
    for name in ("one", "two", "three"):
        scene.plex.play(name)
    result = scene.ask({"action": "stop", "where": "endable", "limit": 2})
    assert (result["success"], result["code"]) == (False, "limit_exceeded")
    assert result["matched"] == 3
    scene.fence()
    assert scene.plex.counters()["terminates"] == 0
    result = scene.ask({"action": "stop", "where": "endable", "limit": 3})
    assert (result["success"], result["succeeded"]) == (True, 3)


# holds 5.9
def test_a_splayed_answer_comes_within_its_time(scene):
    result = scene.ask({"action": "ping", "splay_s": 1})
    assert result["code"] == "ok"


# holds 5.9
def test_a_splayed_answer_keeps_nobody_waiting(scene):
    late = scene.alice.send(scene.alice.command(
        "host:media-01", {"action": "ping", "splay_s": 3600}))
    assert scene.ask({"action": "ping"})["code"] == "ok"
    scene.fence()
    # A random part of an hour is a few milliseconds once in a million runs.
    assert not [m for m in scene.alice.since(0) if late.jti in m.topic]


# holds 1.14, 1.5
def test_results_name_their_content_type_and_no_reply_topic_is_obeyed(scene):
    properties = py.Properties(py.PacketTypes.PUBLISH)
    properties.ResponseTopic = "elsewhere/inbox"
    properties.CorrelationData = b"guess"
    properties.UserProperty = ("controller", "mallory")
    scene.alice.subscribe("elsewhere/#")
    command = scene.alice.command("host:media-01", {"action": "ping"})
    scene.alice.publish(command.topic, command.token, properties=properties)
    scene.alice.await_result(command, "media-01")
    scene.fence()
    arrived = scene.alice.since(0)
    assert not [m for m in arrived if m.topic.startswith("elsewhere")]
    assert {m.properties.ContentType for m in arrived} == {"application/jwt"}
