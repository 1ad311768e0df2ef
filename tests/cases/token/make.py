#!/usr/bin/python3
"""Write the token cases beside this script, with fixed keys.

Each file holds one compact token, without a line feed.  accept-*.jwt must be
decoded; refuse-<status>-*.jwt must be refused with that status, where status
is a name of protocol/status.c.  The signatures are right wherever there is
one: what is refused is refused for its form.
"""
import base64
import hashlib
import json
import pathlib

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

HERE = pathlib.Path(__file__).resolve().parent


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def key(seed_byte):
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed_byte]) * 32)


def x(private):
    return b64(private.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw))


def thumbprint(private):
    jwk = '{"crv":"Ed25519","kty":"OKP","x":"%s"}' % x(private)
    return b64(hashlib.sha256(jwk.encode()).digest())


ROOT, ALICE, HOST = key(1), key(2), key(3)
IAT = 1795249800


def sign(private, typ, claims, **header):
    """An ordinary token, by PyJWT."""
    header = {"typ": typ, "kid": thumbprint(private), **header}
    return jwt.encode(claims, private, algorithm="EdDSA", headers=header)


def raw(header, claims, private=ALICE):
    """A token of any header text and payload bytes, rightly signed."""
    if isinstance(header, str):
        header = header.encode()
    signed = b64(header) + "." + b64(claims)
    return signed + "." + b64(private.sign(signed.encode()))


def grant(subject, private, **more):
    claims = {"iss": "root", "iat": IAT, "jti": "grant-" + subject,
              "fleet": "lastcall", "sub": subject, "exp": IAT + 86400,
              "cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519",
                              "x": x(private)}}, **more}
    return sign(ROOT, "lastcall-grant+jwt", claims)


PERMIT = [{"actions": ["stop", "list"], "backends": ["plex"],
           "audiences": ["all"]}]
ALICE_GRANT = grant("controller:alice", ALICE, permit=PERMIT)
HOST_GRANT = grant("host:media-07", HOST, groups=["lobby"])
COMMAND = {"iss": "controller:alice", "iat": IAT, "jti": "0123456789abcdef",
           "aud": "all", "exp": IAT + 60, "request": {"action": "ping"}}


def header(**changes):
    """The header of a command as an ordered dict, with changes; None drops."""
    members = {"alg": "EdDSA", "typ": "lastcall-command+jwt",
               "kid": thumbprint(ALICE), "grant": ALICE_GRANT, **changes}
    return {k: v for k, v in members.items() if v is not None}


def command(**changes):
    return raw(json.dumps(header(**changes)), json.dumps(COMMAND).encode())


GOOD = command()
HEAD, BODY, SIGNATURE = GOOD.split(".")

cases = {
    "accept-command": sign(ALICE, "lastcall-command+jwt", COMMAND,
                           grant=ALICE_GRANT),
    "accept-grant-controller": ALICE_GRANT,
    "accept-grant-host": HOST_GRANT,
    "accept-revocation": sign(
        ROOT, "lastcall-revocation+jwt",
        {"iss": "root", "iat": IAT, "jti": "revocation-0001",
         "fleet": "lastcall", "seq": 1,
         "revoked": {thumbprint(ALICE): IAT}}),
    "accept-unknown-header-members": command(
        cty="x", b64=None, x5c=["y"], jku="https://example.com/"),
    "accept-header-with-white-space": raw(
        json.dumps(header(), indent=2), json.dumps(COMMAND).encode()),
    "accept-header-with-escapes": raw(
        json.dumps(header()).replace("EdDSA", "Ed\\u0044SA"),
        json.dumps(COMMAND).encode()),
    # The payload is judged after the signature, by token_verify().
    "accept-payload-no-json": raw(json.dumps(header()), b"not json"),

    "refuse-encoding-empty": "",
    "refuse-encoding-dots": "..",
    "refuse-encoding-two-parts": HEAD + "." + BODY,
    "refuse-encoding-four-parts": GOOD + ".AAAA",
    "refuse-encoding-five-parts": "%s.%s.%s.%s.%s" % (
        HEAD, BODY, BODY, BODY, SIGNATURE),
    "refuse-encoding-line-feed": GOOD + "\n",
    "refuse-encoding-leading-space": " " + GOOD,
    "refuse-encoding-padding": HEAD + "." + BODY + "." + SIGNATURE + "==",
    "refuse-encoding-no-header": "." + BODY + "." + SIGNATURE,
    "refuse-encoding-no-payload": HEAD + ".." + SIGNATURE,
    "refuse-encoding-no-signature": HEAD + "." + BODY + ".",
    "refuse-encoding-short-signature": GOOD[:-1],
    "refuse-encoding-long-signature": GOOD + "A",
    "refuse-encoding-signature-trailing-bits":
        GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    "refuse-encoding-standard-alphabet": HEAD + ".++//." + SIGNATURE,
    "refuse-encoding-payload-length": HEAD + ".AAAAA." + SIGNATURE,
    "refuse-encoding-duplicate-alg": raw(
        json.dumps(header())[:-1] + ', "alg": "EdDSA"}', b"{}"),
    "refuse-encoding-duplicate-escaped": raw(
        json.dumps(header())[:-1] + ', "\\u0061lg": "none"}', b"{}"),
    "refuse-encoding-duplicate-unknown": raw(
        json.dumps(header())[:-1] + ', "z": 1, "z": 1}', b"{}"),
    "refuse-encoding-header-no-json": raw("alg=EdDSA", b"{}"),
    "refuse-encoding-header-trailing": raw(
        json.dumps(header()) + "{}", b"{}"),
    "refuse-encoding-header-utf8": raw(
        b'{"alg":"EdDSA","x":"\xff"}', b"{}"),
    "refuse-encoding-header-nul": raw(
        '{"alg":"EdDSA\\u0000"}', b"{}"),
    "refuse-encoding-header-deep": raw(
        '{"x":' + "[" * 1000 + "]" * 1000 + "}", b"{}"),

    "refuse-shape-header-array": raw('["EdDSA"]', b"{}"),
    "refuse-shape-header-text": raw('"EdDSA"', b"{}"),
    "refuse-shape-no-kid": command(kid=None),
    "refuse-shape-kid-number": command(kid=1),
    "refuse-shape-kid-short": command(kid=thumbprint(ALICE)[:-1]),
    "refuse-shape-kid-long": command(kid=thumbprint(ALICE) + "A"),
    "refuse-shape-kid-alphabet": command(kid="+" + thumbprint(ALICE)[1:]),
    "refuse-shape-kid-trailing-bits": command(kid="A" * 42 + "B"),
    "refuse-shape-grant-number": command(grant=1),
    "refuse-shape-grant-list": command(grant=[ALICE_GRANT]),

    "refuse-algorithm-absent": command(alg=None),
    "refuse-algorithm-none": command(alg="none"),
    "refuse-algorithm-none-unsigned": b64(
        json.dumps(header(alg="none")).encode()) + "." + BODY + "." + "A" * 86,
    "refuse-algorithm-lower-case": command(alg="eddsa"),
    "refuse-algorithm-ed25519": command(alg="Ed25519"),
    "refuse-algorithm-hs256": command(alg="HS256"),
    "refuse-algorithm-es256": command(alg="ES256"),
    "refuse-algorithm-list": command(alg=["EdDSA"]),
    "refuse-algorithm-space": command(alg="EdDSA "),
    "refuse-algorithm-crit": command(crit=["exp"]),
    "refuse-algorithm-crit-empty": command(crit=[]),
    "refuse-algorithm-crit-false": command(crit=False),
    "refuse-algorithm-crit-null": raw(
        json.dumps(header())[:-1] + ', "crit": null}', b"{}"),
    "refuse-algorithm-crit-b64": command(crit=["b64"], b64=False),

    "refuse-type-absent": command(typ=None),
    "refuse-type-jwt": command(typ="JWT"),
    "refuse-type-application": command(typ="application/lastcall-command+jwt"),
    "refuse-type-case": command(typ="Lastcall-Command+JWT"),
    "refuse-type-prefix": command(typ="lastcall-command"),
    "refuse-type-longer": command(typ="lastcall-command+jwt2"),
    "refuse-type-number": command(typ=1),
    "refuse-type-empty": command(typ=""),

    "refuse-grant-absent": command(grant=None),
    "refuse-grant-in-grant": raw(
        json.dumps(header(typ="lastcall-grant+jwt")), b"{}", ROOT),
    "refuse-grant-in-revocation": raw(
        json.dumps(header(typ="lastcall-revocation+jwt")), b"{}", ROOT),

    "refuse-too_large-command": raw(json.dumps(header()), b" " * 65536),
    "refuse-too_large-grant-token": raw(
        json.dumps(header(typ="lastcall-grant+jwt", grant=None)),
        b" " * 16384, ROOT),
    "refuse-too_large-grant-member": command(grant="A" * 16385),
    "refuse-too_large-header": raw(" " * 17500 + json.dumps(header()), b"{}"),
}

for old in HERE.glob("*.jwt"):
    old.unlink()
for name, token in cases.items():
    (HERE / (name + ".jwt")).write_bytes(token.encode())
for name in ("root", "alice", "host"):
    private = {"root": ROOT, "alice": ALICE, "host": HOST}[name]
    print(name, x(private), thumbprint(private))
