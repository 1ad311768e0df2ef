"""The host owner's own word, above every grant."""

STOP_ONE = {"action": "stop", "session_id": "one"}


def start(stage, policy, **servers):
    host = stage.host("media-01", servers, policy=policy)
    worker = stage.worker(host).start()
    return worker, stage.controller("alice")


# holds 4.11
def test_what_the_host_does_not_allow_is_forbidden(stage, broker, plex):
    plex.play("one")
    _, alice = start(stage, {"allow": "plex:list,ping"}, home=plex)
    result = alice.ask("media-01", STOP_ONE)
    assert (result["success"], result["code"]) == (False, "forbidden")
    assert alice.ask("media-01", {"action": "ping"})["code"] == "ok"
    assert alice.ask("media-01", {"action": "list"})["matched"] == 1
    assert plex.counters()["terminates"] == 0


# holds 5.16, 5.17
def test_a_protected_session_is_left_alone_and_the_others_are_not(
        stage, broker, plex):
    plex.play("one", user="ceo")
    plex.play("two", user="jdoe")
    _, alice = start(stage, {"protect": "username == 'ceo'"}, home=plex)
    result = alice.ask("media-01", {"action": "stop", "where": "endable"})
    assert not result["success"]
    codes = {s["session_id"]: s["code"] for s in result["sessions"]}
    assert codes == {"one": "protected", "two": "ok"}
    assert plex.terminated() == ["two"]
    by_id = alice.ask("media-01", STOP_ONE)
    assert (by_id["success"], by_id["code"]) == (False, "protected")
    assert plex.terminated() == ["two"]


# holds 5.6
def test_more_sessions_than_the_host_lets_be_ended_at_once(stage, broker,
                                                          plex):
    for name in ("one", "two", "three"):
        plex.play(name)
    _, alice = start(stage, {"max_sessions": 2}, home=plex)
    result = alice.ask("media-01", {"action": "stop", "where": "endable"})
    assert (result["success"], result["code"]) == (False, "limit_exceeded")
    result = alice.ask("media-01", {"action": "stop", "where": "endable",
                                    "limit": 100})
    assert (result["success"], result["code"]) == (False, "limit_exceeded")
    assert plex.counters()["terminates"] == 0
    assert alice.ask("media-01", STOP_ONE)["success"]


# holds 5.16
def test_a_dry_run_tells_what_is_protected(stage, broker, plex):
    plex.play("one", user="ceo")
    _, alice = start(stage, {"protect": "username == 'ceo'"}, home=plex)
    result = alice.ask("media-01", {**STOP_ONE, "dry_run": True})
    assert result["sessions"][0]["code"] == "protected"
    assert not result["success"]
