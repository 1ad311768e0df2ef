"""`lastcall bridge`: what a home sees of a fleet, and what the bridge wants to
begin."""

import os

import pytest

import home_rules as rules
from home_assistant import UNAVAILABLE, UNKNOWN
from household import (BUTTON, COUNT, LINK, SERVER, SESSION, STOP, WORKER,
                       await_plays)


# holds 9.8
def test_every_payload_is_one_that_home_assistant_takes(home):
    configs = {topic: payload for topic, payload in home.retained().items()
               if topic.startswith("homeassistant/")}
    assert set(configs) == {home.config_topic(),
                            home.config_topic("media-01")}
    for topic, payload in configs.items():
        assert rules.CONFIG_TOPIC.fullmatch(topic)
        device, origin, found = rules.components(payload.decode())
        assert origin["name"] == "Lastcall" and found


# holds 9.4, 9.5
def test_the_count_follows_a_playback(home):
    key = home.plex.play("one", user="kim", title="Tide Tables")
    home.ha.await_state(COUNT, "1")
    sessions = home.ha.await_attributes(
        COUNT, lambda a: a.get("sessions"))["sessions"]
    assert [s["session_id"] for s in sessions] == ["one"]
    assert sessions[0]["username"] == "kim"
    assert sessions[0]["media_title"] == "Tide Tables"
    assert None not in sessions[0].values()
    started = home.ha.await_event(SESSION)
    assert started.type == "started"
    assert started.attributes["session"]["session_id"] == "one"
    home.plex.patch(key, {"Player": {"state": "paused"}})
    assert home.ha.await_event(SESSION, after=1).type == "changed"
    home.plex.remove(key)
    home.ha.await_state(COUNT, "0")
    home.ha.await_event(SESSION, match=lambda e: e.type == "ended")


# holds 9.4, 9.8
def test_a_server_that_is_away_makes_its_count_unavailable(home):
    await_plays(home, home.plex, "one")
    home.plex.life("refuse")
    home.ha.await_states({SERVER: "off", COUNT: UNAVAILABLE, WORKER: "on"})
    home.plex.life("up")
    home.ha.await_states({SERVER: "on", COUNT: "1"})


# holds 9.8
def test_a_host_that_is_away_makes_all_but_its_worker_unavailable(home):
    home.workers["media-01"].stop()
    home.ha.await_states({COUNT: UNAVAILABLE, SERVER: UNAVAILABLE,
                          BUTTON: UNAVAILABLE, SESSION: UNAVAILABLE,
                          WORKER: "off", LINK: "on"})
    home.workers["media-01"] = home.stage.worker(
        home.hosts["media-01"]).start()
    home.ha.await_states({COUNT: "0", SERVER: "on", WORKER: "on",
                          BUTTON: UNKNOWN})


# holds 9.2
def test_a_bridge_that_is_killed_makes_everything_unavailable(home):
    home.link.kill()
    home.ha.await_states({COUNT: UNAVAILABLE, WORKER: UNAVAILABLE,
                          BUTTON: UNAVAILABLE, LINK: "off"})
    home.link.start()
    home.ha.await_states({COUNT: "0", WORKER: "on", LINK: "on",
                          BUTTON: UNKNOWN})


# holds 9.12
def test_a_bridge_that_ends_says_so(home):
    assert home.link.process.stop() == 0
    home.ha.await_states({COUNT: UNAVAILABLE, WORKER: UNAVAILABLE,
                          LINK: "off"})
    state = home.retained()[home.topic("bridge", "state")]
    assert state == b"offline"


# holds 9.12
def test_a_home_without_news_of_the_fleet_is_told_so(home):
    """The fleet's broker is gone: nothing old may look like the truth."""
    home.fleet_broker.kill()
    home.ha.await_states({COUNT: UNAVAILABLE, BUTTON: UNAVAILABLE,
                          WORKER: UNAVAILABLE, LINK: "off"})
    home.fleet_broker.start()
    home.ha.await_states({COUNT: "0", WORKER: "on", LINK: "on"})


def test_only_the_hosts_that_are_chosen_are_shown(house):
    house.host("media-01")
    house.host("attic-01")
    house.bridge(hosts="media-*").start()
    house.ha = house.home_assistant()
    house.ha.await_states({COUNT: "0"})
    assert house.config_topic("attic-01") not in house.retained()
    assert not [t for t in house.retained() if "attic" in t]



@pytest.mark.parametrize("change, says", [
    ({"discovery_prefix": "a/+"}, "discovery_prefix"),
    ({"hosts": "media_*"}, "hosts"),
    ({"quiet": "soon"}, "quiet"),
    ({"icon": "stop"}, 'bridge.conf:20: [button "stop"] icon'),
    ({"where": "nam == 'x'", "every": "no"},
     "bridge.conf:20: [button \"stop\"] where: "),
])
def test_a_bad_configuration_is_named_and_nothing_is_announced(house, change,
                                                               says):
    of_button = {key for key in change if key in ("icon", "where", "every")}
    bridge = house.bridge(
        buttons={"stop": {**STOP, **{k: change[k] for k in of_button}}},
        **{k: v for k, v in change.items() if k not in of_button}).start()
    assert bridge.process.wait() == 2
    assert says in bridge.process.output()
    assert house.retained() == {}


def test_it_does_not_begin_with_a_key_that_others_can_read(house):
    bridge = house.bridge()
    os.chmod(os.path.join(bridge.directory, "bridge.key"), 0o644)
    bridge.start()
    assert bridge.process.wait() == 2
    assert "bridge.key" in bridge.process.output()
