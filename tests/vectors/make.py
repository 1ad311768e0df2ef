#!/usr/bin/python3
"""Make the published test vectors.

    make.py DIRECTORY

writes DIRECTORY/vectors.json and DIRECTORY/tokens/.  Everything is fixed,
keys and times included, and Ed25519 signatures are deterministic: the files
come out the same on every machine.  Tokens are put together by hand here,
because half of them are ones that no library would sign; those that are
meant to hold are checked with PyJWT before they are written.
"""

import base64
import hashlib
import hmac
import json
import os
import sys

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey)

FLEET = "lastcall"
NOW = 1767225600  # 2026-01-01T00:00:00Z
DAY = 86400
SKEW = 30
LIFETIME_MAX = DAY
HOST = "media-07"
SEEDS = {
    "root": b"root of trust, for vectors only.",
    "other-root": b"a root that nobody here trusts..",
    "alice": b"the controller alice, seed no. 1",
    "mallory": b"the controller mallory, captured",
    "media-07": b"the host media-07, seed number 1",
    "media-08": b"the host media-08, seed number 1",
}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Key:
    def __init__(self, name):
        self.seed = SEEDS[name]
        self.private = Ed25519PrivateKey.from_private_bytes(self.seed)
        raw = self.private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.raw = raw
        self.jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64(raw)}
        self.thumbprint = b64(hashlib.sha256(
            dumps(self.jwk).encode()).digest())


KEYS = {name: Key(name) for name in SEEDS}
ROOT = KEYS["root"]


def compact(header, claims, sign):
    """Header and claims may be values or the very bytes to encode."""
    parts = [part if isinstance(part, bytes) else dumps(part).encode()
             for part in (header, claims)]
    signed = ".".join(b64(part) for part in parts)
    return signed + "." + b64(sign(signed.encode()))


def merged(base, changes):
    """Members given as None are left out."""
    result = {**base, **changes}
    return {k: v for k, v in result.items() if v is not None}


def header_of(kind, key, grant=None, **changes):
    return merged({"alg": "EdDSA", "typ": "lastcall-%s+jwt" % kind,
                   "kid": key.thumbprint, "grant": grant}, changes)


def number(name):
    """A jti of 22 characters that is a function of a name."""
    return b64(hashlib.sha256(name.encode()).digest()[:16])


def grant(subject, key, root=ROOT, header=None, **changes):
    claims = merged({
        "iss": "root", "iat": NOW - DAY, "jti": number("grant " + subject),
        "fleet": FLEET, "sub": subject, "exp": NOW + 30 * DAY,
        "cnf": {"jwk": key.jwk}}, changes)
    return compact(header_of("grant", root, **(header or {})), claims,
                   root.private.sign)


ANYTHING = [{"actions": ["*"], "backends": ["*"], "audiences": ["*"]}]
ALICE_GRANT = grant("controller:alice", KEYS["alice"], permit=ANYTHING)
HOST_GRANT = grant("host:" + HOST, KEYS[HOST], groups=["lobby"])
HOST8_GRANT = grant("host:media-08", KEYS["media-08"], groups=[])
STOP = {"action": "stop", "session_id": "7gfxs2rx5nx6o9t1x2k6a1qe",
        "reason": "Maintenance at nine"}


def command_claims(name, request, **changes):
    return merged({
        "iss": "controller:alice", "iat": NOW - 5, "jti": number(name),
        "aud": "host:" + HOST, "exp": NOW + 55, "request": request}, changes)


def command(name, request=STOP, *, key=KEYS["alice"], grant=ALICE_GRANT,
            header=None, **changes):
    claims = command_claims(name, request, **changes)
    return compact(header_of("command", key, grant, **(header or {})), claims,
                   key.private.sign)


PLAN = {"id": "patch-day", "starts_at": "2026-01-01T22:00:00.000Z",
        "ends_at": "2026-01-01T23:00:00.000Z", "warn_s": [900, 300, 60],
        "message": "Patches at ten \U0001f6e0 \u2013 save your work.",
        "reason": "Patches", "action": "end",
        "where": "username != 'root'", "enforce": True}


def plan(name, body=None, *, key=KEYS["alice"], grant=ALICE_GRANT,
         header=None, without=(), more=None, **changes):
    body = {k: v for k, v in {**(body or PLAN), **(more or {})}.items()
            if k not in without}
    claims = merged({
        "iss": "controller:alice", "iat": NOW - 5, "jti": number(name),
        "aud": "all", "exp": NOW + 2 * DAY, "maintenance": body}, changes)
    return compact(header_of("maintenance", key, grant, **(header or {})),
                   claims, key.private.sign)


def spoken(typ, name, *, key=KEYS[HOST], grant=HOST_GRANT, **changes):
    claims = merged({"iss": "host:" + HOST, "iat": NOW - 1,
                     "jti": number(name)}, changes)
    return compact(header_of(typ, key, grant), claims, key.private.sign)


def revocation(name, revoked, *, root=ROOT, **changes):
    claims = merged({"iss": "root", "iat": NOW - 60, "jti": number(name),
                     "fleet": FLEET, "seq": 7, "revoked": revoked}, changes)
    return compact(header_of("revocation", root), claims, root.private.sign)


class Index:
    def __init__(self):
        self.cases = []
        self.tokens = {}

    def add(self, name, kind, token, verdict="ok", *, proved=True, now=NOW,
            audience="host:" + HOST, revocation=None, why=""):
        assert name not in self.tokens, name
        if proved:
            check_with_pyjwt(kind, token)
        self.tokens[name] = token
        case = {"name": name, "kind": kind, "file": "tokens/%s.jwt" % name,
                "now": now, "proved": proved, "verdict": verdict}
        if kind in ("command", "maintenance"):
            case["audience"] = audience
        if revocation:
            case["revocation"] = "tokens/%s.jwt" % revocation
        case["why"] = why
        self.cases.append(case)

    def unproved(self, name, kind, token, verdict, **options):
        self.add(name, kind, token, verdict, proved=False, **options)


def check_with_pyjwt(kind, token):
    header = jwt.get_unverified_header(token)
    public = ROOT
    if "grant" in header:
        inner = jwt.decode(header["grant"], ROOT.private.public_key(),
                           algorithms=["EdDSA"],
                           options={"verify_exp": False})
        public = next(key for key in KEYS.values()
                      if key.jwk == inner["cnf"]["jwk"])
    jwt.decode(token, public.private.public_key(), algorithms=["EdDSA"],
               options={"verify_exp": False, "verify_aud": False,
                        "verify_iat": False})


def flipped(token, part):
    """The token with one bit of one part changed, still base64url."""
    parts = token.split(".")
    data = bytearray(base64.urlsafe_b64decode(
        parts[part] + "=" * (-len(parts[part]) % 4)))
    data[len(data) // 2] ^= 1
    parts[part] = b64(bytes(data))
    return ".".join(parts)


def accepted_commands(index):
    add = index.add
    add("command-stop", "command", command("stop"))
    add("command-stop-where", "command", command("stop-where", {
        "action": "stop", "backend": "plex", "server": "home",
        "where": "state == 'paused' and paused_s > 20m and not "
                 "(username ~ 'admin*')",
        "limit": 3, "confirm_s": 5, "dry_run": True, "pass_thru": True}))
    add("command-stop-precondition", "command", command(
        "stop-precondition", {**STOP, "precondition": {
            "username": "jdoe", "media_title": None}}))
    add("command-reason-unicode", "command", command("reason-unicode", {
        **STOP, "reason": "Fünf Minuten – \U0001f6d1 \"stop\" & 100% #1 "
                          "a+b ~ c\nsecond line"}))
    add("command-reason-512-characters", "command", command(
        "reason-512", {**STOP, "reason": "\U0001f3ac" * 512}),
        why="the limit counts characters, not bytes")
    add("command-ping", "command", command("ping", {"action": "ping"}))
    add("command-list", "command", command("list", {"action": "list"}))
    add("command-end-all", "command", command(
        "end-all", {"action": "end", "where": "endable", "splay_s": 10},
        aud="all"), audience="all")
    add("command-group", "command", command(
        "group", {"action": "ping"}, aud="group:lobby"),
        audience="group:lobby")
    add("command-unknown-members", "command", command(
        "unknown-members", {"action": "ping"},
        header={"x-unknown": {"deep": [1, 2]}}, nonsense=True),
        why="unknown header parameters and claims are ignored")
    add("command-at-the-edge-of-skew", "command", command(
        "edge-of-skew", exp=NOW - SKEW + 1, iat=NOW - 60))
    add("command-longest-lifetime", "command", command(
        "longest-lifetime", iat=NOW, exp=NOW + LIFETIME_MAX))


def refused_headers(index):
    no = index.unproved
    good = command("stop")
    no("header-two-parts", "command", good.rsplit(".", 1)[0], "encoding")
    no("header-four-parts", "command", good + ".AA", "encoding")
    no("header-padded", "command", good + "==", "encoding",
       why="base64url without padding, RFC 7515 section 2")
    no("header-trailing-bits", "command", good[:-1] + chr(ord(good[-1]) + 1),
       "encoding", why="another spelling of the same signature")
    no("header-plain-base64", "command", "+" + good[1:], "encoding")
    no("header-empty", "command", "..", "encoding")
    no("header-not-json", "command", compact(
        b"not json", command_claims("x", STOP), KEYS["alice"].private.sign),
        "encoding")
    no("header-array", "command", compact(
        b"[]", command_claims("x", STOP), KEYS["alice"].private.sign),
        "shape")
    alice = KEYS["alice"]
    no("header-alg-none", "command", command(
        "alg-none", header={"alg": "none"}), "algorithm")
    no("header-alg-none-unsigned", "command", compact(
        header_of("command", alice, ALICE_GRANT, alg="none"),
        command_claims("alg-none", STOP), lambda signed: b""), "encoding",
        why="a signature has 64 bytes, whatever alg says")
    no("header-alg-hs256", "command", compact(
        header_of("command", alice, ALICE_GRANT, alg="HS256"),
        command_claims("alg-hs256", STOP),
        lambda signed: hmac.digest(alice.raw, signed, "sha256")),
        "encoding", why="the public key as an HMAC secret; 32 bytes")
    no("header-alg-hs512", "command", compact(
        header_of("command", alice, ALICE_GRANT, alg="HS512"),
        command_claims("alg-hs512", STOP),
        lambda signed: hmac.digest(alice.raw, signed, "sha512")),
        "algorithm", why="as long as an Ed25519 signature")
    no("header-alg-rs256", "command", command(
        "alg-rs256", header={"alg": "RS256"}), "algorithm")
    no("header-alg-lower-case", "command", command(
        "alg-lower", header={"alg": "eddsa"}), "algorithm")
    no("header-alg-missing", "command", command(
        "alg-missing", header={"alg": None}), "algorithm")
    no("header-crit", "command", command(
        "crit", header={"crit": ["exp"]}), "algorithm")
    no("header-crit-empty", "command", command(
        "crit-empty", header={"crit": []}), "algorithm")
    no("header-typ-missing", "command", command(
        "typ-missing", header={"typ": None}), "type")
    no("header-typ-jwt", "command", command(
        "typ-jwt", header={"typ": "JWT"}), "type")
    no("header-typ-other", "command", command(
        "typ-result", header={"typ": "lastcall-result+jwt"}), "type",
        why="a result is no command, whoever signed it")
    no("header-grant-missing", "command", command(
        "grant-missing", grant=None), "grant")
    no("header-duplicate-member", "command", compact(
        dumps(header_of("command", alice, ALICE_GRANT)).replace(
            '{"alg":"EdDSA"', '{"alg":"none","alg":"EdDSA"').encode(),
        command_claims("duplicate-header", STOP), alice.private.sign),
        "encoding")
    no("claims-duplicate-member", "command", compact(
        header_of("command", alice, ALICE_GRANT),
        dumps(command_claims("duplicate", STOP)).replace(
            '"aud":', '"aud":"all","aud":').encode(),
        alice.private.sign), "encoding")
    no("claims-too-deep", "command", command(
        "too-deep", nonsense=json.loads("[" * 32 + "]" * 32)), "encoding",
        why="33 levels; 32 are allowed")
    no("claims-not-an-object", "command", compact(
        header_of("command", alice, ALICE_GRANT), b'"text"',
        alice.private.sign), "shape")
    no("claims-iat-text", "command", command("iat-text", iat="yesterday"),
       "shape")
    no("claims-iss-missing", "command", command("iss-missing", iss=None),
       "shape")
    no("claims-not-utf-8", "command", compact(
        header_of("command", alice, ALICE_GRANT),
        dumps(command_claims("not-utf-8", STOP)).encode().replace(
            b"Maintenance", b"\xff"), alice.private.sign), "encoding")
    no("too-large", "command", command("too-large", {
        **STOP, "reason": "x" * 50000}), "too_large")


def refused_trust(index):
    no = index.unproved
    alice, mallory = KEYS["alice"], KEYS["mallory"]
    other = KEYS["other-root"]
    good = command("stop")
    no("signature-flipped", "command", flipped(good, 2), "signature")
    no("claims-altered", "command", flipped(good, 1), "signature")
    no("signature-of-other-key", "command", compact(
        header_of("command", alice, ALICE_GRANT),
        command_claims("other-key", STOP), mallory.private.sign),
        "signature")
    no("signature-short", "command", good[:-8], "encoding")
    no("kid-of-other-key", "command", command(
        "kid-other", header={"kid": mallory.thumbprint}), "key")
    no("kid-not-the-granted-key", "command", command(
        "kid-granted", key=mallory), "key",
        why="alice's grant in the header of what mallory signed")
    no("iss-not-the-subject", "command", command(
        "iss-subject", iss="controller:bob"), "grant")
    no("grant-of-other-root", "command", command(
        "other-root", grant=grant("controller:alice", alice, root=other,
                                  permit=ANYTHING)), "grant")
    no("grant-of-other-root-with-our-kid", "command", command(
        "other-root-kid", grant=grant(
            "controller:alice", alice, root=other, permit=ANYTHING,
            header={"kid": ROOT.thumbprint})), "grant")
    no("grant-altered", "command", command(
        "grant-altered", grant=flipped(ALICE_GRANT, 1)), "grant")
    no("grant-of-other-fleet", "command", command(
        "other-fleet", grant=grant("controller:alice", alice, fleet="other",
                                   permit=ANYTHING)), "grant")
    no("grant-of-other-typ", "command", command(
        "grant-typ", grant=grant(
            "controller:alice", alice, permit=ANYTHING,
            header={"typ": "lastcall-command+jwt"})), "grant")
    no("grant-signed-by-controller", "command", command(
        "grant-self", grant=grant("controller:alice", alice, root=mallory,
                                  permit=ANYTHING)), "grant")
    no("grant-expired", "command", command(
        "grant-expired", grant=grant(
            "controller:alice", alice, permit=ANYTHING, exp=NOW - SKEW)),
        "expired")
    no("grant-of-the-future", "command", command(
        "grant-future", grant=grant(
            "controller:alice", alice, permit=ANYTHING,
            iat=NOW + SKEW + 1)), "not_yet_valid")
    no("grant-with-private-key", "command", command(
        "grant-private", grant=grant(
            "controller:alice", alice, permit=ANYTHING,
            cnf={"jwk": {**alice.jwk, "d": b64(alice.seed)}})), "key")
    no("grant-without-cnf", "command", command(
        "grant-no-cnf", grant=grant("controller:alice", alice, cnf=None,
                                    permit=ANYTHING)), "grant")
    no("host-as-controller", "command", command(
        "host-controller", key=KEYS[HOST], grant=HOST_GRANT,
        iss="host:" + HOST), "grant", why="a host may not command")
    no("grant-is-itself-the-command", "command", ALICE_GRANT, "type")


def refused_revoked(index):
    alice = KEYS["alice"].thumbprint
    lists = {
        "revoked-alice": {alice: NOW},
        "revoked-alice-long-ago": {alice: NOW - 2 * DAY},
        "revoked-every-key": {"*": NOW},
        "revoked-every-grant": {"*": NOW - 3600},
        "revoked-alice-rfc-3339": {alice: "2026-01-01T00:00:00Z"},
        "revoked-mallory": {KEYS["mallory"].thumbprint: NOW},
    }
    for name, revoked in lists.items():
        index.add(name, "revocation", revocation(name, revoked))
    good = command("stop")
    for name in ("revoked-alice", "revoked-alice-rfc-3339",
                 "revoked-every-key", "revoked-every-grant"):
        index.unproved("command-" + name, "command", good, "revoked",
                       revocation=name)
    for name in ("revoked-alice-long-ago", "revoked-mallory"):
        index.add("command-not-" + name, "command", good, revocation=name)
    index.add("command-with-new-grant", "command", command(
        "new-grant", iat=NOW + 1, grant=grant(
            "controller:alice", KEYS["alice"], permit=ANYTHING, iat=NOW)),
        revocation="revoked-alice",
        why="the same key, granted again after the time")
    index.unproved("command-signed-before-the-time", "command", command(
        "before-the-time", grant=grant("controller:alice", KEYS["alice"],
                                       permit=ANYTHING, iat=NOW)),
        "revoked", revocation="revoked-alice",
        why="a new grant does not bring back what was signed before")
    index.unproved("revocation-of-other-root", "revocation", revocation(
        "other-root", {"*": NOW}, root=KEYS["other-root"]), "key")
    index.unproved("revocation-altered", "revocation", flipped(
        revocation("altered", {alice: NOW}), 1), "signature")
    index.unproved("revocation-of-other-fleet", "revocation", revocation(
        "other-fleet", {"*": NOW}, fleet="other"), "grant")
    index.unproved("revocation-without-seq", "revocation", revocation(
        "without-seq", {"*": NOW}, seq=None), "shape")


def refused_claims(index):
    def no(name, verdict, token, **options):
        index.add(name, "command", token, verdict, **options)

    bad = "invalid_request"
    no("claims-aud-missing", bad, command("aud-missing", aud=None))
    no("claims-aud-list", bad, command("aud-list", aud=["host:" + HOST]))
    no("claims-aud-nonsense", bad, command("aud-nonsense", aud="host:A/B"))
    no("claims-exp-missing", bad, command("exp-missing", exp=None))
    no("claims-exp-real", bad, command("exp-real", exp=NOW + 55.5))
    no("claims-jti-short", bad, command("jti-short", jti="fifteen-chars-x"))
    index.unproved("claims-jti-long", "command", command(
        "jti-long", jti="x" * 65), "shape")
    no("claims-jti-characters", bad, command(
        "jti-characters", jti="sixteen/chars+xx"))
    no("claims-lifetime-too-long", bad, command(
        "lifetime", iat=NOW, exp=NOW + LIFETIME_MAX + 1))
    no("claims-expired", "expired", command(
        "expired", iat=NOW - 120, exp=NOW - SKEW))
    no("claims-of-the-future", "not_yet_valid", command(
        "future", iat=NOW + SKEW + 1, exp=NOW + 90))


def refused_requests(index):
    def no(name, request, verdict="invalid_request", **options):
        index.add("request-" + name, "command", command(
            "request " + name, request, **options), verdict)

    def stop(**changes):
        return merged(STOP, changes)

    no("missing", None)
    no("array", [])
    no("without-action", {"session_id": "x"})
    no("unknown-action", {"action": "reboot"})
    no("unknown-member", stop(dryrun=True))
    no("member-of-other-action", stop(title="x"))
    no("without-selection", stop(session_id=None))
    no("two-selections", stop(where="true"))
    no("empty-session-id", stop(session_id=""))
    no("session-id-number", stop(session_id=7))
    no("dry-run-text", stop(dry_run="true"))
    no("limit-negative", stop(limit=-1))
    no("limit-real", stop(limit=1.0))
    no("reason-too-long", stop(reason="x" * 513))
    no("confirm-too-long", stop(confirm_s=121))
    no("unknown-backend", stop(backend="jellyfin"))
    no("where-syntax", stop(session_id=None, where="state =="))
    no("where-unknown-field", stop(session_id=None, where="statte == 'x'"))
    no("where-too-deep", stop(session_id=None,
                              where="(" * 17 + "endable" + ")" * 17))
    no("precondition-unknown-field", stop(precondition={"user": "x"}))
    no("precondition-wrong-kind", stop(precondition={"username": 7}))
    no("where-with-ping", {"action": "ping", "where": "true"})


def refused_permits(index):
    def granted(*rules):
        return grant("controller:alice", KEYS["alice"], permit=list(rules))

    lists_only = {"actions": ["list"], "backends": ["plex"],
                  "audiences": ["all", "group:lobby", "host:media-*"]}
    stops = {"actions": ["stop"], "backends": ["plex"],
             "audiences": ["host:media-*"], "require": ["reason"]}

    def case(name, rules, request, verdict, **options):
        index.add("permit-" + name, "command", command(
            "permit " + name, request, grant=granted(*rules), **options),
            verdict, audience=options.get("aud", "host:" + HOST))

    listing = {"action": "list", "backend": "plex"}
    case("none", [], listing, "forbidden")
    case("list", [lists_only], listing, "ok")
    case("group-lobby", [lists_only], listing, "ok", aud="group:lobby")
    case("other-group", [lists_only], listing, "forbidden",
         aud="group:kitchen")
    case("other-action", [lists_only], {**STOP, "backend": "plex"},
         "forbidden")
    case("second-rule", [lists_only, stops], {**STOP, "backend": "plex"},
         "ok")
    case("reason-required", [lists_only, stops],
         {"action": "stop", "backend": "plex", "session_id": "x"},
         "forbidden")
    case("unknown-requirement", [{**stops, "require": ["blessing"]}],
         {**STOP, "backend": "plex"}, "forbidden")
    case("ping-asks-no-backend", [{"actions": ["ping"], "backends": ["wts"],
                                   "audiences": ["*"]}],
         {"action": "ping"}, "ok")
    case("host-pattern", [{**lists_only, "audiences": ["host:*-07"]}],
         listing, "ok")
    case("other-audience", [stops], {**STOP, "backend": "plex"},
         "forbidden", aud="all")
    case("other-backend", [{**stops, "backends": ["wts"]}],
         {**STOP, "backend": "plex"}, "forbidden")
    case("unknown-action-in-rule",
         [{**stops, "actions": ["teleport", "stop"]}],
         {**STOP, "backend": "plex"}, "ok")


def session(**changes):
    return {"session_id": "7gfxs2rx5nx6o9t1x2k6a1qe", "server": "home",
            "backend": "plex", "username": "jdoe", "state": "playing",
            "client_name": "TV", "client_address": "192.0.2.7",
            "is_local": True, "started_at": None, "idle_s": None,
            "endable": True, **changes}


RESULT = {
    "success": True, "code": "ok", "detail": "1 session ended",
    "action": "stop", "dry_run": False, "replayed": False, "matched": 1,
    "succeeded": 1, "failed": 0, "received_at": "2026-01-01T00:00:00.120Z",
    "started_at": "2026-01-01T00:00:00.130Z",
    "finished_at": "2026-01-01T00:00:00.150Z", "boot_id": "b-0001",
    "servers": [{"server": "home", "backend": "plex", "success": True,
                 "code": "ok", "detail": ""}],
    "sessions": [{"session_id": "7gfxs2rx5nx6o9t1x2k6a1qe",
                  "server": "home", "backend": "plex", "success": True,
                  "code": "ok", "detail": "", "session": session()}]}
INVENTORY = {
    "server": "home", "backend": "plex", "boot_id": "b-0001", "seq": 41,
    "taken_at": "2026-01-01T00:00:00.000Z", "reachable": True,
    "error": None, "count": 1, "truncated": False, "sessions": [session()]}
EVENT = {"server": "home", "backend": "plex", "boot_id": "b-0001",
         "seq": 42, "kind": "ended", "session": session(),
         "ended_by": number("stop")}
STATUS = {
    "state": "online", "boot_id": "b-0001", "version": "0.1.0",
    "protocol": 1, "os": "Debian GNU/Linux 12",
    "clock": "2026-01-01T00:00:00.000Z",
    "servers": [{"name": "home", "backend": "plex", "reachable": True,
                 "version": "1.43.3.10828", "sessions": 1,
                 "actions": ["ping", "list", "stop", "end"]}],
    "counters": {"received": 12, "refused_signature": 1},
    "maintenance": []}


def hosts_speak(index):
    stop = command("stop")
    answer = {
        "aud": "controller:alice", "request_id": number("stop"),
        "request_hash": b64(hashlib.sha256(stop.encode()).digest()),
        "result": RESULT}
    index.add("result", "result", spoken("result", "result", **answer))
    index.add("result-refusal", "result", spoken(
        "result", "result-refusal", **{**answer, "result": {
            **RESULT, "success": False, "code": "forbidden",
            "detail": "no rule allows it", "action": None, "matched": 0,
            "succeeded": 0, "started_at": None, "servers": [],
            "sessions": []}}))
    index.unproved("result-of-other-host", "result", spoken(
        "result", "result-other", key=KEYS["media-08"], grant=HOST8_GRANT,
        **answer), "grant", why="media-08 speaks as media-07")
    index.unproved("result-altered", "result", flipped(
        spoken("result", "result", **answer), 1), "signature")
    index.add("result-code-unknown", "result", spoken(
        "result", "result-code", **{**answer, "result": {
            **RESULT, "code": "splendid"}}), "shape")
    index.add("result-hash-missing", "result", spoken(
        "result", "result-hash", **{**answer, "request_hash": None}),
        "shape")
    index.add("sessions", "sessions", spoken("sessions", "sessions",
                                             inventory=INVENTORY))
    index.add("sessions-unreachable", "sessions", spoken(
        "sessions", "sessions-unreachable", inventory={
            **INVENTORY, "reachable": False,
            "error": {"code": "unreachable", "detail": "refused"}}))
    index.add("sessions-wrong-kind", "sessions", spoken(
        "sessions", "sessions-kind", inventory={
            **INVENTORY, "sessions": [session(username=7)]}), "shape")
    index.add("event", "event", spoken("event", "event", event=EVENT))
    index.add("event-by-controller", "event", spoken(
        "event", "event-by-controller", event={
            **EVENT, "ended_by_controller": "alice"}))
    index.add("event-by-plan", "event", spoken(
        "event", "event-by-plan", event={
            **EVENT, "ended_by_controller": "alice",
            "ended_by_plan": "patch-1"}))
    index.add("event-controller-name", "event", spoken(
        "event", "event-controller-name", event={
            **EVENT, "ended_by_controller": "Alice"}), "shape")
    index.add("event-controller-of-nothing", "event", spoken(
        "event", "event-controller-of-nothing", event={
            **EVENT, "ended_by": None, "ended_by_controller": "alice"}),
        "shape")
    index.add("status", "status", spoken("status", "status", status=STATUS))
    index.add("status-offline", "status", spoken(
        "status", "status-offline", status={
            **STATUS, "state": "offline", "servers": [], "counters": {}}))
    index.add("status-state-unknown", "status", spoken(
        "status", "status-state", status={**STATUS, "state": "asleep"}),
        "shape")


def plans(index):
    def add(name, token, verdict="ok", *, audience="all", **options):
        index.add("maintenance-" + name, "maintenance", token, verdict,
                  audience=audience, **options)

    def no(name, verdict, **options):
        add(name, plan("plan-" + name, **options), verdict)

    add("whole", plan("plan-whole"))
    add("least", plan("plan-least", without=(
        "warn_s", "message", "reason", "where", "enforce")))
    add("cancelled", plan("plan-cancelled", {
        "id": "patch-day", "cancelled": True}))
    add("group", plan("plan-group", aud="group:lobby"),
        audience="group:lobby")
    no("other-address", "invalid_request", aud="group:lobby")
    no("expired", "expired", iat=NOW - 3 * DAY, exp=NOW - SKEW,
       more={"starts_at": "2025-12-30T08:00:00.000Z",
             "ends_at": "2025-12-30T09:00:00.000Z"})
    no("from-tomorrow", "not_yet_valid", iat=NOW + DAY)
    no("exp-before-its-end", "invalid_request", exp=NOW + 60)
    no("exp-in-500-days", "invalid_request", exp=NOW + 500 * DAY)
    no("warnings-going-up", "invalid_request", more={"warn_s": [60, 300]})
    no("warning-without-message", "invalid_request", without=("message",))
    no("misspelt-where", "invalid_request", without=("where",),
       more={"were": "username == 'jdoe'"})
    no("ends-before-it-starts", "invalid_request",
       more={"ends_at": "2026-01-01T21:00:00.000Z"})
    no("action-message", "invalid_request", more={"action": "message"})
    add("altered", flipped(plan("plan-whole"), 1), "signature", proved=False)
    add("of-a-host", plan("plan-host", key=KEYS[HOST], grant=HOST_GRANT,
                          iss="host:" + HOST), "grant", proved=False)
    add("typ-command", plan("plan-typ", header={
        "typ": "lastcall-command+jwt"}), "type", proved=False)


def main(directory):
    index = Index()
    accepted_commands(index)
    refused_headers(index)
    refused_trust(index)
    refused_revoked(index)
    refused_claims(index)
    refused_requests(index)
    refused_permits(index)
    plans(index)
    hosts_speak(index)
    os.makedirs(os.path.join(directory, "tokens"), exist_ok=True)
    for name, token in index.tokens.items():
        path = os.path.join(directory, "tokens", name + ".jwt")
        with open(path, "w") as out:
            out.write(token + "\n")
    document = {
        "fleet": FLEET, "host": HOST, "groups": ["lobby"], "skew_s": SKEW,
        "lifetime_max_s": LIFETIME_MAX, "root": ROOT.jwk,
        "keys": {name: {"seed": key.seed.hex(), "jwk": key.jwk,
                        "thumbprint": key.thumbprint}
                 for name, key in KEYS.items()},
        "cases": index.cases}
    with open(os.path.join(directory, "vectors.json"), "w") as out:
        json.dump(document, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
