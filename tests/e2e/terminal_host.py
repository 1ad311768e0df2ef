"""A terminal server's worker, played in Python: it shares no code with the
programs, and does what a test tells it."""

import threading
import time

import lastcall_py as py
import processes

SERVER = "desktop"
EPOCH = "2026-11-20T08:00:00.000Z"

# Every field of PROTOCOL.md that such a session has.
BLANK = {
    "server": SERVER, "backend": "wts", "username": None, "state": "active",
    "client_name": None, "client_address": None, "is_local": False,
    "started_at": EPOCH, "idle_s": None, "endable": True,
    "session_name": None, "domain": None, "computer_name": "TS-01",
    "logon_time": EPOCH, "last_input_time": None, "connect_time": None,
    "disconnect_time": None, "is_locked": False, "protocol": "rdp",
    "client_build": None, "client_directory": None, "client_width": None,
    "client_height": None, "client_color_depth": None}


def session(session_id, **fields):
    return {"session_id": session_id, **BLANK, **fields}


class TerminalHost(py.Client):
    """Answers what is asked of a host, signed as a worker signs."""

    def __init__(self, stage, name="ts-01"):
        super().__init__(patience=processes.PATIENCE)
        self.fleet = stage.fleet
        self.name = name
        self.party = stage.fleet.host(name)
        self.sessions = []
        self.asked = []          # the requests, as they came
        self.commands = []       # and the claims around them
        self.delay = 0           # seconds before it answers
        self.responses = {}      # the button of a session id
        self.between = None      # called after each dry run
        self.connect(stage.broker)
        stage.clients.append(self)
        topic = stage.fleet.topic
        self.subscribe(topic("host", name, "command"),
                       topic("all", "command"))
        self.publish_status()

    def acts(self):
        """The requests that were no rehearsal."""
        return [r for r in self.asked if not r.get("dry_run")]

    def sign(self, typ, **claims):
        return self.party.key.sign(typ, {
            "iss": self.party.subject, "iat": int(time.time()),
            "jti": py.fresh_id(), **claims}, self.party.grant)

    def publish_status(self, state="online", wait=True):
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        self.publish(self.fleet.topic("host", self.name, "status"), self.sign(
            py.TYP_STATUS, status={
                "state": state, "boot_id": "boot-of-" + self.name,
                "version": "0.1.0", "protocol": 1, "os": "Windows 10.0.20348",
                "clock": now, "servers": [{
                    "name": SERVER, "backend": "wts", "reachable": True,
                    "version": "10.0.20348", "sessions": len(self.sessions),
                    "actions": ["list", "disconnect", "logoff", "message",
                                "end", "ping"]}],
                "counters": {}, "maintenance": []}), retain=True, wait=wait)

    def publish_inventory(self):
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        self.publish(
            self.fleet.topic("host", self.name, "sessions", SERVER),
            self.sign(py.TYP_SESSIONS, inventory={
                "server": SERVER, "backend": "wts",
                "boot_id": "boot-of-" + self.name, "seq": 1, "taken_at": now,
                "reachable": True, "error": None,
                "count": len(self.sessions), "truncated": False,
                "sessions": self.sessions}), retain=True)

    def _on_message(self, client, userdata, message):
        super()._on_message(client, userdata, message)
        token = message.payload.decode()
        command = py.read_parts(token)[1]
        request = command["request"]
        self.asked.append(request)
        self.commands.append(command)
        result = self.answer(request)
        operator = command["iss"].split(":", 1)[1]
        topic = self.fleet.topic("host", self.name, "result", operator,
                                 command["jti"])
        answer = self.sign(py.TYP_RESULT, aud=command["iss"],
                           request_id=command["jti"],
                           request_hash=py.token_hash(token), result=result)
        if self.delay:
            late = threading.Timer(self.delay, self.publish, (topic, answer))
            late.daemon = True
            late.start()
        else:
            self.publish(topic, answer, wait=False)
        if request.get("dry_run") and self.between:
            self.between()

    def select(self, request):
        wanted = request.get("session_id")
        return [s for s in self.sessions
                if wanted is None or s["session_id"] == wanted]

    def outcome(self, found, request):
        """What becomes of one session."""
        pinned = request.get("precondition", {})
        code = "ok"
        if any(found[field] != value for field, value in pinned.items()):
            code = "changed"
        row = {"session_id": found["session_id"], "server": SERVER,
               "backend": "wts", "success": code == "ok", "code": code,
               "detail": "as the test wants it"}
        if request.get("dry_run") or request.get("pass_thru"):
            row["session"] = found
        if request.get("wait") and code == "ok":
            row["response"] = self.responses.get(found["session_id"], "ok")
        return row

    def answer(self, request):
        rows = [self.outcome(s, request) for s in self.select(request)]
        good = sum(row["success"] for row in rows)
        code = "ok" if good == len(rows) else rows[0]["code"]
        if not rows:
            code = "not_found" if "session_id" in request else "no_match"
        return {
            "success": code in ("ok", "no_match"), "code": code,
            "detail": "", "action": request["action"],
            "dry_run": request.get("dry_run", False), "replayed": False,
            "matched": len(rows), "succeeded": good,
            "failed": len(rows) - good, "received_at": EPOCH,
            "started_at": EPOCH, "finished_at": EPOCH, "boot_id": "b",
            "servers": [{"server": SERVER, "backend": "wts",
                         "success": True, "code": "ok", "detail": ""}],
            "sessions": rows}
