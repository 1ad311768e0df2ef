"""The Plex port as README.md describes it: list, token, terminate."""

import json
import xml.etree.ElementTree as ET

import pytest
from client import OWNER, SAMPLES, SHARED

LIST = "/status/sessions"
TERMINATE = "/status/sessions/terminate"
FIRST = "9k2m4w7qzr1t8yb5xn3cv6da"


def sample(name):
    return json.loads((SAMPLES / name).read_text())


def tree(element):
    return (element.tag, dict(element.attrib), [tree(e) for e in element])


@pytest.mark.parametrize("name", ["sessions-mixed", "sessions-edge-cases",
                                  "sessions-live-relay-photo",
                                  "sessions-legacy-strings"])
def test_a_sample_is_listed_as_it_was_loaded(plex, name):
    plex.load(name + ".json")
    answer = plex.ask(LIST)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Plex-Protocol"] == "1.0"
    assert answer.headers["Keep-Alive"] == "timeout=20"
    assert answer.json() == sample(name + ".json")


@pytest.mark.parametrize("name", ["sessions-mixed",
                                  "sessions-live-relay-photo"])
def test_xml_says_the_same_as_the_sample(plex, name):
    plex.load(name + ".json")
    answer = plex.ask(LIST, accept=None)
    assert answer.headers["Content-Type"].startswith("text/xml")
    expected = ET.parse(SAMPLES / (name + ".xml")).getroot()
    assert tree(ET.fromstring(answer.body)) == tree(expected)


def test_xml_of_the_edge_cases_is_well_formed(plex):
    plex.load("sessions-edge-cases.json")
    root = ET.fromstring(plex.ask(LIST, accept="text/html").body)
    assert len(root) == 6
    assert root[5].get("title").startswith("Unknown bell & <b>tag</b>")
    assert root[5].find("Player").get("title") == "Box\nNewline"


def test_nothing_plays(plex):
    assert plex.ask(LIST).json() == sample("sessions-empty.json")
    assert plex.ask(LIST, accept=None).body == \
        (SAMPLES / "sessions-empty.xml").read_bytes()
    plex.order("POST", "/options", {"empty_form": "array"})
    assert plex.ask(LIST).json() == sample("sessions-empty-array.json")


def strings_only(value, parent=""):
    if isinstance(value, dict):
        return all(strings_only(v, k) for k, v in value.items()
                   if parent != "Player" or
                   k not in ("local", "relayed", "secure", "userID"))
    if isinstance(value, list):
        return all(strings_only(v, parent) for v in value)
    return isinstance(value, str)


def test_dialect_b_has_strings_but_for_the_player(plex):
    plex.load("sessions-mixed.json")
    assert not strings_only(plex.items())
    plex.order("POST", "/options", {"dialect": "b"})
    items = plex.items()
    assert strings_only(items)
    assert items[0]["duration"] == "2642304"
    assert items[0]["Media"][0]["selected"] == "1"
    assert items[0]["Player"]["local"] is True
    assert items[0]["Player"]["userID"] == 1


def test_the_container_can_lie(plex):
    plex.load("sessions-mixed.json")
    plex.order("POST", "/options", {"size": 7, "total_size": 9})
    container = plex.ask(LIST).json()["MediaContainer"]
    assert (container["size"], container["totalSize"]) == (7, 9)
    assert len(container["Metadata"]) == 3


def test_identity_needs_no_token(plex):
    assert plex.ask("/identity", token=None).json() == sample("identity.json")
    root = ET.fromstring(plex.ask("/identity", accept=None).body)
    assert root.get("claimed") == "1"


@pytest.mark.parametrize("owner_has_pass", [True, False])
def test_root_tells_of_the_pass(plex, owner_has_pass):
    plex.order("POST", "/options", {"pass": owner_has_pass})
    root = plex.ask("/").json()["MediaContainer"]
    assert root["myPlexSubscription"] is owner_has_pass
    assert ("session_kick" in root["ownerFeatures"].split(",")) is \
        owner_has_pass
    assert root["machineIdentifier"] == \
        sample("root.json")["MediaContainer"]["machineIdentifier"]


def test_bodies_of_errors_are_those_of_the_samples(plex):
    for status, path, token in [(401, LIST, None), (403, LIST, SHARED),
                                (404, "/nowhere", OWNER)]:
        answer = plex.ask(path, token=token)
        assert answer.status == status
        name = "error-%d-plain.html" % status
        assert answer.body == (SAMPLES / name).read_bytes().rstrip(b"\n")
        assert answer.headers["Content-Type"] == "text/html"
    assert plex.ask(LIST, token=None).headers["Connection"] == "close"
    plex.order("POST", "/options", {"long_401": True})
    long_form = plex.ask(LIST, token=None).body
    assert len(long_form) == 193 and b"web/index.html" in long_form


@pytest.mark.parametrize("kind, status", [
    ("owner", 200), ("local", 200), ("shared", 403), ("revoked", 401),
    ("expired", 401)])
def test_tokens(plex, kind, status):
    plex.order("POST", "/tokens", {"token": "another-one", "class": kind})
    assert plex.ask(LIST, token="another-one").status == status
    query = LIST + "?X-Plex-Token=another-one"
    assert plex.ask(query, token=None).status == status
    assert plex.ask(LIST, token="no-such-one").status == 401


def test_old_servers_answer_a_friend_with_401(plex):
    plex.order("POST", "/options", {"non_owner_status": 401})
    assert plex.ask(LIST, token=SHARED).status == 401


def test_a_token_can_be_rotated(plex):
    plex.order("POST", "/tokens", {"rotate": OWNER, "to": "fresh-token"})
    assert plex.ask(LIST).status == 401
    assert plex.ask(LIST, token="fresh-token").status == 200


def test_without_a_token(plex):
    assert plex.ask(LIST, token=None).status == 401
    plex.order("POST", "/options", {"allowed_networks": "10.0.0.1,127.0.0.1"})
    assert plex.ask(LIST, token=None).status == 200
    odd_host = {"Host": "plex:32400"}
    assert plex.ask(LIST, token=None, headers=odd_host).status == 401
    assert plex.ask(LIST, headers=odd_host).status == 200
    plex.order("POST", "/options", {"known_hosts": "plex"})
    assert plex.ask(LIST, token=None, headers=odd_host).status == 200
    plex.order("POST", "/options", {"allowed_networks": "",
                                    "profile": "unclaimed"})
    assert plex.ask(LIST, token=None).status == 200
    assert plex.ask("/identity").json()["MediaContainer"]["claimed"] is False


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_terminate_ends_a_session_and_is_recorded(plex, method):
    plex.load("sessions-mixed.json")
    answer = plex.terminate(FIRST, "Gute Nacht, Müller 🛰 & #1 %+~\n", method)
    assert (answer.status, answer.body) == (200, b"")
    assert plex.titles() == ["A Quiet Inventory", "Gate, Ajar"]
    [record] = plex.terminations()
    assert record["method"] == method
    assert record["sessionId"] == FIRST
    assert record["reason"] == "Gute Nacht, Müller 🛰 & #1 %+~\n"
    assert bytes.fromhex(record["reason_hex"]).decode() == record["reason"]
    assert record["matched"] == {"sessionKey": "17", "ratingKey": "70433",
                                 "title": "Tide Tables"}
    assert (record["token"], record["status"], record["result"]) == \
        ("owner", 200, "accepted")
    assert plex.terminate(FIRST).status == 404


@pytest.mark.parametrize("encoded, decoded", [
    ("a%20b+c", b"a b c"), ("%2B%2b", b"++"), ("%ff%00", b"\xff\x00"),
    ("100%", b"100%"), ("%zz", b"%zz"), ("", b""), ("a=b", b"a=b")])
def test_a_reason_is_decoded_to_bytes(plex, encoded, decoded):
    plex.ask(TERMINATE + "?sessionId=x&reason=" + encoded)
    [record] = plex.terminations()
    assert bytes.fromhex(record["reason_hex"]) == decoded
    try:
        assert record["reason"] == decoded.decode()
    except UnicodeDecodeError:
        assert record["reason"] is None


def test_a_long_reason_fits(plex):
    plex.add("s")
    assert plex.terminate("s", "ü%" * 4096).status == 200
    assert plex.terminations()[0]["reason"] == "ü%" * 4096


def test_an_id_may_need_encoding(plex):
    plex.load("sessions-edge-cases.json")
    assert plex.terminate("weird/id?with=token&x=%20y").status == 200
    assert len(plex.items()) == 5


def test_terminate_checks_in_the_documented_order(plex):
    plex.load("sessions-mixed.json")
    plex.order("POST", "/options", {"pass": False})
    cases = [
        ("", None, 401, "unauthorised"),
        ("", SHARED, 403, "not_owner"),
        ("", OWNER, 400, "missing_id"),
        ("?sessionid=" + FIRST, OWNER, 400, "missing_id"),
        ("?sessionId=", OWNER, 403, "empty_id"),
        ("?sessionId=unknown", OWNER, 401, "no_pass"),
        ("?sessionId=" + FIRST, OWNER, 401, "no_pass"),
    ]
    for query, token, status, _ in cases:
        assert plex.ask(TERMINATE + query, token=token).status == status
    plex.order("POST", "/options", {"pass": True})
    assert plex.ask(TERMINATE + "?sessionId=unknown").status == 404
    assert [(r["status"], r["result"]) for r in plex.terminations()] == \
        [(c[2], c[3]) for c in cases] + [(404, "not_found")]
    assert [r["token"] for r in plex.terminations()][:3] == \
        ["none", "shared", "owner"]
    assert len(plex.items()) == 3


@pytest.mark.parametrize("only, other", [("GET", "POST"), ("POST", "GET")])
def test_only_one_method_may_be_accepted(plex, only, other):
    plex.add("s")
    plex.order("POST", "/options", {"accept_only": only})
    assert plex.terminate("s", method=other).status == 404
    plex.order("POST", "/options", {"wrong_method_status": 405})
    assert plex.terminate("s", method=other).status == 405
    assert plex.terminate("s", method=only).status == 200
    assert plex.terminate("s", method="DELETE").status == 405


def test_duplicate_ids(plex):
    plex.load("sessions-edge-cases.json")
    plex.terminate("dup-session-id-0001")
    assert len(plex.items()) == 5
    plex.order("DELETE", "/sessions")
    plex.load("sessions-edge-cases.json")
    plex.order("POST", "/options", {"duplicate_policy": "all"})
    plex.terminate("dup-session-id-0001")
    assert len(plex.items()) == 4


def test_a_transcode_can_be_stopped_alone(plex):
    plex.load("sessions-mixed.json")
    path = "/transcode/sessions"
    assert plex.ask(path).json()["MediaContainer"]["size"] == 1
    assert plex.ask(path + "/t6h1pw0kd8vfictionalsess2", "DELETE").status == 200
    assert plex.ask(path + "/t6h1pw0kd8vfictionalsess2", "DELETE").status == 404
    assert plex.ask(path).json()["MediaContainer"]["size"] == 0
    assert len(plex.items()) == 3


@pytest.mark.parametrize("path", ["/accounts", "/:/prefs", "/livetv/sessions",
                                  "/status/sessions/background",
                                  "/status/sessions/history/all"])
def test_minor_paths_answer_the_owner(plex, path):
    assert plex.ask(path).json()["MediaContainer"]["size"] == 0
    assert plex.ask(path, token=SHARED).status == 403


def test_a_connection_is_kept(plex):
    connection = plex.connect()
    for _ in range(5):
        assert plex.ask(LIST, connection=connection).status == 200
    connection.close()
    log = plex.order("GET", "/log")
    assert len({entry["connection"] for entry in log}) == 1
