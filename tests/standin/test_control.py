"""The control port: sessions, client models, lifecycle, log and waiting."""

import http.client
import json
import threading
import time

import pytest
from client import OWNER, TIMEOUT_S, eventually

LIST = "/status/sessions"
TERMINATE = "/status/sessions/terminate"


def test_prompt_leaves_the_list_at_once(plex):
    plex.add("s", react="prompt")
    assert plex.terminate("s").status == 200
    assert plex.items() == []


def test_delayed_leaves_later_and_a_repeat_postpones_nothing(plex):
    plex.add("s", react="delayed", after_ms=60000)  # 600 ms by --scale
    started = time.monotonic()
    assert plex.terminate("s").status == 200
    assert plex.titles() == ["A Film"]
    time.sleep(0.4)
    repeated = time.monotonic()
    assert plex.terminate("s").status == 200
    eventually(lambda: plex.items() == [])
    assert time.monotonic() - started >= 0.6
    assert time.monotonic() - repeated < 0.6


@pytest.mark.parametrize("react", ["ignore", "noeffect"])
def test_some_clients_go_on(plex, react):
    plex.add("s", react=react)
    for _ in range(2):
        assert plex.terminate("s").status == 200
    assert plex.titles() == ["A Film"]


def test_a_zombie_comes_back_each_time(plex):
    plex.add("s", react="zombie", after_ms=30000)
    before = plex.items()
    for _ in range(2):
        assert plex.terminate("s").status == 200
        assert plex.items() == []
        assert plex.terminate("s").status == 404
        eventually(lambda: plex.items() == before)


def test_resume_comes_back_under_new_ids(plex):
    plex.add("s", react="resume", after_ms=30000)
    [before] = plex.items()
    assert plex.terminate("s").status == 200
    assert plex.items() == []
    eventually(plex.items)
    [after] = plex.items()
    assert after["sessionKey"] != before["sessionKey"]
    assert after["Session"]["id"] != before["Session"]["id"]
    assert after["title"] == before["title"]
    assert plex.terminate("s").status == 404


def test_swap_changes_the_item_after_the_next_list(plex):
    plex.add("s", react="swap", item={"title": "Next", "ratingKey": "8"})
    [before] = plex.items()
    [after] = plex.items()
    assert (before["title"], after["title"]) == ("A Film", "Next")
    for kept in ("sessionKey", "Session", "Player"):
        assert after[kept] == before[kept]
    assert plex.terminate("s").status == 200
    assert plex.items() == []


def test_race404_is_gone_already(plex):
    plex.add("s", react="race404")
    assert plex.terminate("s").status == 404
    assert plex.items() == []
    assert plex.terminations()[0]["result"] == "race404"


def test_slow200_works_before_it_answers(plex):
    plex.add("s", react="slow200", after_ms=30000)
    started = time.monotonic()
    ask = threading.Thread(target=plex.terminate, args=("s",))
    ask.start()
    plex.order("GET", "/wait?terminations=1")
    assert plex.items() == []
    ask.join(TIMEOUT_S)
    assert time.monotonic() - started >= 0.3


def test_lost_works_and_resets(plex):
    plex.add("s", react="lost")
    with pytest.raises(ConnectionResetError):
        plex.terminate("s")
    assert plex.items() == []
    [record] = plex.terminations()
    assert (record["status"], record["result"]) == (0, "lost")
    assert record["matched"]["title"] == "A Film"


@pytest.mark.parametrize("when", ["now", "next_list", "next_terminate"])
def test_swap_on_demand(plex, when):
    plex.add("s")
    plex.order("POST", "/sessions/%s/swap" % plex.items()[0]["sessionKey"],
               {"on": when, "item": {"title": "Other", "ratingKey": "9"}})
    expected = {"now": ["Other", "Other"], "next_list": ["A Film", "Other"],
                "next_terminate": ["A Film", "A Film"]}
    assert [plex.titles()[0] for _ in range(2)] == expected[when]
    assert plex.terminate("s").status == 200
    assert plex.terminations()[0]["matched"]["title"] == "Other"
    assert plex.items() == []


def test_swap_without_an_item_invents_one(plex):
    plex.add("s")
    [before] = plex.items()
    plex.order("POST", "/sessions/%s/swap" % before["sessionKey"], {})
    [after] = plex.items()
    assert after["ratingKey"] != before["ratingKey"]
    assert after["Session"] == before["Session"]


def test_sessions_are_patched_and_removed(plex):
    plex.load("sessions-mixed.json")
    plex.order("PATCH", "/sessions/17", {
        "viewOffset": 5, "Session": None, "Player": {"state": "paused"},
        "_client": {"react": "ignore"}})
    item = plex.items()[0]
    assert item["viewOffset"] == 5
    assert item["Player"]["state"] == "paused"
    assert item["Player"]["title"] == "Lounge"
    assert "Session" not in item and "_client" not in item
    plex.order("DELETE", "/sessions/18")
    assert plex.titles() == ["Tide Tables", "Gate, Ajar"]
    told = plex.order("GET", "/sessions")
    assert [s["client"]["react"] for s in told] == ["ignore", "prompt"]
    assert all(s["visible"] for s in told)


def test_a_numeric_session_key_is_found(plex):
    plex.load("sessions-edge-cases.json")
    plex.order("DELETE", "/sessions/36")
    assert len(plex.items()) == 5


@pytest.mark.parametrize("method, path, body, status", [
    ("POST", "/sessions", 5, 400),
    ("POST", "/sessions", {"_client": {"react": "dance"}}, 400),
    ("DELETE", "/sessions/none", None, 404),
    ("PATCH", "/sessions/none", {}, 404),
    ("POST", "/sessions/none/swap", {}, 404),
    ("POST", "/options", {"no_such": 1}, 400),
    ("POST", "/options", {"pass": "yes"}, 400),
    ("POST", "/options", {"dialect": "c"}, 400),
    ("POST", "/options", {"generate": -1}, 400),
    ("POST", "/tokens", {"token": "t", "class": "king"}, 400),
    ("POST", "/tokens", {"rotate": "none", "to": "t"}, 400),
    ("POST", "/faults", {"fault": "flood"}, 400),
    ("DELETE", "/faults/7000", None, 404),
    ("POST", "/lifecycle", {"state": "asleep"}, 400),
    ("GET", "/nowhere", None, 404)])
def test_a_wrong_order_is_refused_with_a_complaint(plex, method, path, body,
                                                   status):
    answer = plex.control(method, path, body)
    assert answer.status == status
    assert answer.json()["error"]


def test_options_are_taken_whole_or_not_at_all(plex):
    assert plex.control("POST", "/options", {"pass": False, "size": "x"}) \
        .status == 400
    assert plex.order("GET", "/options") == plex.defaults


def test_the_log_has_what_was_sent(plex):
    plex.ask("/status/../a%20b?q=%41+", "POST", headers={"X-Odd": "ü".encode()})
    [entry] = plex.order("GET", "/log")
    assert entry["method"] == "POST"
    assert entry["path"] == "/status/../a b"
    assert entry["query"] == "q=%41+"
    assert entry["uri"] == "/status/../a%20b?q=%41+"
    assert entry["headers"]["X-Plex-Token"] == OWNER
    assert entry["headers"]["X-Odd"] == "ü"
    assert entry["status"] == 404
    assert entry["token_in_url"] is False
    assert abs(entry["time"] - time.time()) < 60


def test_the_log_has_bodies(plex):
    connection = plex.connect()
    connection.request("POST", TERMINATE, b"sessionId=s")
    connection.getresponse().read()
    connection.close()
    assert plex.order("GET", "/log")[0]["body"] == "sessionId=s"


@pytest.mark.parametrize("query", ["X-Plex-Token=x", "x-plex-token=x",
                                   "reason=" + OWNER])
def test_a_token_in_the_url_is_flagged(plex, query):
    plex.ask("/identity?" + query)
    assert plex.order("GET", "/log")[0]["token_in_url"] is True


def test_the_log_keeps_the_newest(plex):
    connection = plex.connect()
    for number in range(10050):
        connection.request("GET", "/identity?%d" % number)
        connection.getresponse().read()
    connection.close()
    log = plex.order("GET", "/log")
    assert len(log) == 10000
    assert [log[0]["query"], log[-1]["query"]] == ["50", "10049"]
    assert plex.order("GET", "/counters")["requests"] == 10050
    plex.order("DELETE", "/log")
    assert plex.order("GET", "/log") == []
    assert plex.order("GET", "/counters")["requests"] == 0


def test_wait_answers_when_it_has_happened(plex):
    plex.add("s")
    threading.Timer(0.1, plex.terminate, ("s",)).start()
    counters = plex.order("GET", "/wait?terminations=1&requests=1")
    assert counters["met"] is True
    assert (counters["terminates"], counters["terminations"]) == (1, 1)
    assert plex.terminations()[0]["result"] == "accepted"


def test_wait_gives_up(plex):
    plex.items()
    assert plex.order("GET", "/wait?lists=1")["met"] is True
    late = plex.control("GET", "/wait?lists=2&timeout_ms=50")
    assert late.status == 408
    assert late.json()["met"] is False
    assert late.json()["lists"] == 1


def test_starting(plex):
    plex.order("POST", "/lifecycle", {"state": "starting"})
    for path in ("/identity", LIST, TERMINATE, "/nowhere"):
        answer = plex.ask(path)
        assert answer.status == 503
        assert b"<Response code=\"503\" title=\"Maintenance\"" in answer.body
        assert answer.headers["Content-Type"] == "application/xml"
    plex.order("POST", "/options", {"starting_writes_400": True})
    assert b"starting up" in plex.terminate("s").body
    assert [r["status"] for r in plex.terminations()] == [503, 400]


def test_refuse_cuts_and_up_comes_back_on_the_same_port(plex):
    connection = plex.connect()
    plex.ask("/identity", connection=connection)
    plex.order("POST", "/lifecycle", {"state": "refuse"})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        plex.ask("/identity", connection=connection)
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        plex.ask("/identity")
    assert plex.order("POST", "/lifecycle", {"state": "up"})["open"] is True
    assert plex.ask("/identity").status == 200


def test_hang_ends_with_the_state(plex):
    plex.order("POST", "/lifecycle", {"state": "hang"})
    outcome = []

    def ask():
        try:
            outcome.append(plex.ask(LIST).status)
        except ConnectionError as error:
            outcome.append(type(error).__name__)

    thread = threading.Thread(target=ask)
    thread.start()
    plex.order("GET", "/wait?requests=1")
    thread.join(0.1)
    assert thread.is_alive()
    plex.order("POST", "/lifecycle", {"state": "up"})
    thread.join(TIMEOUT_S)
    assert outcome == ["RemoteDisconnected"]
    assert plex.order("GET", "/log")[0]["status"] == 0


def test_abort_closes_what_it_accepts(plex):
    plex.order("POST", "/lifecycle", {"state": "abort"})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        plex.ask("/identity")
    assert plex.order("GET", "/log") == []


def test_restart_goes_through_its_stages(plex):
    plex.load("sessions-mixed.json")
    plex.order("POST", "/tokens", {"token": "local-1", "class": "local"})
    connection = plex.connect()
    plex.ask("/identity", connection=connection)
    before = plex.order("POST", "/restart", {
        "session_key_base": 40, "refuse_ms": 40000, "starting_ms": 40000,
        "empty_ms": 40000})
    assert before == {"state": "refuse", "open": False}
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        plex.ask("/identity", connection=connection)
    connection.close()
    seen = []

    def stage():
        try:
            answer = plex.ask(LIST)
        except ConnectionError:
            now = "refused"
        else:
            now = answer.status if answer.status != 200 else \
                len(answer.json()["MediaContainer"].get("Metadata", []))
        if now not in seen:
            seen.append(now)
        return now == 3

    eventually(stage)
    assert seen == ["refused", 503, 0, 3]
    assert [i["sessionKey"] for i in plex.items()] == ["40", "41", "42"]
    assert plex.ask(LIST, token="local-1").status == 401
    local = [t["token"] for t in plex.order("GET", "/tokens")
             if t["class"] == "local"]
    assert len(local) == 1
    assert plex.ask(LIST, token=local[0]).status == 200


def test_restart_without_stages_cuts_connections(plex):
    connection = plex.connect()
    plex.ask("/identity", connection=connection)
    assert plex.order("POST", "/restart") == {"state": "up", "open": True}
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        plex.ask("/identity", connection=connection)
    connection.close()
    assert plex.ask("/identity").status == 200


def test_connections_are_counted(plex):
    before = plex.order("GET", "/counters")["connections"]
    connection = plex.connect()
    plex.ask("/identity", connection=connection)
    counters = plex.order("GET", "/counters")
    assert counters["connections"] == before + 1
    assert counters["open"] >= 1
    connection.close()
    eventually(lambda: plex.order("GET", "/counters")["open"] == 0)


def test_many_sessions_are_listed(plex):
    plex.order("POST", "/options", {"generate": 20000})
    items = plex.items()
    assert len(items) == 20000
    assert len({i["Session"]["id"] for i in items}) == 20000
    assert json.dumps(items[0]["Player"]["local"]) == "true"
