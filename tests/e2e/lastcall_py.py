"""An independent controller and verifier.

Written from protocol/PROTOCOL.md alone with PyJWT and paho-mqtt, and sharing
no line with the C programs: what these two sides agree on is the protocol.
A result is verified a second time with jwcrypto, an unrelated JOSE library.
"""

import base64
import datetime
import hashlib
import json
import re
import secrets
import ssl
import threading
import time

import jwt
import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey, Ed25519PublicKey)
from jwcrypto import jwk, jws
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

ALGORITHM = "EdDSA"
TYP_GRANT = "lastcall-grant+jwt"
TYP_REVOCATION = "lastcall-revocation+jwt"
TYP_COMMAND = "lastcall-command+jwt"
TYP_MAINTENANCE = "lastcall-maintenance+jwt"
TYP_RESULT = "lastcall-result+jwt"
TYP_SESSIONS = "lastcall-sessions+jwt"
TYP_EVENT = "lastcall-event+jwt"
TYP_STATUS = "lastcall-status+jwt"

ROOT_ISSUER = "root"
DEPTH_MAX = 32
JTI_LEN_MAX = 64
RESULT_BYTES_MAX = 4 * 1024 * 1024
SIZE_MAX = {TYP_COMMAND: 64 * 1024}
RECONNECT_FIRST_S = 0.1
RECONNECT_MAX_S = 1
FIRST_FAILURE = 0x80  # of MQTT 5 reason codes
CONTENT_TYPE = "application/jwt"


class Refused(Exception):
    """A token that must not be believed."""


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def fresh_id():
    return secrets.token_urlsafe(16)


def seconds_of(moment):
    """A time in integer seconds or RFC 3339."""
    if isinstance(moment, int):
        return moment
    text = moment.replace("Z", "+00:00")
    return int(datetime.datetime.fromisoformat(text).timestamp())


def no_duplicates(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refused("duplicate member")
    return members


def read_parts(token):
    """Header and claims of a compact token, strictly read, not proved."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Refused("not three parts")
    read = []
    for part in parts:
        try:
            data = unb64url(part)
        except ValueError as error:
            raise Refused("encoding: %s" % error)
        if b64url(data) != part:
            raise Refused("another spelling of base64url")
        read.append(data)
    return read_object(read[0]), read_object(read[1])


def read_object(data):
    try:
        value = json.loads(data.decode(), object_pairs_hook=no_duplicates)
    except ValueError as error:
        raise Refused("encoding: %s" % error)
    if not isinstance(value, dict):
        raise Refused("not an object")
    if depth_of(value) > DEPTH_MAX:
        raise Refused("too deep")
    return value


def depth_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return 0
    return 1 + max(map(depth_of, value), default=0)


class Key:
    """An Ed25519 pair with its JWK and thumbprint (RFC 8037, RFC 7638)."""

    def __init__(self, seed=None):
        self.private = (Ed25519PrivateKey.generate() if seed is None
                        else Ed25519PrivateKey.from_private_bytes(seed))
        self.public = self.private.public_key()
        raw = self.public.public_bytes(serialization.Encoding.Raw,
                                       serialization.PublicFormat.Raw)
        self.jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64url(raw)}
        self.thumbprint = thumbprint(self.jwk)

    def private_pem(self):
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())

    def public_pem(self):
        return self.public.public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, typ, claims, grant=None, **header):
        """Sign claims; header members given as None are left out."""
        head = {"typ": typ, "kid": self.thumbprint}
        if grant is not None:
            head["grant"] = grant
        head.update(header)
        head = {k: v for k, v in head.items() if v is not None}
        return jwt.encode(claims, self.private, algorithm=ALGORITHM,
                          headers=head)


def thumbprint(members):
    """RFC 7638 over the required members of an OKP key."""
    text = json.dumps({k: members[k] for k in ("crv", "kty", "x")},
                      separators=(",", ":"), sort_keys=True)
    return b64url(hashlib.sha256(text.encode()).digest())


def public_thumbprint(public):
    raw = public.public_bytes(serialization.Encoding.Raw,
                              serialization.PublicFormat.Raw)
    return thumbprint({"crv": "Ed25519", "kty": "OKP", "x": b64url(raw)})


def token_hash(token):
    return b64url(hashlib.sha256(token.encode()).digest())


class Party:
    """A key and the grant that the root gave it."""

    def __init__(self, subject, key, grant):
        self.subject = subject
        self.name = subject.split(":", 1)[1]
        self.key = key
        self.grant = grant


class Fleet:
    """The root key and what it signs."""

    def __init__(self, name="lastcall", seed=None):
        self.name = name
        self.root = Key(seed)
        self.revocation_seq = 0

    def grant(self, subject, key, *, now=None, life=86400, root=None,
              typ=TYP_GRANT, **claims):
        now = int(time.time()) if now is None else now
        body = {"iss": ROOT_ISSUER, "iat": now - 60, "jti": fresh_id(),
                "fleet": self.name, "sub": subject, "exp": now + life,
                "cnf": {"jwk": key.jwk}}
        body.update(claims)
        body = {k: v for k, v in body.items() if v is not None}
        return (root or self.root).sign(typ, body)

    def controller(self, name, permit=None, **options):
        key = Key()
        if permit is None:
            permit = [{"actions": ["*"], "backends": ["*"],
                       "audiences": ["*"]}]
        subject = "controller:" + name
        return Party(subject, key,
                     self.grant(subject, key, permit=permit, **options))

    def host(self, name, groups=(), **options):
        key = Key()
        subject = "host:" + name
        return Party(subject, key, self.grant(subject, key,
                                              groups=list(groups), **options))

    def revocation(self, revoked, *, seq=None, now=None, root=None, **claims):
        """A revocation list: thumbprints (or "*") to times."""
        if seq is None:
            self.revocation_seq += 1
            seq = self.revocation_seq
        body = {"iss": ROOT_ISSUER,
                "iat": int(time.time()) if now is None else now,
                "jti": fresh_id(), "fleet": self.name, "seq": seq,
                "revoked": revoked}
        body.update(claims)
        return (root or self.root).sign(TYP_REVOCATION, body)

    def topic(self, *parts):
        return "/".join((self.name, "v1") + parts)

    def command_topic(self, audience):
        return self.topic(*audience.split(":"), "command")


class Verifier:
    """Believes the root key and nothing else (section 3)."""

    def __init__(self, fleet_name, root_public, skew=30):
        self.fleet = fleet_name
        self.root = root_public
        self.skew = skew
        self.revoked = {}

    def _open(self, token, public, typ):
        if len(token) > SIZE_MAX.get(typ, RESULT_BYTES_MAX):
            raise Refused("too large")
        header, claims = read_parts(token)
        if header.get("alg") != ALGORITHM or "crit" in header:
            raise Refused("algorithm or crit")
        if header.get("typ") != typ:
            raise Refused("typ is %r" % header.get("typ"))
        if public_thumbprint(public) != header.get("kid"):
            raise Refused("kid is another key's")
        try:
            # Times are checked here against a clock that the caller sets.
            proved = jwt.decode(token, public, algorithms=[ALGORITHM],
                                options={"verify_aud": False,
                                         "verify_exp": False,
                                         "verify_iat": False})
        except jwt.InvalidTokenError as error:
            raise Refused("signature: %s" % error)
        if proved != claims:
            raise Refused("read in two ways")
        for name, kind in (("iss", str), ("iat", int), ("jti", str)):
            if not isinstance(claims.get(name), kind):
                raise Refused("claim " + name)
        if len(claims["jti"]) > JTI_LEN_MAX:
            raise Refused("claim jti")
        return claims

    def _check_revoked(self, kid, iat):
        for name in (kid, "*"):
            if name in self.revoked and iat < self.revoked[name]:
                raise Refused("revoked")

    def grant(self, text, now):
        claims = self._open(text, self.root, TYP_GRANT)
        if claims.get("fleet") != self.fleet:
            raise Refused("grant of another fleet")
        if not claims["iat"] - self.skew <= now < claims["exp"] + self.skew:
            raise Refused("grant's time")
        members = claims.get("cnf", {}).get("jwk", {})
        if members.get("crv") != "Ed25519" or "d" in members:
            raise Refused("not a public key")
        self._check_revoked(thumbprint(members), claims["iat"])
        return claims, members

    def verify(self, token, typ, now=None):
        """Prove a controller's or host's token; hand back its claims."""
        return self.verify_with_grant(token, typ, now)[0]

    def verify_with_grant(self, token, typ, now=None):
        now = int(time.time()) if now is None else now
        header = read_parts(token)[0]
        if not isinstance(header.get("grant"), str):
            raise Refused("no grant")
        grant, members = self.grant(header["grant"], now)
        public = Ed25519PublicKey.from_public_bytes(unb64url(members["x"]))
        claims = self._open(token, public, typ)
        wanted = ("controller:" if typ in (TYP_COMMAND, TYP_MAINTENANCE)
                  else "host:")
        if not grant["sub"].startswith(wanted):
            raise Refused("not for such a subject")
        if claims["iss"] != grant["sub"]:
            raise Refused("iss is not the grant's subject")
        self._check_revoked(header["kid"], claims["iat"])
        return claims, grant

    def revocation(self, token):
        """Prove and adopt a revocation list."""
        claims = self._open(token, self.root, TYP_REVOCATION)
        if claims.get("fleet") != self.fleet:
            raise Refused("list of another fleet")
        if not isinstance(claims.get("seq"), int):
            raise Refused("claim seq")
        self.revoked = {kid: seconds_of(before)
                        for kid, before in claims["revoked"].items()}
        return claims

    def verify_result(self, token, command, host, now=None):
        claims = self.verify(token, TYP_RESULT, now)
        if claims["iss"] != "host:" + host:
            raise Refused("another host's result")
        if claims["aud"] != command.party.subject:
            raise Refused("addressed to another controller")
        if claims["request_id"] != command.jti:
            raise Refused("of another request")
        if claims["request_hash"] != token_hash(command.token):
            raise Refused("of another command")
        verify_with_jwcrypto(token, claims)
        return claims


def verify_with_jwcrypto(token, claims):
    """The same signature, by a library that shares no code with PyJWT."""
    header = jwt.get_unverified_header(token)
    grant = jwt.decode(header["grant"], options={"verify_signature": False})
    signed = jws.JWS()
    signed.deserialize(token)
    signed.allowed_algs = [ALGORITHM]
    signed.verify(jwk.JWK(**grant["cnf"]["jwk"]))
    if json.loads(signed.payload) != claims:
        raise Refused("jwcrypto reads other claims")


class Command:
    """A signed command: what to publish and where."""

    def __init__(self, party, token, topic, jti, exp, audience):
        self.party = party
        self.token = token
        self.topic = topic
        self.jti = jti
        self.exp = exp
        self.audience = audience


def make_command(fleet, party, audience, request, *, now=None, ttl=60,
                 key=None, grant=None, topic=None, header=None, **claims):
    """Sign a command; everything can be set wrong on purpose."""
    now = int(time.time()) if now is None else now
    body = {"iss": party.subject, "iat": now, "jti": fresh_id(),
            "aud": audience, "exp": now + ttl, "request": request}
    body.update(claims)
    body = {k: v for k, v in body.items() if v is not None}
    options = {"typ": TYP_COMMAND}
    options.update(header or {})
    token = (key or party.key).sign(claims=body, grant=grant or party.grant,
                                    **options)
    return Command(party, token, topic or fleet.command_topic(audience),
                   body.get("jti"), body.get("exp"), audience)


def moment_of(seconds):
    """RFC 3339 in UTC with milliseconds."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return "%s.%03dZ" % (whole, int(seconds * 1000) % 1000)


class Plan:
    """A signed maintenance plan: what to publish and where."""

    def __init__(self, party, token, topic, body, iat):
        self.party = party
        self.token = token
        self.topic = topic
        self.body = body
        self.iat = iat

    def step(self, name):
        """What stands for a step where a result names its command."""
        text = "lastcall-maintenance\n%s\n%d\n%s" % (
            self.body["id"], self.iat, name)
        jti = b64url(hashlib.sha256(text.encode()).digest())
        return Command(self.party, self.token, self.topic, jti, None, None)


def make_plan(fleet, party, audience, body, *, now=None, exp=None, key=None,
              grant=None, topic=None, header=None, **claims):
    """Sign a plan; everything can be set wrong on purpose.  In the body,
    starts_at and ends_at may be seconds since 1970."""
    now = int(time.time()) if now is None else now
    body = {name: moment_of(value)
            if name in ("starts_at", "ends_at") and not isinstance(value, str)
            else value for name, value in body.items()}
    whole = {"iss": party.subject, "iat": now, "jti": fresh_id(),
             "aud": audience, "exp": exp or now + 86400, "maintenance": body}
    whole.update(claims)
    whole = {k: v for k, v in whole.items() if v is not None}
    options = {"typ": TYP_MAINTENANCE}
    options.update(header or {})
    token = (key or party.key).sign(claims=whole, grant=grant or party.grant,
                                    **options)
    return Plan(party, token, topic or fleet.topic(
        *audience.split(":"), "maintenance", body["id"]), body, now)


class Message:
    def __init__(self, index, topic, payload, retain, properties):
        self.index = index
        self.topic = topic
        self.payload = payload
        self.retain = retain
        self.properties = properties

    def __repr__(self):
        return "<%d %s %d bytes%s>" % (
            self.index, self.topic, len(self.payload),
            " retained" if self.retain else "")


class Timeout(AssertionError):
    """What was awaited did not come."""


class Mqtt(mqtt.Client):
    """Paho's client, whose thread outlives a broken TLS connection.

    paho-mqtt before 2.0 takes a ConnectionError for a lost connection and lets
    every other OSError end its thread, that of a TLS record sent to a broker
    that was killed among them: nothing connects again (upstream issue 750).
    """

    def _sock_send(self, buf):
        return self._told_as_lost(super()._sock_send, buf)

    def _sock_recv(self, bufsize):
        return self._told_as_lost(super()._sock_recv, bufsize)

    @staticmethod
    def _told_as_lost(call, argument):
        try:
            return call(argument)
        except (BlockingIOError, ConnectionError):
            raise
        except OSError as error:
            raise ConnectionError(*error.args) from error


class Client:
    """An MQTT 5 client that keeps all that arrives, in order."""

    def __init__(self, client_id="", patience=30.0):
        self.patience = patience
        self.messages = []
        self._news = threading.Condition()
        self._subscribed = set()
        self._published = set()
        self._connected = None
        self._filters = []
        self._returning = None  # the message id of a SUBSCRIBE again
        self._returns = 0  # how often a broker that came back granted it
        self.name = None  # for a broker that asks who it is
        self.mqtt = Mqtt(client_id=client_id, protocol=mqtt.MQTTv5)
        self.mqtt.on_connect = self._on_connect
        self.mqtt.on_message = self._on_message
        self.mqtt.on_subscribe = self._on_subscribe
        self.mqtt.on_publish = self._on_publish
        self.mqtt.reconnect_delay_set(RECONNECT_FIRST_S, RECONNECT_MAX_S)
        self.mqtt.max_inflight_messages_set(0)
        self.mqtt.max_queued_messages_set(0)

    def connect(self, broker):
        if broker.ca:
            context = ssl.create_default_context(cafile=broker.ca)
            if broker.identify:
                context.load_cert_chain(*broker.identify(self.name))
            self.mqtt.tls_set_context(context)
        properties = Properties(PacketTypes.CONNECT)
        properties.ReceiveMaximum = 65535
        self.mqtt.connect(broker.host, broker.port, keepalive=60,
                          clean_start=True, properties=properties)
        self.mqtt.loop_start()
        self._await(lambda: self._connected is not None, "CONNACK")
        if self._connected.value >= FIRST_FAILURE:
            raise ConnectionError("broker: %s" % self._connected)
        return self

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def _on_connect(self, client, userdata, flags, reason, properties):
        if self._filters and reason.value < FIRST_FAILURE:
            # A broker that came back.
            self._returning = client.subscribe(self._filters)[1]
        with self._news:
            self._connected = reason
            self._news.notify_all()

    def _on_message(self, client, userdata, message):
        with self._news:
            self.messages.append(Message(
                len(self.messages), message.topic, message.payload,
                message.retain, message.properties))
            self._news.notify_all()

    def _on_subscribe(self, client, userdata, mid, reasons, properties):
        with self._news:
            self._subscribed.add(mid)
            self._returns += mid == self._returning
            self._news.notify_all()

    def _on_publish(self, client, userdata, mid):
        with self._news:
            self._published.add(mid)
            self._news.notify_all()

    def returns(self):
        """How often it is back at a broker that came back, subscribed."""
        with self._news:
            return self._returns

    def await_return(self, before):
        """Wait until it is back once more than returns() said before."""
        self._await(lambda: self._returns > before, "return of the broker")

    def _await(self, condition, what, timeout=None):
        timeout = self.patience if timeout is None else timeout
        with self._news:
            if not self._news.wait_for(condition, timeout):
                raise Timeout("no %s within %g s; arrived: %r" % (
                    what, timeout, self.messages[-20:]))

    def subscribe(self, *filters):
        options = SubscribeOptions(qos=1, retainAsPublished=True)
        wanted = [(f, options) for f in filters]
        result, mid = self.mqtt.subscribe(wanted)
        assert result == mqtt.MQTT_ERR_SUCCESS
        self._await(lambda: mid in self._subscribed, "SUBACK")
        self._filters += wanted

    def publish(self, topic, payload, *, retain=False, expiry=None,
                properties=None, wait=True):
        properties = properties or Properties(PacketTypes.PUBLISH)
        properties.ContentType = CONTENT_TYPE
        if expiry is not None:
            properties.MessageExpiryInterval = max(1, int(expiry))
        info = self.mqtt.publish(topic, payload, qos=1, retain=retain,
                                 properties=properties)
        if wait:
            self._await(lambda: info.mid in self._published,
                        "PUBACK for " + topic)
        return info

    def mark(self):
        """Where the arrivals stand now; for `after`."""
        with self._news:
            return len(self.messages)

    def since(self, after, match=lambda message: True):
        with self._news:
            return [m for m in self.messages[after:] if match(m)]

    def await_message(self, match, what, after=0, timeout=None):
        """The first message that matches, from position `after` on."""
        found = []
        position = [after]

        def arrived():
            while position[0] < len(self.messages):
                message = self.messages[position[0]]
                position[0] += 1
                if match(message):
                    found.append(message)
                    return True
            return False

        self._await(arrived, what, timeout)
        return found[0]


def check_event(event):
    """What PROTOCOL.md, 7.4 and 7.8, says of an event of this version."""
    assert event["kind"] in ("started", "changed", "ended"), event
    assert isinstance(event["seq"], int) and event["seq"] > 0, event
    assert isinstance(event["session"], dict), event
    by = event["ended_by"]
    assert by is None or event["kind"] == "ended", event
    assert ("ended_by_controller" in event) == (by is not None), event
    assert by is not None or "ended_by_plan" not in event, event
    for member in "ended_by_controller", "ended_by_plan":
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}",
                            event.get(member, "absent")), event


class Controller(Client):
    """Sends commands and believes only what it has verified."""

    def __init__(self, fleet, party, patience=30.0, share=None):
        super().__init__(patience=patience)
        self.fleet = fleet
        self.party = party
        self.share = share  # with whom the results are shared
        self.name = party.name
        self.verifier = Verifier(fleet.name, fleet.root.public)

    def connect(self, broker):
        name = self.party.name
        if broker.passwords:
            self.mqtt.username_pw_set(name, broker.passwords[name])
        super().connect(broker)
        topic = self.fleet.topic
        results = topic("host", "+", "result", name, "+")
        if self.share:
            results = "$share/%s/%s" % (self.share, results)
        self.subscribe(results,
                       topic("host", "+", "status"),
                       topic("host", "+", "sessions", "+"),
                       topic("host", "+", "event", "+"))
        return self

    # Commands and results.

    def command(self, audience, request, **options):
        return make_command(self.fleet, self.party, audience, request,
                            **options)

    def send(self, command, *, retain=False, wait=True):
        expiry = None
        if isinstance(command.exp, int):
            expiry = max(1, command.exp - int(time.time()))
        self.publish(command.topic, command.token, expiry=expiry,
                     retain=retain, wait=wait)
        return command

    def result_topic(self, command, host):
        return self.fleet.topic("host", host, "result", self.party.name,
                                str(command.jti))

    def results(self, command, host, after=0):
        """Every answer to a command so far, verified."""
        wanted = self.result_topic(command, host)
        return [self.verifier.verify_result(m.payload.decode(), command, host)
                for m in self.since(after, lambda m: m.topic == wanted)]

    def await_claims(self, command, host, after=0, timeout=None):
        wanted = self.result_topic(command, host)
        message = self.await_message(lambda m: m.topic == wanted,
                                     "result of %s" % command.jti, after,
                                     timeout)
        return self.verifier.verify_result(message.payload.decode(), command,
                                           host)

    def await_result(self, command, host, after=0, timeout=None):
        return self.await_claims(command, host, after, timeout)["result"]

    def ask(self, host, request, **options):
        """Send a command to one host and wait for its result."""
        command = self.send(self.command("host:" + host, request, **options))
        return self.await_result(command, host)

    def plan(self, audience, body, **options):
        """Sign a maintenance plan and publish it, retained."""
        plan = make_plan(self.fleet, self.party, audience, body, **options)
        self.publish(plan.topic, plan.token, retain=True)
        return plan

    def await_step(self, plan, name, host, after=0, timeout=None):
        """The result of a plan's step."""
        result = self.await_result(plan.step(name), host, after, timeout)
        assert result["maintenance"] == {"id": plan.body["id"], "step": name}
        return result

    def await_phase(self, plan, phase, host, after=0, timeout=None):
        """What the host's status tells of a plan in that phase."""
        def told(status):
            return [p for p in status["maintenance"]
                    if p["id"] == plan.body["id"] and p["phase"] == phase]

        return told(self.await_status(host, told, after, timeout))[0]

    # What hosts say of themselves.

    def _await_body(self, topic, typ, name, match, what, after, timeout):
        found = []

        def wanted(message):
            if message.topic != topic or not message.payload:
                return False
            claims = self.verifier.verify(message.payload.decode(), typ)
            if not match(claims[name]):
                return False
            found.append(claims[name])
            return True

        self.await_message(wanted, what, after, timeout)
        return found[0]

    def await_status(self, host, match=lambda status: True, after=0,
                     timeout=None):
        return self._await_body(self.fleet.topic("host", host, "status"),
                                TYP_STATUS, "status", match,
                                "status of " + host, after, timeout)

    def await_inventory(self, host, server, match=lambda inventory: True,
                        after=0, timeout=None):
        return self._await_body(
            self.fleet.topic("host", host, "sessions", server), TYP_SESSIONS,
            "inventory", match, "inventory of " + server, after, timeout)

    def await_event(self, host, server, match=lambda event: True, after=0,
                    timeout=None):
        def checked(event):
            check_event(event)
            return match(event)

        return self._await_body(
            self.fleet.topic("host", host, "event", server), TYP_EVENT,
            "event", checked, "event of " + server, after, timeout)
