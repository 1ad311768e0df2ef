"""What must run nothing: the exact answer, or silence, of section 4.

Silence is proved without waiting: a list sent afterwards passes through the
same queues, and when it is answered whatever came before has been decided.
"""

import hmac
import json
import time

import pytest

import lastcall_py as py

STOP = {"action": "stop", "session_id": "wanted-1"}
HOST = "host:media-01"


def raw(header, claims, sign):
    """A compact token of exactly these texts."""
    signed = ".".join(py.b64url(text.encode()) for text in (header, claims))
    return signed + "." + py.b64url(sign(signed.encode()))


def texts(command):
    """Header and claims of a command, as the texts that were signed."""
    return [py.unb64url(p).decode() for p in command.token.split(".")[:2]]


def resigned(scene, command, header=None, claims=None):
    old_header, old_claims = texts(command)
    command.token = raw(header or old_header, claims or old_claims,
                        scene.alice.party.key.private.sign)
    return command


def altered(part):
    def make(scene):
        command = scene.alice.command(HOST, STOP)
        parts = command.token.split(".")
        data = bytearray(py.unb64url(parts[part]))
        data[len(data) // 2] ^= 1
        parts[part] = py.b64url(bytes(data))
        command.token = ".".join(parts)
        return command
    return make


def with_header(**changes):
    def make(scene):
        command = scene.alice.command(HOST, STOP)
        header = json.loads(texts(command)[0])
        header.update(changes)
        return resigned(scene, command, json.dumps(
            {k: v for k, v in header.items() if v is not None}))
    return make


def forged(scene):
    """Our name and grant, another's key."""
    return scene.alice.command(HOST, STOP, key=py.Key(), header={
        "kid": scene.alice.party.key.thumbprint})


def unsigned(scene):
    command = with_header(alg="none")(scene)
    command.token = command.token.rsplit(".", 1)[0] + "."
    return command


def hmac_signed(scene):
    command = with_header(alg="HS256")(scene)
    signed = command.token.rsplit(".", 1)[0]
    secret = scene.alice.party.key.public_pem()
    command.token = signed + "." + py.b64url(
        hmac.digest(secret, signed.encode(), "sha256"))
    return command


def duplicate_header(scene):
    command = scene.alice.command(HOST, STOP)
    header = texts(command)[0]
    return resigned(scene, command, header.replace(
        "{", '{"alg":"EdDSA",', 1))


def duplicate_claim(scene):
    command = scene.alice.command(HOST, STOP)
    claims = texts(command)[1]
    return resigned(scene, command, claims=claims.replace(
        '"aud":', '"aud":"all","aud":', 1))


def with_grant(**options):
    """Alice's key and name under another grant."""
    def make(scene):
        party = scene.alice.party
        settings = {"permit": [{"actions": ["*"], "backends": ["*"],
                                "audiences": ["*"]}], **options}
        root = settings.pop("root", None)
        if root == "other":
            root = py.Key()
        elif root == "self":
            root = party.key
        grant = scene.fleet.grant(party.subject, party.key, root=root,
                                  **settings)
        return scene.alice.command(HOST, STOP, grant=grant)
    return make


def host_as_controller(scene):
    host = scene.host.party
    return py.make_command(scene.fleet, host, HOST, STOP)


def result_as_command(scene):
    return scene.alice.command(HOST, STOP, header={"typ": py.TYP_RESULT})


def not_a_token(scene):
    command = scene.alice.command(HOST, STOP)
    command.token = "stop everything"
    return command


def padded(scene):
    command = scene.alice.command(HOST, STOP)
    command.token += "=="
    return command


def with_claims(**changes):
    return lambda scene: scene.alice.command(HOST, STOP, **changes)


def in_the_past(seconds):
    return int(time.time()) - seconds


# name, how to make the command, the counter that names the reason
SILENT = [
    ("forged", forged, "signature"),
    ("altered header", altered(0), None),
    ("altered claims", altered(1), "signature"),
    ("altered signature", altered(2), "signature"),
    ("alg none", unsigned, "encoding"),
    ("alg HS256", hmac_signed, "encoding"),
    ("alg none, signed", with_header(alg="none"), "algorithm"),
    ("alg RS256", with_header(alg="RS256"), "algorithm"),
    ("alg missing", with_header(alg=None), "algorithm"),
    ("crit", with_header(crit=["exp"], exp=1), "algorithm"),
    ("typ of a result", result_as_command, "type"),
    ("typ missing", with_header(typ=None), "type"),
    ("kid missing", with_header(kid=None), None),
    ("grant missing", with_header(grant=None), "grant"),
    ("duplicate header member", duplicate_header, "encoding"),
    ("duplicate claim", duplicate_claim, "encoding"),
    ("not a token", not_a_token, "encoding"),
    ("padded", padded, "encoding"),
    ("grant of another root", with_grant(root="other"), None),
    ("grant signed by itself", with_grant(root="self"), None),
    ("grant of another fleet", with_grant(fleet="other"), "grant"),
    ("grant of another typ", with_grant(typ=py.TYP_COMMAND), None),
    ("grant for another name", with_grant(sub="controller:bob"), "grant"),
    ("grant expired", with_grant(life=-60), "expired"),
    ("grant of the future", with_grant(iat=int(time.time()) + 7200),
     "not_yet_valid"),
    ("a host's grant", host_as_controller, None),
    ("iss of another", with_claims(iss="controller:bob"), "grant"),
    ("iss missing", with_claims(iss=None), None),
    ("jti short", with_claims(jti="fifteen-chars-x"), None),
    ("jti long", with_claims(jti="x" * 65), None),
    ("jti with a slash", with_claims(jti="../../x/trust/revoked"), None),
    ("jti missing", with_claims(jti=None), None),
]


# holds 2.1, 2.2, 2.3, 2.5, 2.6, 2.7, 2.8, 3.2, 4.2, 4.3, 4.4, 4.5, 4.6
@pytest.mark.parametrize("make, reason", [c[1:] for c in SILENT],
                         ids=[c[0] for c in SILENT])
def test_who_cannot_prove_himself_gets_no_answer(scene, make, reason):
    scene.plex.play("wanted-1")
    before = scene.alice.mark()
    command = scene.alice.send(make(scene))
    scene.fence()
    answers = scene.alice.since(before, lambda m: "/result/" in m.topic)
    assert len(answers) == 1, "only the fence is answered"
    assert scene.plex.counters()["terminates"] == 0
    counters = scene.final_counters()
    assert counters["dropped"] == 1, counters
    if reason is not None:
        assert counters.get(reason) == 1, (command.jti, counters)


# holds 1.7, 4.1
def test_a_retained_command_is_refused(scene):
    scene.plex.play("wanted-1")
    command = scene.alice.send(scene.alice.command(HOST, STOP), retain=True)
    scene.fence()
    assert scene.alice.results(command, "media-01") == []
    # Nor is it read after the next subscription: it would fire forever.
    scene.worker.stop()
    scene.worker.start()
    scene.fence()
    assert scene.alice.results(command, "media-01") == []
    assert scene.plex.counters()["terminates"] == 0
    scene.alice.publish(command.topic, "", retain=True)


# holds 2.10, 4.1
def test_an_oversized_command_is_refused(scene):
    scene.plex.play("wanted-1")
    for size in (60000, 70000, 200000):
        command = scene.alice.send(scene.alice.command(
            HOST, {**STOP, "reason": "x" * size}))
        scene.fence()
        assert scene.alice.results(command, "media-01") == []
    assert scene.plex.counters()["terminates"] == 0


# holds 4.1
def test_bytes_that_are_no_text_are_refused(scene):
    for payload in (b"", b"\0", b"\xff\xfe\x00", b"." * 65000, b"..",
                    b"e30.e30.", b"\n"):
        scene.alice.publish(scene.fleet.command_topic(HOST), payload)
    scene.fence()
    counters = scene.final_counters()
    assert counters["dropped"] == 7 and counters["refused"] == 0


# name, claims of the command, the code of the answer
ANSWERED = [
    ("addressed to all, sent to the host", {"aud": "all"},
     "invalid_request"),
    ("addressed to another host", {"aud": "host:media-02"},
     "invalid_request"),
    ("addressed to nobody", {"aud": None}, "invalid_request"),
    ("lifetime too long", {"ttl": 86401}, "invalid_request"),
    ("without an end", {"exp": None}, "invalid_request"),
    ("expired", {"now": in_the_past(3600)}, "expired"),
    ("of the future", {"now": in_the_past(-3600)}, "not_yet_valid"),
]


# holds 4.7, 4.8, 4.9
@pytest.mark.parametrize("claims, code", [c[1:] for c in ANSWERED],
                         ids=[c[0] for c in ANSWERED])
def test_a_wrong_claim_is_answered(scene, claims, code):
    scene.plex.play("wanted-1")
    command = scene.alice.send(scene.alice.command(
        HOST, STOP, topic=scene.fleet.command_topic(HOST), **claims))
    result = scene.alice.await_result(command, "media-01")
    assert (result["success"], result["code"]) == (False, code)
    assert result["sessions"] == []
    if code in ("expired", "not_yet_valid"):
        # Both clocks: the command's and the host's, as times of this year.
        assert result["detail"].count(time.strftime("%Y-")) >= 2, result
    scene.fence()
    assert scene.plex.counters()["terminates"] == 0
    assert scene.final_counters()["refused_" + code] == 1


REQUESTS = [
    ("unknown member", {**STOP, "dryrun": True}),
    ("unknown action", {"action": "reboot"}),
    ("no action", {"session_id": "wanted-1"}),
    ("no selection", {"action": "stop"}),
    ("two selections", {**STOP, "where": "true"}),
    ("selection with ping", {"action": "ping", "where": "endable"}),
    ("number as id", {"action": "stop", "session_id": 7}),
    ("empty reason", {**STOP, "reason": ""}),
    ("long reason", {**STOP, "reason": "\u00e9" * 513}),
    ("text as dry run", {**STOP, "dry_run": "true"}),
    ("negative limit", {**STOP, "limit": -1}),
    ("confirm_s too long", {**STOP, "confirm_s": 121}),
    ("unknown backend", {**STOP, "backend": "jellyfin"}),
    ("member of another action", {**STOP, "title": "x"}),
    ("where: syntax", {"action": "stop", "where": "state =="}),
    ("where: unknown field", {"action": "stop", "where": "statte == 'x'"}),
    ("where: kinds", {"action": "stop", "where": "username > 7"}),
    ("where: too deep", {"action": "stop",
                         "where": "(" * 17 + "endable" + ")" * 17}),
    ("where: too long", {"action": "stop", "where": "endable or " * 400}),
    ("precondition: unknown field", {**STOP, "precondition": {"user": "x"}}),
]


# holds 4.10, 5.1, 5.3, 5.7, 5.13, 5.14
def test_a_request_that_breaks_a_rule_is_answered(scene):
    scene.plex.play("wanted-1")
    for name, request in REQUESTS:
        result = scene.ask(request)
        assert (result["success"], result["code"]) == (
            False, "invalid_request"), name
        assert result["detail"], name
    scene.fence()
    assert scene.plex.counters()["terminates"] == 0


def rule(**changes):
    return [{"actions": ["stop", "list"], "backends": ["plex"],
             "audiences": ["host:media-*", "all"], **changes}]


PERMITS = [
    ("no rule", []),
    ("another action", rule(actions=["list"])),
    ("another backend", rule(backends=["wts"])),
    ("another audience", rule(audiences=["all", "group:*"])),
    ("a reason is required", rule(require=["reason"])),
    ("a where is required", rule(require=["where"])),
    ("a limit is required", rule(require=["limit"])),
    ("an unknown requirement", rule(require=["blessing"])),
]


# holds 3.3, 3.4, 3.5, 4.11
@pytest.mark.parametrize("permit", [p[1] for p in PERMITS],
                         ids=[p[0] for p in PERMITS])
def test_what_the_grant_does_not_permit_is_forbidden(scene, permit):
    scene.plex.play("wanted-1")
    carol = scene.stage.controller("carol", permit)
    result = carol.ask("media-01", STOP)
    assert (result["success"], result["code"]) == (False, "forbidden")
    assert result["detail"]
    scene.fence()
    assert scene.plex.counters()["terminates"] == 0


# holds 3.3, 3.4, 3.5
def test_what_the_grant_permits_is_done(scene):
    scene.plex.play("wanted-1")
    carol = scene.stage.controller("carol", rule(
        require=["reason"], actions=["teleport", "stop"]))
    result = carol.ask("media-01", {**STOP, "reason": "late"})
    assert (result["success"], result["code"]) == (True, "ok")
    pings = scene.stage.controller("dave", rule(actions=["ping"],
                                                backends=[]))
    assert pings.ask("media-01", {"action": "ping"})["code"] == "ok"
