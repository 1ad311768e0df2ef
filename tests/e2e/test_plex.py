"""What Plex answers, and what the operator is told of it."""

import pytest

import stage as stages
from standin import SHARED_TOKEN, TOKEN

STOP = {"action": "stop", "session_id": "one"}
TERMINATE = "*/terminate"


def code_of(result):
    return result["success"], result["code"]


# holds 6.6
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_not_the_owners(stage, broker, plex, status):
    plex.options(non_owner_status=status)
    plex.play("one")
    plex.token = SHARED_TOKEN
    host = stage.host("media-01", {"home": plex})
    stage.worker(host).start()
    result = stage.controller().ask("media-01", STOP)
    assert code_of(result) == (False, "denied")
    assert result["servers"][0]["code"] == "denied"
    assert plex.terminated() == []


# holds 6.6
def test_a_server_without_plex_pass(scene):
    scene.plex.play("one")
    scene.plex.options(**{"pass": False})
    result = scene.ask(STOP)
    assert code_of(result) == (False, "no_plex_pass")
    assert scene.plex.listed() == ["one"]
    # Listing needs no Pass.
    assert scene.ask({"action": "list"})["matched"] == 1


# holds 6.3, 6.6
def test_a_session_that_ended_in_between(scene):
    scene.plex.play("one", react="race404")
    assert code_of(scene.ask(STOP)) == (True, "already_gone")


# holds 6.6
def test_a_404_for_a_session_that_is_still_listed(scene):
    scene.plex.play("one")
    scene.plex.fault("status", path=TERMINATE, status=404, sticky=True)
    result = scene.ask(STOP)
    assert code_of(result) == (False, "not_found")


# holds 5.8
@pytest.mark.parametrize("react", ["ignore", "noeffect"])
def test_a_client_that_goes_on(scene, react):
    scene.plex.play("one", react=react)
    result = scene.ask({**STOP, "confirm_s": 1})
    assert code_of(result) == (False, "unconfirmed")
    assert scene.plex.counters()["terminates"] == 1


# holds 5.8
def test_a_client_that_comes_back(scene):
    scene.plex.play("one", react="zombie", after_ms=700)
    result = scene.ask({**STOP, "confirm_s": 3})
    assert code_of(result) == (False, "reappeared")
    assert scene.plex.counters()["terminates"] == 1


# holds 5.8
def test_a_client_that_resumes_under_another_id(scene):
    scene.plex.play("one", react="resume", after_ms=700)
    result = scene.ask({**STOP, "confirm_s": 3})
    assert code_of(result) == (False, "reappeared")


# holds 5.8
def test_a_client_that_takes_its_time_is_confirmed(scene):
    scene.plex.play("one", react="delayed", after_ms=700)
    result = scene.ask({**STOP, "confirm_s": 3})
    assert code_of(result) == (True, "ok")


def test_a_lost_answer_is_settled_by_listing(scene):
    scene.plex.play("one", react="lost")
    assert code_of(scene.ask(STOP)) == (True, "ok")
    assert scene.plex.counters()["terminates"] == 1


def test_an_answer_lost_without_effect_is_not_repeated(scene):
    scene.plex.play("one")
    scene.plex.fault("reset", path=TERMINATE)
    result = scene.ask(STOP)
    assert not result["success"]
    assert scene.plex.counters()["terminates"] == 1
    assert scene.plex.listed() == ["one"]


# holds 6.6
def test_an_id_that_meanwhile_names_something_else(stage, broker, plex):
    """While the first session of a command takes its time, the second one's
    id passes to another item."""
    plex.play("first")
    key = plex.play("second")
    # Nobody but the command itself shall list.
    host = stage.host("media-01", {
        "home": (plex, {"sessions_interval": "1h"})})
    stage.worker(host).start()
    alice = stage.controller()
    alice.await_inventory("media-01", "home", lambda i: i["count"] == 2)
    plex.fault("delay", path=TERMINATE, ms=1000)
    plex.swap(key, "next_list")
    result = alice.ask("media-01", {"action": "stop", "where": "endable"})
    assert not result["success"]
    codes = {s["session_id"]: s["code"] for s in result["sessions"]}
    assert codes == {"first": "ok", "second": "changed"}
    assert plex.terminated() == ["first"]


def test_an_id_that_names_two_is_refused(scene):
    scene.plex.play("one", user="jdoe")
    scene.plex.play("one", user="jroe")
    result = scene.ask(STOP)
    assert not result["success"]
    assert {s["code"] for s in result["sessions"]} == {"not_endable"}
    assert scene.plex.counters()["terminates"] == 0


@pytest.mark.parametrize("session_id", [
    "0f1e2d3c4b5a6978-com-plexapp-android", "token=abc&x=y", "a b+c%20d",
    "ümläut", "\"quoted\"", "a/b/../c?d#e"])
def test_odd_ids_reach_the_server_unchanged(scene, session_id):
    scene.plex.play(session_id)
    result = scene.ask({"action": "stop", "session_id": session_id})
    assert code_of(result) == (True, "ok")
    assert scene.plex.terminated() == [session_id]


# holds 6.5, 6.6
@pytest.mark.parametrize("fault, code", [
    ({"fault": "status", "status": 500}, "server_error"),
    ({"fault": "status", "status": 503}, "unreachable"),
    ({"fault": "garbage"}, "server_error"),
    ({"fault": "html"}, "server_error"),
    ({"fault": "null"}, "server_error"),
    ({"fault": "deep"}, "server_error"),
    ({"fault": "truncated"}, "server_error"),
    ({"fault": "huge", "bytes": 20000000}, "server_error"),
], ids=lambda value: value.get("fault") + str(value.get("status", ""))
    if isinstance(value, dict) else "")
def test_a_list_that_cannot_be_read(scene, fault, code):
    scene.plex.play("one")
    scene.plex.fault(path="/status/sessions", sticky=True, **fault)
    result = scene.ask({"action": "stop", "where": "endable"})
    assert not result["success"]
    assert result["servers"][0]["code"] in (code, "server_error"), result
    assert scene.plex.counters()["terminates"] == 0
    scene.plex.release()
    assert code_of(scene.ask(STOP)) == (True, "ok")


@pytest.mark.parametrize("dialect", ["a", "b"])
def test_both_dialects_of_scalars_read_the_same(scene, dialect):
    scene.plex.options(dialect=dialect)
    scene.plex.play("one", user="jdoe", viewOffset=61000)
    session = scene.ask({"action": "list"})["sessions"][0]["session"]
    assert session["view_offset_ms"] == 61000
    assert session["duration_ms"] == 5400000
    assert session["is_local"] is True
    result = scene.ask({"action": "stop", "where": "is_local"})
    assert code_of(result) == (True, "ok")


def test_a_token_file_that_changed_is_read_again(scene):
    scene.plex.play("one")
    assert scene.ask({"action": "list"})["code"] == "ok"
    scene.plex.tokens({TOKEN: "revoked", "renewed-token": "owner"})
    stages.write_file(scene.host.path("home.token"), "renewed-token\n",
                      0o600)
    assert code_of(scene.ask(STOP)) == (True, "ok")
    assert scene.plex.terminated() == ["one"]


def test_terminate_by_post(stage, broker, plex):
    plex.play("one")
    plex.options(accept_only="POST")
    host = stage.host("media-01", {
        "home": (plex, {"terminate_method": "POST"})})
    stage.worker(host).start()
    result = stage.controller().ask("media-01",
                                    {**STOP, "reason": "ü & more"})
    assert code_of(result) == (True, "ok")
    terminate = plex.terminates()[0]
    assert terminate.method == "POST"
    assert terminate.reason == "ü & more".encode()
