"""Everybody who asks in the access matrix: what they hold, where it is good, and what it lets them do."""

from __future__ import annotations

import base64
import hashlib
import secrets
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import yaml
from sqlalchemy import create_engine, update

from libs.chassis import clock
from services.auth.sessions.tables import Session
from services.auth.tokens.opaque import ACCESS_PREFIX, hash_token
from tests.attacks.gateways import OpenGate
from tests.security.forgeries import Forger
from tests.security.matrix import PLACES, SERVICE
from tests.support.platform import RunningPlatform
from tools.demo.people import Actor, Customer, Json, Mailbox, Staff, idempotency_key, verification_token
from tools.gateway.build import GATEWAYS
from tools.local_platform import credentials
from tools.project import CONTRACTS

SESSION = "/auth/v1/session"
CALLBACK = "https://wardrobe.example/callback"
KEEP_JWT_SECONDS = 60  # a JWT of the exchange is good for longer
AT_SERVICE = frozenset({SERVICE})

Token = Callable[[], str]


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, or with none.

    `good_at` are the places where the token is good, `scopes` what it carries. `spare` gives a token of somebody
    who may do the same, for requests that may end a session. `asks_at` are the places where this caller is tried.
    """

    name: str
    token: Token | None
    good_at: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    spare: Token | None = None
    asks_at: tuple[str, ...] = PLACES

    def authorization(self, *, ends_session: bool) -> str | None:
        """The header of a request; `ends_session` when the request may end the session it is sent in."""
        token = self.spare if ends_session and self.spare else self.token
        return f"Bearer {token()}" if token else None


class Live:
    """A person's access token that is good now: they log in again when something has ended their session."""

    def __init__(self, person: Actor) -> None:
        self.person = person

    def __call__(self) -> str:
        person = self.person
        if person.token is None or person.call("GET", SESSION, expect=(200, 401)).status_code == 401:
            person.log_in()
        assert person.token is not None
        return person.token


class Town:
    """The people, applications and services of a running platform, at gateways without throttles."""

    def __init__(self, platform: RunningPlatform, gates: Mapping[str, OpenGate]) -> None:
        self.platform, self.gates = platform, gates
        self._people: list[Actor] = []
        context = ssl.create_default_context(cafile=str(platform.ca_file))
        auth_url = platform.layout.url_of_service("auth")
        self._auth = httpx.Client(base_url=auth_url, verify=context, timeout=30)
        self._jwts: dict[tuple[str, str], tuple[float, str]] = {}
        self.manager = self._staff("manager@reclothes.example")
        self.manager.log_in()
        listed = self.manager.call("GET", "/auth/v1/roles", params={"limit": 100}).json()["items"]
        self.scopes_of_role = {role["name"]: frozenset(role["permissions"]) for role in listed}
        self.internal_roles = [role["name"] for role in listed if role["kind"] == "internal"]
        known = yaml.safe_load((CONTRACTS / "scopes.yaml").read_text())
        self.holders: dict[str, list[str]] = {scope: facts["holders"] for scope, facts in known.items()}

    def close(self) -> None:
        self._auth.close()
        for person in self._people:
            person.close()

    def callers(self) -> list[Caller]:
        """Everybody there is."""
        people = [*self._people_of_every_role(), *self._applications()]
        return [
            Caller("no token", None),
            Caller("a made-up token", lambda: ACCESS_PREFIX + "A" * 43),
            *people,
            *self._ended(),
            *(self._with_jwt(caller, asks_at=PLACES if caller is people[0] else (SERVICE,)) for caller in people),
            *self._services(),
            *self._forgeries(),
        ]

    # People and what acts for them.

    def customer(self, name: str) -> Customer:
        """One of the demo customers, not logged in."""
        person = Customer(self.gates["external"].url, self.platform.ca_file, f"{name}@reclothes.example")
        self._people.append(person)
        return person

    def demo_staff(self, role: str) -> Staff:
        """One of the demo staff, logged in."""
        person = self._staff(f"{role}@reclothes.example")
        person.log_in()
        return person

    def _staff(self, address: str) -> Staff:
        person = Staff(self.gates["internal"].url, self.platform.ca_file, address)
        self._people.append(person)
        return person

    def _people_of_every_role(self) -> Iterator[Caller]:
        yield Caller(
            "customer",
            Live(self.customer("buyer")),
            frozenset({"external"}),
            self.scopes_of_role["customer"],
            Live(self.customer("donor")),
        )
        invited = {role: (self._invite(role), self._invite(role)) for role in self.internal_roles}
        for role, (person, spare) in invited.items():
            for one in (person, spare):
                self._set_first_password(one)
            scopes = self.scopes_of_role[role]
            yield Caller(role, Live(person), frozenset({"internal"}), scopes, Live(spare))

    def _invite(self, role: str) -> Staff:
        address = f"{role}.{uuid.uuid4().hex}@matrix.example"
        self.manager.create_staff(address, f"Mona {role.title()}", role)
        return self._staff(address)

    def _set_first_password(self, person: Staff) -> None:
        mail = Mailbox(self.platform.maildir).wait_for_mail(person.user_name, "account")
        person.set_password(verification_token(mail), f"pass-{uuid.uuid4().hex}")

    def _applications(self) -> Iterator[Caller]:
        """An application that acts for a customer, and a service account of each gateway.

        Each has all that it can hold.
        """
        given = self._holdable("application")
        client = self._client("authorization_code", "external", given, redirect_uris=[CALLBACK])
        token = self._let_act(client, given, self.customer("buyer"))
        scopes = frozenset(given) & self.scopes_of_role["customer"]
        yield Caller("application", constant(token), frozenset({"external"}), scopes)
        for gateway in GATEWAYS:
            given = self._holdable("machine")
            token = self._own_token(self._client("client_credentials", gateway, given))
            yield Caller(f"machine of {gateway}", constant(token), frozenset({gateway}), frozenset(given))

    def _holdable(self, holder: str) -> list[str]:
        return [scope for scope, holders in self.holders.items() if holder in holders]

    def _client(self, grant: str, gateway: str, scopes: list[str], **more: list[str]) -> dict[str, str]:
        """A new confidential OAuth client: `client_id` and `client_secret`."""
        body = {"name": "Matrix", "kind": "confidential", "gateway": gateway, "grant": grant, "scopes": scopes}
        made = self.manager.call(
            "POST", "/auth/v1/oauth-clients", json=body | more, headers=idempotency_key(), expect=201
        ).json()
        told: Json = self.manager.call("PUT", f"/auth/v1/oauth-clients/{made['client_id']}/secret").json()
        return {"client_id": made["client_id"], "client_secret": told["client_secret"]}

    def _own_token(self, client: Mapping[str, str], **form: str) -> str:
        answer = self._auth.post(
            "/auth/v1/oauth/tokens", data={"grant_type": "client_credentials", **client, **form}
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def _let_act(self, client: Mapping[str, str], scopes: list[str], customer: Customer) -> str:
        """The customer agrees, and the application takes its token (RFC 6749, 4.1; RFC 7636)."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        request = {
            "response_type": "code",
            "client_id": client["client_id"],
            "redirect_uri": CALLBACK,
            "scope": " ".join(scopes),
            "state": secrets.token_urlsafe(12),
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        customer.log_in()
        decision = request | {"agreed": True}
        agreed = customer.call("POST", "/auth/v1/oauth/authorizations", json=decision).json()
        [code] = parse_qs(urlsplit(agreed["redirect_to"]).query)["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self._own_token(client, **form, code_verifier=verifier)

    # Tokens that were good once.

    def _ended(self) -> Iterator[Caller]:
        for kind, person in (
            ("customer", self.customer("buyer2")),
            ("employee", self._staff("employee@reclothes.example")),
        ):
            person.log_in()
            assert person.token is not None
            self._let_expire(person.token)
            yield Caller(f"expired token of {kind}", constant(person.token), asks_at=GATEWAYS)
            person.log_in()
            assert person.token is not None
            person.call("GET", SESSION)  # it was good, and the exchange has kept that
            person.log_out()
            yield Caller(f"revoked token of {kind}", constant(person.token), asks_at=GATEWAYS)

    def _let_expire(self, token: str) -> None:
        """Set the end of an access token that was not used yet to a minute ago, in auth's database."""
        engine = create_engine(self.platform.layout.database_url("auth"))
        ended = {"access_expires_at": clock.now() - timedelta(minutes=1)}
        with engine.begin() as connection:
            expire = update(Session).where(Session.token_hash == hash_token(token)).values(ended)
            changed = connection.execute(expire)
        engine.dispose()
        assert changed.rowcount == 1

    # JWTs, which no client ever sees.

    def _jwt_for(self, caller: Caller, token: Token) -> str:
        """What the gateway would send to the services for the token."""
        [gateway] = caller.good_at
        opaque = token()
        made_at, jwt = self._jwts.get((gateway, opaque), (float("-inf"), ""))
        if time.monotonic() - made_at > KEEP_JWT_SECONDS:
            header = {"Authorization": f"Bearer {opaque}"}
            answer = self._auth.get(f"/exchange/{gateway}/matrix", headers=header)
            assert answer.status_code == 200, answer.text
            jwt = answer.headers["authorization"].removeprefix("Bearer ")
            self._jwts[gateway, opaque] = (time.monotonic(), jwt)
        return jwt

    def _with_jwt(self, caller: Caller, asks_at: tuple[str, ...]) -> Caller:
        token, spare = caller.token, caller.spare
        assert token is not None
        return Caller(
            f"JWT of {caller.name}",
            lambda: self._jwt_for(caller, token),
            AT_SERVICE,
            caller.scopes,
            (lambda: self._jwt_for(caller, spare)) if spare else None,
            asks_at,
        )

    def _services(self) -> Iterator[Caller]:
        """Each service that has scopes at others, and one that has none."""
        own = credentials.ensure(self.platform.layout).client_secrets
        without = next(name for name in own if name not in credentials.SCOPES_OF_SERVICES)
        for name in (*credentials.SCOPES_OF_SERVICES, without):
            secret = own[name]
            answer = self._auth.post(
                "/auth/v1/token", data={"grant_type": "client_credentials"}, auth=(name, secret)
            )
            assert answer.status_code == 200, answer.text
            scopes = frozenset(credentials.SCOPES_OF_SERVICES.get(name, ()))
            yield Caller(f"service {name}", constant(answer.json()["access_token"]), AT_SERVICE, scopes)

    def _forgeries(self) -> Iterator[Caller]:
        customer = Caller("forger", None, frozenset({"external"}))
        real = self._jwt_for(customer, Live(self.customer("buyer2")))
        [key_file] = (self.platform.layout.secrets_dir / "signing-keys").glob("*.pem")
        every_scope = frozenset(self.holders)
        forger = Forger(real, key_file, every_scope)
        # Made in the same way with nothing wrong: what is refused below is refused for what is wrong with it.
        right = constant(forger.rightly_signed())
        yield Caller("JWT with nothing wrong", right, AT_SERVICE, every_scope, asks_at=(SERVICE,))
        for wrong, jwt in forger.forgeries().items():
            yield Caller(f"JWT with {wrong}", constant(jwt), asks_at=(SERVICE,))


def constant(token: str) -> Token:
    return lambda: token
