"""The root's word on keys that are no longer good."""

import time

import pytest

import lastcall_py as py

PING = {"action": "ping"}


class Revoking:
    """Mallory's key gets revoked; Bob's answers serve as a fence."""

    def __init__(self, stage, plex):
        self.stage = stage
        self.fleet = stage.fleet
        self.host = stage.host("media-01", {"home": plex})
        self.worker = stage.worker(self.host).start()
        self.connect()
        self.mallory = self.fleet.controller("mallory")

    def connect(self):
        """Bob sees all results, so that one connection tells the order."""
        self.bob = self.stage.controller("bob")
        self.bob.subscribe(self.fleet.topic("host", "+", "result", "#"))

    def publish(self, token):
        self.bob.publish(self.fleet.topic("trust", "revoked"), token,
                         retain=True)

    def revoke(self, thumbprint, before=None, **options):
        before = int(time.time()) + 1 if before is None else before
        self.publish(self.fleet.revocation({thumbprint: before}, **options))

    def is_heard(self, party, grant=None):
        """Whether a command of a party is answered before the next one."""
        command = self.bob.send(self.bob.command(
            "host:media-01", PING, key=party.key, iss=party.subject,
            grant=grant or party.grant))
        self.bob.ask("media-01", PING)
        topic = self.fleet.topic("host", "media-01", "result", party.name,
                                 command.jti)
        return bool(self.bob.since(0, lambda m: m.topic == topic))


@pytest.fixture
def revoking(stage, broker, plex):
    return Revoking(stage, plex)


# holds 3.7, 4.3
def test_a_revoked_key_is_not_heard_any_more(revoking):
    party = revoking.mallory
    assert revoking.is_heard(party)
    revoking.revoke(party.key.thumbprint)
    assert not revoking.is_heard(party)
    assert revoking.worker.stop()["counters"]["revoked"] == 1


# holds 3.7
def test_a_new_grant_for_a_revoked_key_is_good(revoking):
    party = revoking.mallory
    before = int(time.time()) - 30  # the grant is a minute old
    revoking.revoke(party.key.thumbprint, before)
    assert not revoking.is_heard(party)
    again = revoking.fleet.grant(party.subject, party.key,
                                 iat=int(time.time()), permit=[
                                     {"actions": ["*"], "backends": ["*"],
                                      "audiences": ["*"]}])
    assert revoking.is_heard(party, again)


# holds 3.7
def test_every_key_can_be_revoked_at_once(revoking):
    permit = [{"actions": ["*"], "backends": ["*"], "audiences": ["*"]}]
    old = revoking.mallory
    bob = revoking.bob.party
    bob.grant = revoking.fleet.grant(bob.subject, bob.key, permit=permit,
                                     iat=int(time.time()))
    revoking.revoke("*", int(time.time()) - 30)
    assert not revoking.is_heard(old)


# holds 3.8
def test_an_older_list_does_not_bring_a_key_back(revoking):
    party = revoking.mallory
    revoking.revoke(party.key.thumbprint, seq=7)
    assert not revoking.is_heard(party)
    for seq in (6, 7):
        revoking.publish(revoking.fleet.revocation({}, seq=seq))
        assert not revoking.is_heard(party), seq
    revoking.publish(revoking.fleet.revocation({}, seq=8))
    assert revoking.is_heard(party)


# holds 3.8
def test_neither_restart_nor_forgetful_broker_brings_a_key_back(revoking):
    party = revoking.mallory
    revoking.revoke(party.key.thumbprint, seq=3)
    assert not revoking.is_heard(party)
    revoking.worker.kill()
    stage, host = revoking.stage, revoking.host
    stage.start_broker()
    host.sections["broker"]["uri"] = stage.broker.uri
    host.write_config()
    revoking.worker = stage.worker(host).start()
    revoking.connect()
    assert not revoking.is_heard(party)
    # The list itself is still the newest: an older one is refused.
    revoking.publish(stage.fleet.revocation({}, seq=2))
    assert not revoking.is_heard(party)


# holds 3.1, 3.7
def test_a_list_of_another_root_is_not_adopted(revoking):
    party = revoking.mallory
    foreign = py.Fleet()
    revoking.publish(foreign.revocation(
        {party.key.thumbprint: int(time.time()) + 1}, seq=99))
    assert revoking.is_heard(party)
    revoking.publish(revoking.fleet.revocation(
        {"*": int(time.time()) + 1}, seq=99, fleet="other"))
    assert revoking.is_heard(party)
    revoking.publish(b"no list at all")
    assert revoking.is_heard(party)
