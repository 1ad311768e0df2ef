"""One failing session or server never keeps the others from being tried."""

TERMINATE = "*/terminate"


# holds 5.17, 6.3
def test_one_failing_session_does_not_keep_the_others(scene):
    for name in ("one", "two", "three"):
        scene.plex.play(name)
    scene.plex.fault("status", path=TERMINATE, status=500, nth=2)
    result = scene.ask({"action": "stop", "where": "endable"})
    assert (result["success"], result["code"]) == (False, "partial")
    assert (result["matched"], result["succeeded"],
            result["failed"]) == (3, 2, 1)
    codes = [s["code"] for s in result["sessions"]]
    assert sorted(codes) == ["ok", "ok", "server_error"]
    failed = result["sessions"][codes.index("server_error")]["session_id"]
    assert sorted(scene.plex.listed()) == [failed]
    assert scene.plex.counters()["terminates"] == 3


# holds 5.17, 6.5
def test_a_server_that_is_down_does_not_keep_the_other(stage, broker, plex):
    attic = stage.standin()
    plex.play("one")
    attic.play("two")
    host = stage.host("media-01", {"home": plex, "attic": attic})
    stage.worker(host).start()
    alice = stage.controller()
    attic.life("refuse")
    result = alice.ask("media-01", {"action": "stop", "where": "endable"})
    assert not result["success"]
    servers = {s["server"]: s["code"] for s in result["servers"]}
    assert servers["home"] == "ok" and servers["attic"] == "unreachable"
    assert plex.terminated() == ["one"]
    attic.life("up")
    result = alice.ask("media-01", {"action": "stop", "session_id": "two"})
    assert result["success"] and attic.terminated() == ["two"]


# holds 5.17
def test_a_hung_server_delays_only_itself(stage, broker, plex):
    attic = stage.standin()
    plex.play("one")
    attic.play("two")
    host = stage.host("media-01", {
        "home": plex, "attic": (attic, {"timeout": "30s"})})
    stage.worker(host).start()
    alice = stage.controller()
    attic.life("hang")
    slow = alice.send(alice.command("host:media-01", {
        "action": "stop", "server": "attic", "session_id": "two"}))
    # Whatever is asked of the other server is answered meanwhile.
    for number in range(5):
        plex.play("more-%d" % number)
        result = alice.ask("media-01", {
            "action": "stop", "server": "home",
            "session_id": "more-%d" % number})
        assert result["code"] == "ok"
    assert alice.ask("media-01", {"action": "ping"})["code"] == "ok"
    assert alice.results(slow, "media-01") == []
    attic.life("up")
    attic.release()
    result = alice.await_result(slow, "media-01")
    assert result["servers"][0]["server"] == "attic"


# holds 5.17
def test_a_hung_server_costs_its_own_timeout(stage, broker, plex):
    attic = stage.standin()
    plex.play("one")
    host = stage.host("media-01", {
        "home": plex, "attic": (attic, {"timeout": "1s"})})
    stage.worker(host).start()
    alice = stage.controller()
    attic.life("hang")
    result = alice.ask("media-01", {"action": "stop", "where": "endable"})
    servers = {s["server"]: s["code"] for s in result["servers"]}
    assert servers == {"home": "ok", "attic": "timeout"}
    assert not result["success"] and plex.terminated() == ["one"]
