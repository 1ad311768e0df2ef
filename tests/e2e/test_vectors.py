"""The published vectors, by PyJWT alone: no C program takes part."""

import fnmatch
import json
import os
import re
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PublicKey)

import lastcall_py as py

DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                         "vectors")


def load():
    with open(os.path.join(DIRECTORY, "vectors.json")) as index:
        return json.load(index)


INDEX = load()
CASES = {case["name"]: case for case in INDEX["cases"]}


def token_of(path):
    with open(os.path.join(DIRECTORY, path)) as file:
        return file.read().rstrip("\n")


def verifier_for(case):
    root = Ed25519PublicKey.from_public_bytes(
        py.unb64url(INDEX["root"]["x"]))
    verifier = py.Verifier(INDEX["fleet"], root, INDEX["skew_s"])
    if "revocation" in case:
        verifier.revocation(token_of(case["revocation"]))
    return verifier


def prove(case):
    """Claims and grant, or Refused."""
    verifier = verifier_for(case)
    token = token_of(case["file"])
    if case["kind"] == "revocation":
        return verifier.revocation(token), None
    return verifier.verify_with_grant(
        token, "lastcall-%s+jwt" % case["kind"], case["now"])


@pytest.mark.parametrize("name", CASES)
def test_who_signed_is_proved_or_refused(name):
    case = CASES[name]
    if case["proved"]:
        prove(case)
        return
    with pytest.raises(py.Refused):
        prove(case)


def judge_claims(case, claims):
    """Section 4, step 5, once more and independently."""
    jti, exp, aud = (claims.get(n) for n in ("jti", "exp", "aud"))
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,64}", jti):
        return "invalid_request"
    if not isinstance(exp, int) or aud != case["audience"]:
        return "invalid_request"
    if exp - claims["iat"] > INDEX["lifetime_max_s"]:
        return "invalid_request"
    if case["now"] >= exp + INDEX["skew_s"]:
        return "expired"
    if case["now"] < claims["iat"] - INDEX["skew_s"]:
        return "not_yet_valid"
    return "ok"


def judge_permit(case, claims, grant):
    """Section 3: some rule must allow it."""
    request = claims["request"]
    backends = [] if request["action"] == "ping" else ["plex"]
    for rule in grant["permit"]:
        if (any(fnmatch.fnmatchcase(request["action"], pattern)
                for pattern in rule["actions"])
                and all(any(fnmatch.fnmatchcase(backend, pattern)
                            for pattern in rule["backends"])
                        for backend in backends)
                and any(fnmatch.fnmatchcase(case["audience"], pattern)
                        for pattern in rule["audiences"])
                and all(field in request
                        for field in rule.get("require", []))):
            return "ok"
    return "forbidden"


@pytest.mark.parametrize("name", [
    n for n, c in CASES.items() if c["kind"] == "command" and c["proved"]])
def test_a_proved_command_is_judged_alike(name):
    case = CASES[name]
    claims, grant = prove(case)
    verdict = judge_claims(case, claims)
    if name.startswith("request-"):
        # The claims are fine; it is the request that breaks a rule.
        assert verdict == "ok" and case["verdict"] == "invalid_request"
        return
    if verdict == "ok":
        verdict = judge_permit(case, claims, grant)
    assert verdict == case["verdict"]


def judge_plan(case, claims):
    """Section 8, 8.1 to 8.4, once more and independently."""
    plan = claims["maintenance"]
    known = {"id", "starts_at", "ends_at", "warn_s", "message", "action",
             "reason", "where", "enforce", "cancelled"}
    if claims["aud"] != case["audience"] or not set(plan) <= known:
        return "invalid_request"
    if not plan.get("cancelled"):
        ends = py.seconds_of(plan["ends_at"])
        warn_s = plan.get("warn_s", [])
        if (ends <= py.seconds_of(plan["starts_at"])
                or ends > claims["exp"]
                or plan["action"] not in ("end", "stop", "disconnect",
                                          "logoff")
                or warn_s != sorted(set(warn_s), reverse=True)
                or (warn_s and "message" not in plan)):
            return "invalid_request"
    if claims["exp"] - claims["iat"] > 400 * 86400:
        return "invalid_request"
    if case["now"] >= claims["exp"] + INDEX["skew_s"]:
        return "expired"
    if case["now"] < claims["iat"] - INDEX["skew_s"]:
        return "not_yet_valid"
    return "ok"


@pytest.mark.parametrize("name", [
    n for n, c in CASES.items()
    if c["kind"] == "maintenance" and c["proved"]])
def test_a_proved_plan_is_judged_alike(name):
    case = CASES[name]
    claims, _ = prove(case)
    assert judge_plan(case, claims) == case["verdict"]


def test_the_files_are_what_make_py_makes(tmp_path):
    subprocess.run([sys.executable, os.path.join(DIRECTORY, "make.py"),
                    str(tmp_path)], check=True, timeout=60)
    for case in INDEX["cases"]:
        made = (tmp_path / case["file"]).read_text()
        assert made == token_of(case["file"]) + "\n", case["name"]
    assert json.loads((tmp_path / "vectors.json").read_text()) == INDEX


def test_jwcrypto_agrees_on_what_hosts_say():
    for name in ("result", "sessions", "event", "status"):
        claims, _ = prove(CASES[name])
        py.verify_with_jwcrypto(token_of(CASES[name]["file"]), claims)
