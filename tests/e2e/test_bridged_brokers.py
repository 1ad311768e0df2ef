"""Two brokers and three, bridged by the files of deploy/brokers: nothing is
lost, and nothing is done twice."""

import json
import signal
import time

import pytest

import lastcall_py as py
import processes
from bridged import Brokers
from desk import OK

AUDITOR = "user auditor\ntopic read #\n"
WILL_DELAY = 15
PING = {"action": "ping"}
AT_HUB, AT_NORTH, AT_SOUTH = "media-01", "media-11", "media-21"


class Cast:
    """A worker at each broker, each with a Plex of its own; an operator at
    the hub, and somebody there who sees every message as it is."""

    def __init__(self, stage, sites):
        self.stage = stage
        self.brokers = Brokers(stage, [AT_HUB], sites,
                               more_access=AUDITOR)
        self.hub = self.brokers.hub
        self.plex, self.hosts, self.workers = {}, {}, {}
        self.add(None, AT_HUB)
        for site in self.brokers.sites.values():
            self.add(site, site.hosts[0])
        self.operator = stage.operator()
        self.run = self.operator.run
        self.wire = self.listen(self.hub, "auditor")

    @property
    def north(self):
        return self.brokers.sites["north"]

    def add(self, site, name):
        """A host with its worker, which the hub has heard of."""
        plex = self.plex[name] = self.stage.standin()
        self.hosts[name] = self.brokers.host(site, name, {"home": plex},
                                             groups=["lobby"])
        self.workers[name] = self.stage.worker(self.hosts[name]).start()

    def listen(self, broker, name, *filters):
        """A plain client that authenticates with that name."""
        client = py.Client(patience=processes.PATIENCE)
        client.name = name
        client.connect(broker)
        self.stage.clients.append(client)
        client.subscribe(*(filters or ("#",)))
        return client

    def play(self):
        for name, plex in self.plex.items():
            plex.play("of-" + name)

    def alice(self):
        return self.stage.controller("ops")

    def topic(self, *parts):
        return self.stage.fleet.topic(*parts)

    def fence(self):
        """Until the wire has heard all that the hub has passed on so far."""
        topic = self.topic("host", "nobody", "command")
        mark = self.wire.mark()
        self.alice().publish(topic, b"fence")
        self.wire.await_message(lambda m: m.topic == topic, "fence", mark)

    def commands(self):
        self.fence()
        return self.wire.since(0, lambda m: m.topic.endswith("/command")
                               and m.payload != b"fence")

    def answers(self, name):
        """Every answer of a host that was on the wire at the hub."""
        self.fence()
        start = self.topic("host", name, "result", "ops") + "/"
        return self.wire.since(0, lambda m: m.topic.startswith(start))

    def done_by(self, name):
        """What a host says that it ran: no replay, and no ping of ours."""
        results = [py.read_parts(m.payload.decode())[1]["result"]
                   for m in self.answers(name)]
        return [r for r in results
                if r["action"] == "stop" and not r["replayed"]]

    def assert_each_ended_once(self):
        for name, plex in self.plex.items():
            assert plex.terminated() == ["of-" + name], name
            assert plex.listed() == []

    def await_link(self):
        """Until a command finds its way to the north and back."""
        assert self.alice().ask(AT_NORTH, PING)["code"] == "ok"


def outcomes(done):
    return {r["host"]: r["outcome"] for r in done.json()["results"]}


@pytest.fixture
def pair(stage):
    return Cast(stage, {"north": [AT_NORTH, "media-12"]})


@pytest.fixture
def three(stage):
    return Cast(stage, {"north": [AT_NORTH], "south": [AT_SOUTH]})


def test_hosts_and_sessions_of_both_brokers(pair):
    pair.play()
    listed = pair.run("hosts", "-o", "json").json()["hosts"]
    assert {h["host"]: h["state"] for h in listed} == {
        AT_HUB: "online", AT_NORTH: "online"}
    for flags in (("--all", "--fresh"), ("--group", "lobby", "--fresh")):
        done = pair.run("sessions", *flags, "-o", "json")
        assert done.status == OK, done
        assert {(s["host"], s["session_id"])
                for s in done.json()["sessions"]} == {
            (name, "of-" + name) for name in pair.plex}
    for name in pair.plex:
        topic = pair.topic("host", name, "sessions", "home")
        pair.wire.await_message(
            lambda m: m.topic == topic and b"." in m.payload, topic)


@pytest.mark.parametrize("target", [("--all",), ("--group", "lobby")])
def test_one_broadcast_ends_each_session_once(pair, target):
    pair.play()
    done = pair.run("stop", *target, "--every", "--yes", "-o", "json")
    assert done.status == OK, done
    assert outcomes(done) == {AT_HUB: "true", AT_NORTH: "true"}
    assert done.json()["summary"]["duplicates"] == 0
    pair.assert_each_ended_once()
    # On the wire: one command for all, one answer of each; and whatever the
    # bridge had doubled would have come before the answer to this.
    pair.await_link()
    broadcast = [m for m in pair.commands() if "/host/" not in m.topic]
    assert len(broadcast) == 1
    of = {r["host"]: r["request_id"] for r in done.json()["results"]}
    for name in pair.plex:
        assert [m.topic.endswith(of[name])
                for m in pair.answers(name)].count(True) == 1


def test_one_host_across_the_bridge(pair):
    pair.play()
    done = pair.run("stop", "--host", AT_NORTH, "--session",
                    "of-" + AT_NORTH, "--yes", "-o", "json", "--reason",
                    "Zurück um neun")
    assert done.status == OK, done
    assert pair.plex[AT_NORTH].terminates()[0].reason == \
        "Zurück um neun".encode()
    assert pair.plex[AT_HUB].terminated() == []
    assert len(pair.answers(AT_NORTH)) == 1


def test_what_crosses_is_what_was_published(pair):
    """Flags and properties on the other side: a command never becomes
    retained, what is retained stays so."""
    north = pair.listen(pair.north.broker, AT_NORTH)
    pair.play()
    assert pair.run("stop", "--all", "--every", "--yes").status == OK
    pair.await_link()
    arrived = {}
    for message in north.since(0):
        arrived.setdefault(message.topic.split("/")[-1], message)
    assert set(arrived) == {"command"} and not arrived["command"].retain
    for kind, is_retained in (("status", True), ("sessions", True),
                              ("event", False), ("result", False)):
        start = pair.topic("host", AT_NORTH, kind)
        told = pair.wire.await_message(
            lambda m: m.topic.startswith(start), start)
        assert bool(told.retain) == is_retained, kind
        assert told.properties.ContentType == py.CONTENT_TYPE, kind


def test_a_command_that_somebody_retained_is_refused_over_there_too(pair):
    """And the bridge does not hide from the worker that it was retained."""
    alice = pair.alice()
    command = alice.send(alice.command("host:" + AT_NORTH, PING),
                         retain=True)
    pair.await_link()
    assert alice.results(command, AT_NORTH) == []
    assert pair.workers[AT_NORTH].stop()["counters"]["dropped"] == 1


def test_a_campaign_goes_by_turns_over_both(pair):
    pair.add(pair.north, "media-12")
    pair.play()
    done = pair.run("stop", "--all", "--every", "--yes", "-o", "json",
                    "--canary", "1", "--batch", "1")
    assert done.status == OK, done
    assert set(outcomes(done).values()) == {"true"}
    assert len(outcomes(done)) == 3
    pair.assert_each_ended_once()
    assert sorted(m.topic for m in pair.commands()) == sorted(
        pair.topic("host", name, "command") for name in pair.plex)
    for name in pair.plex:
        assert len(pair.answers(name)) == 1


def test_an_answer_of_a_megabyte_crosses(pair):
    pair.plex[AT_NORTH].options(generate=3000)
    result = pair.alice().ask(AT_NORTH, {"action": "list"})
    assert result["matched"] == 3000
    assert len(pair.answers(AT_NORTH)[-1].payload) > 1000000


def stop_all(cast):
    cast.play()
    return cast.operator.spawn("stop", "--all", "--every", "--yes", "-o",
                               "json", "--timeout", "55s")


def assert_done(cast, running):
    assert running.wait(60) == OK, running.output()
    document = json.loads(running.output()[running.output().index("{"):])
    assert {r["host"]: r["outcome"] for r in document["results"]} == {
        name: "true" for name in cast.plex}
    cast.assert_each_ended_once()
    for name in cast.plex:
        assert len(cast.done_by(name)) == 1, cast.answers(name)


def test_the_line_is_cut_while_a_session_is_being_ended(pair):
    """The answer waits in the site's broker, and arrives once."""
    plex = pair.plex[AT_NORTH]
    plex.fault("hang", path="*/terminate", effect=True)
    running = stop_all(pair)
    plex.await_count("terminations", 1)
    pair.north.relay.cut()
    plex.release()
    log = pair.north.broker.process
    log.await_line(r"Received PUBLISH from \S+ \(.*/media-11/result/")
    assert pair.answers(AT_NORTH) == []
    pair.north.relay.restore()
    assert_done(pair, running)


def test_the_line_is_cut_before_the_command(pair):
    """The command waits at the hub."""
    pair.north.relay.cut()
    running = stop_all(pair)
    pair.wire.await_message(lambda m: m.topic.endswith("/command"),
                            "the command at the hub")
    pair.plex[AT_HUB].await_terminates(1)
    assert pair.plex[AT_NORTH].counters()["terminates"] == 0
    pair.north.relay.restore()
    assert_done(pair, running)


def test_what_is_sent_once_waits_at_the_hub(pair):
    """Also for a controller that does not send again.  What expires while it
    waits does not reach the host at all."""
    alice = pair.alice()
    pair.plex[AT_NORTH].play("one")
    pair.north.relay.cut()
    stop = alice.send(alice.command("host:" + AT_NORTH, {
        "action": "stop", "session_id": "one"}))
    late = alice.send(alice.command("all", PING, ttl=1))
    alice.await_result(late, AT_HUB)
    time.sleep(max(0, late.exp + 1 - time.time()))
    pair.north.relay.restore()
    assert alice.await_result(stop, AT_NORTH)["code"] == "ok"
    pair.await_link()
    assert pair.plex[AT_NORTH].terminated() == ["one"]
    assert alice.results(late, AT_NORTH) == []
    assert len(pair.answers(AT_NORTH)) == 2  # the stop's, the link's


def test_the_line_is_silent_for_a_while(pair):
    """Nothing passes, and no side is told."""
    pair.north.relay.hold()
    running = stop_all(pair)
    pair.plex[AT_HUB].await_terminates(1)
    assert pair.plex[AT_NORTH].counters()["terminates"] == 0
    pair.north.relay.restore()
    assert_done(pair, running)


def test_the_sites_broker_is_killed_while_a_session_is_being_ended(pair):
    plex = pair.plex[AT_NORTH]
    plex.fault("hang", path="*/terminate", effect=True)
    running = stop_all(pair)
    plex.await_count("terminations", 1)
    pair.north.broker.kill()
    plex.release()
    pair.north.broker.start()
    assert_done(pair, running)


def test_a_hub_that_forgot_everything_hears_it_anew(pair):
    """Killed before it had saved anything."""
    pair.hub.kill()
    pair.hub.start()
    late = pair.stage.controller("observer")
    for name in pair.plex:
        late.await_status(name, lambda s: s["state"] == "online")
    late.await_inventory(AT_NORTH, "home")
    pair.await_link()
    pair.play()
    assert pair.run("stop", "--all", "--every", "--yes").status == OK
    pair.assert_each_ended_once()


def test_a_long_cut_makes_no_heap_of_copies(pair):
    """mosquitto 2.0.11 queues all that is retained anew whenever it tries to
    connect a bridge that keeps its queue: there it must not be retained."""
    topic = pair.topic("host", AT_NORTH, "sessions", "home")
    pair.wire.await_message(lambda m: m.topic == topic, topic)
    mark = pair.wire.mark()

    def tries():
        return pair.north.broker.process.output().count("step 1) north-")

    before = tries()
    pair.north.relay.cut()
    processes.eventually(lambda: tries() >= before + 6, "six tries")
    pair.north.relay.restore()
    pair.await_link()
    pair.wire.await_message(lambda m: m.topic == topic, topic, mark)
    assert len(pair.wire.since(mark, lambda m: m.topic == topic)) == 1


# holds 1.9
def test_the_will_of_a_sites_worker_is_known_at_the_hub(pair):
    mark = pair.stage.observer().mark()
    pair.workers[AT_NORTH].kill()
    status = pair.stage.observer().await_status(
        AT_NORTH, lambda s: s["state"] == "offline", after=mark,
        timeout=WILL_DELAY + processes.PATIENCE)
    assert status["boot_id"] == pair.workers[AT_NORTH].boot_id
    listed = pair.run("hosts", "-o", "json").json()["hosts"]
    assert {h["host"]: h["state"] for h in listed} == {
        AT_HUB: "online", AT_NORTH: "offline"}


def plan_in_an_hour():
    now = int(time.time())
    return {"id": "patch-1", "starts_at": now + 3600,
            "ends_at": now + 7200, "action": "end"}


def test_plans_and_revocations_of_the_time_of_a_cut_arrive(pair):
    alice = pair.alice()
    mallory = pair.stage.fleet.controller("mallory")
    pair.north.relay.cut()
    plan = alice.plan("host:" + AT_NORTH, plan_in_an_hour())
    root = pair.listen(pair.hub, "root", pair.topic("trust", "revoked"))
    root.publish(pair.topic("trust", "revoked"),
                 pair.stage.fleet.revocation(
                     {mallory.key.thumbprint: 2 ** 33}), retain=True)
    pair.north.relay.restore()
    alice.await_phase(plan, "scheduled", AT_NORTH)
    forged = alice.send(alice.command(
        "host:" + AT_NORTH, PING, key=mallory.key, grant=mallory.grant,
        iss=mallory.subject))
    pair.await_link()
    pair.wire.await_message(lambda m: forged.token.encode() == m.payload,
                            "the forged command")
    assert pair.workers[AT_NORTH].stop()["counters"]["revoked"] == 1
    assert not pair.wire.since(0, lambda m: forged.jti in m.topic)


@pytest.mark.parametrize("audience", ["all", "group:lobby", "host:media-12"])
def test_a_host_of_the_site_that_comes_later_finds_the_plan(pair, audience):
    """The bridge, whom no access list of the site names, has left it there."""
    plan = pair.alice().plan(audience, plan_in_an_hour())
    topic = plan.topic
    probe = pair.listen(pair.north.broker, "media-12", topic)
    probe.await_message(lambda m: m.topic == topic, "the plan at the site")
    pair.add(pair.north, "media-12")
    pair.alice().await_phase(plan, "scheduled", "media-12")


def test_what_is_cleared_is_cleared_on_the_other_side(pair):
    alice = pair.alice()
    plan = alice.plan("host:" + AT_NORTH, plan_in_an_hour())
    alice.await_phase(plan, "scheduled", AT_NORTH)
    pair.north.relay.cut()
    alice.publish(plan.topic, b"", retain=True)
    pair.north.relay.restore()
    pair.await_link()
    late = pair.listen(pair.north.broker, AT_NORTH,
                       pair.topic("host", "+", "maintenance", "+"))
    assert late.since(0) == []
    # Upwards: whoever takes a host out of the fleet.
    pair.workers[AT_NORTH].stop()
    mark = pair.wire.mark()
    topic = pair.topic("host", AT_NORTH, "status")
    late.publish(topic, b"", retain=True)
    pair.wire.await_message(
        lambda m: m.topic == topic and not m.payload, "empty status", mark)
    listed = pair.run("hosts", "-o", "json").json()["hosts"]
    assert [h["host"] for h in listed] == [AT_HUB]


def opened(site):
    """Somebody has the site's broker, and its access list is no more."""
    site.broker.write_access("pattern readwrite #\n")
    site.broker.process.send(signal.SIGHUP)
    site.broker.process.await_line("Reloading config")


# holds 1.4
def test_a_captured_site_speaks_for_its_own_hosts_only(pair):
    opened(pair.north)
    mark = pair.wire.mark()
    captured = pair.listen(pair.north.broker, AT_NORTH, "nothing")
    bridge = pair.listen(pair.hub, "north", "nothing")
    topic = pair.topic
    for stolen in (topic("host", AT_HUB, "status"),
                   topic("host", AT_HUB, "sessions", "home"),
                   topic("host", AT_HUB, "event", "home"),
                   topic("host", AT_HUB, "result", "ops", "x" * 16),
                   topic("host", AT_HUB, "command"),
                   topic("host", AT_NORTH, "command"),
                   topic("host", AT_NORTH, "maintenance", "p"),
                   topic("all", "command"),
                   topic("all", "maintenance", "p"),
                   topic("trust", "revoked")):
        captured.publish(stolen, b"forged")
        bridge.publish(stolen, b"forged")
    pair.fence()
    for client in (captured, bridge):
        own = topic("host", AT_NORTH, "event", "of-%d" % id(client))
        client.publish(own, b"its own word")
        pair.wire.await_message(lambda m: m.topic == own, own)
    assert not pair.wire.since(mark, lambda m: m.payload == b"forged")


def test_three_brokers(three):
    """Each site is told what is its own, and hears nothing of the other."""
    listed = three.run("hosts", "-o", "json").json()["hosts"]
    assert {h["host"] for h in listed} == {AT_HUB, AT_NORTH, AT_SOUTH}
    south = three.brokers.sites["south"]
    opened(south)
    heard = three.listen(south.broker, AT_SOUTH, three.topic("#"))
    running = stop_all(three)
    assert_done(three, running)
    mark = heard.mark()
    done = three.run("ping", "--host", ",".join(three.plex), "-o", "json")
    assert done.status == OK, done
    own = three.topic("host", AT_SOUTH) + "/"
    heard.await_message(lambda m: m.topic == own + "command", "its command",
                        mark)
    assert {m.topic for m in heard.since(0)
            if not m.topic.startswith(own)} == {
        three.topic("all", "command")}
