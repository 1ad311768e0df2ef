"""Inventories and events: what is known without asking anyone."""

import pytest


def ids(inventory):
    return sorted(s["session_id"] for s in inventory["sessions"])


# holds 7.1, 7.2
def test_the_inventory_follows_the_server(scene):
    wait = scene.alice.await_inventory
    empty = wait("media-01", "home", lambda i: i["reachable"])
    assert (empty["count"], empty["sessions"], empty["error"]) == (0, [],
                                                                  None)
    assert empty["boot_id"] == scene.worker.boot_id
    key = scene.plex.play("one", user="jdoe", title="Alien")
    one = wait("media-01", "home", lambda i: i["count"] == 1)
    assert ids(one) == ["one"] and one["seq"] > empty["seq"]
    assert one["sessions"][0]["username"] == "jdoe"
    scene.plex.patch(key, {"Player": {"state": "paused"}})
    paused = wait("media-01", "home", lambda i: i["count"] == 1
                  and i["sessions"][0]["state"] == "paused")
    assert paused["seq"] > one["seq"] and not paused["truncated"]
    scene.plex.remove(key)
    wait("media-01", "home", lambda i: i["seq"] > paused["seq"]
         and i["count"] == 0)


# holds 7.1
def test_inventories_are_retained(scene):
    scene.plex.play("one")
    scene.alice.await_inventory("media-01", "home",
                                lambda i: i["count"] == 1)
    late = scene.stage.controller("late")
    topic = scene.fleet.topic("host", "media-01", "sessions", "home")
    message = late.await_message(lambda m: m.topic == topic, "inventory")
    assert message.retain
    assert ids(late.await_inventory("media-01", "home")) == ["one"]


# holds 7.2
def test_an_unchanged_inventory_is_published_no_time(scene):
    scene.plex.play("one")
    scene.alice.await_inventory("media-01", "home",
                                lambda i: i["count"] == 1)
    # The first lists tell the worker all there is to tell.
    scene.plex.await_lists(2)
    scene.fence()
    mark = scene.alice.mark()
    scene.plex.await_lists(4)
    scene.fence()
    assert scene.alice.since(mark, lambda m: "/sessions/" in m.topic) == []


# holds 7.3
def test_an_unreachable_server_keeps_its_last_known_list(scene):
    scene.plex.play("one")
    wait = scene.alice.await_inventory
    wait("media-01", "home", lambda i: i["count"] == 1)
    scene.plex.life("refuse")
    down = wait("media-01", "home", lambda i: not i["reachable"])
    assert ids(down) == ["one"] and down["count"] == 1
    assert down["error"]["code"] == "unreachable" and down["error"]["detail"]
    scene.plex.life("up")
    up = wait("media-01", "home", lambda i: i["seq"] > down["seq"]
              and i["reachable"])
    assert ids(up) == ["one"] and up["error"] is None


# holds 7.4
def test_events_tell_what_started_changed_and_ended(scene):
    scene.alice.await_inventory("media-01", "home",
                                lambda i: i["reachable"])
    wait = scene.alice.await_event
    key = scene.plex.play("one", user="jdoe")
    started = wait("media-01", "home", lambda e: e["kind"] == "started")
    assert started["session"]["session_id"] == "one"
    assert started["ended_by"] is None and started["backend"] == "plex"
    scene.plex.patch(key, {"Player": {"state": "paused"}})
    changed = wait("media-01", "home", lambda e: e["kind"] == "changed")
    assert changed["session"]["state"] == "paused"
    assert changed["seq"] > started["seq"]
    scene.plex.remove(key)
    ended = wait("media-01", "home", lambda e: e["kind"] == "ended")
    assert ended["session"]["session_id"] == "one"
    assert ended["ended_by"] is None


# holds 7.4, 7.8
@pytest.mark.parametrize("react", ["prompt", "lost"])
def test_an_ended_event_names_the_request_that_did_it(scene, react):
    scene.plex.play("one", react=react)
    scene.alice.await_inventory("media-01", "home",
                                lambda i: i["count"] == 1)
    mark = scene.alice.mark()
    command = scene.alice.send(scene.alice.command(
        "host:media-01", {"action": "stop", "session_id": "one"}))
    assert scene.alice.await_result(command, "media-01")["success"]
    ended = scene.alice.await_event("media-01", "home",
                                    lambda e: e["kind"] == "ended",
                                    after=mark)
    assert ended["ended_by"] == command.jti
    assert ended["ended_by_controller"] == "alice"
    assert "ended_by_plan" not in ended
    assert ended["session"]["session_id"] == "one"
    scene.alice.await_inventory("media-01", "home",
                                lambda i: i["count"] == 0, after=mark)


# holds 5.11
def test_a_session_without_an_id_is_listed_and_not_endable(scene):
    scene.plex.play(None, user="jdoe")
    inventory = scene.alice.await_inventory(
        "media-01", "home", lambda i: i["count"] == 1)
    session = inventory["sessions"][0]
    assert session["endable"] is False
    result = scene.ask({"action": "stop", "where": "username == 'jdoe'"})
    assert not result["success"]
    assert [s["code"] for s in result["sessions"]] == ["not_endable"]
    assert scene.plex.counters()["terminates"] == 0


# holds 7.1
def test_paused_time_is_told_by_the_worker(scene):
    key = scene.plex.play("one")
    wait = scene.alice.await_inventory
    wait("media-01", "home", lambda i: i["count"] == 1)
    scene.plex.patch(key, {"Player": {"state": "paused"}})
    wait("media-01", "home",
         lambda i: i["count"] == 1 and i["sessions"][0]["state"] == "paused")
    result = scene.ask({"action": "list", "where": "paused_s >= 0"})
    assert result["matched"] == 1


# holds 7.12
def test_what_ended_without_a_worker_shows_in_the_inventory_alone(scene):
    """Also who was ended by command, when it crashes before it has told so."""
    gone = scene.plex.play("gone", user="jdoe")
    scene.plex.play("stays")
    wait = scene.alice.await_inventory
    before = wait("media-01", "home", lambda i: i["count"] == 2)
    scene.worker.kill()
    scene.plex.remove(gone)
    scene.plex.play("new")
    mark = scene.alice.mark()
    scene.worker.start()
    after = wait("media-01", "home", lambda i: ids(i) == ["new", "stays"],
                 after=mark)
    assert after["boot_id"] != before["boot_id"]
    scene.plex.play("later")
    told = scene.alice.await_event("media-01", "home", lambda e: True,
                                   after=mark)
    assert (told["seq"], told["kind"]) == (1, "started")
    assert told["session"]["session_id"] == "later"
