"""The callers of the access matrix: their tokens, where the tokens are accepted, and their scopes."""

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
from tests.attacks.gateways import UnthrottledGateway
from tests.security.forged_jwts import JwtForger
from tests.security.matrix import ENTRY_POINTS, SERVICE
from tests.support.platform import RunningPlatform
from tools.demo.people import Actor, Customer, Json, Mailbox, Staff, idempotency_key, verification_token
from tools.gateway.build import GATEWAYS
from tools.local_platform import credentials
from tools.project import CONTRACTS

SESSION = "/auth/v1/session"
CALLBACK = "https://wardrobe.example/callback"
JWT_CACHE_SECONDS = 60  # less than the lifetime of a JWT of the exchange
AT_SERVICE = frozenset({SERVICE})

Token = Callable[[], str]


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, or without one.

    `accepted_at`: the entry points that accept the token. `scopes`: the scopes of the token. `spare_token`: the
    token of another person with the same scopes, for requests that may end a session. `tested_at`: the entry points
    at which the caller is tested.
    """

    name: str
    token: Token | None
    accepted_at: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    spare_token: Token | None = None
    tested_at: tuple[str, ...] = ENTRY_POINTS

    def authorization(self, *, ends_session: bool) -> str | None:
        """The header of a request; `ends_session` when the request may end the session it is sent in."""
        token = self.spare_token if ends_session and self.spare_token else self.token
        return f"Bearer {token()}" if token else None


class LiveToken:
    """Returns a valid access token of a person, who logs in again after the session was ended."""

    def __init__(self, person: Actor) -> None:
        self.person = person

    def __call__(self) -> str:
        person = self.person
        if person.token is None or person.call("GET", SESSION, expect=(200, 401)).status_code == 401:
            person.log_in()
        assert person.token is not None
        return person.token


class Principals:
    """Creates the callers of a running platform: people, applications, services and forgers."""

    def __init__(self, platform: RunningPlatform, gateways: Mapping[str, UnthrottledGateway]) -> None:
        self.platform, self.gateways = platform, gateways
        self._people: list[Actor] = []
        context = ssl.create_default_context(cafile=str(platform.ca_file))
        auth_url = platform.layout.service_url("auth")
        self._auth = httpx.Client(base_url=auth_url, verify=context, timeout=30)
        self._jwts: dict[tuple[str, str], tuple[float, str]] = {}
        self.manager = self._staff("manager@reclothes.example")
        self.manager.log_in()
        roles = self.manager.call("GET", "/auth/v1/roles", params={"limit": 100}).json()["items"]
        self.scopes_of_role = {role["name"]: frozenset(role["permissions"]) for role in roles}
        self.internal_roles = [role["name"] for role in roles if role["kind"] == "internal"]
        scopes = yaml.safe_load((CONTRACTS / "scopes.yaml").read_text())
        self.holders: dict[str, list[str]] = {scope: fields["holders"] for scope, fields in scopes.items()}

    def close(self) -> None:
        self._auth.close()
        for person in self._people:
            person.close()

    def callers(self) -> list[Caller]:
        """All callers."""
        people = [*self._people_of_every_role(), *self._applications()]
        return [
            Caller("no token", None),
            Caller("an invented token", lambda: ACCESS_PREFIX + "A" * 43),
            *people,
            *self._ended_tokens(),
            *(
                self._with_jwt(caller, tested_at=ENTRY_POINTS if caller is people[0] else (SERVICE,))
                for caller in people
            ),
            *self._services(),
            *self._forgeries(),
        ]

    # People, and applications that act for them.

    def customer(self, name: str) -> Customer:
        """One of the demo customers, not logged in."""
        person = Customer(self.gateways["external"].url, self.platform.ca_file, f"{name}@reclothes.example")
        self._people.append(person)
        return person

    def demo_staff(self, role: str) -> Staff:
        """One of the demo staff, logged in."""
        person = self._staff(f"{role}@reclothes.example")
        person.log_in()
        return person

    def _staff(self, address: str) -> Staff:
        person = Staff(self.gateways["internal"].url, self.platform.ca_file, address)
        self._people.append(person)
        return person

    def _people_of_every_role(self) -> Iterator[Caller]:
        yield Caller(
            "customer",
            LiveToken(self.customer("buyer")),
            frozenset({"external"}),
            self.scopes_of_role["customer"],
            LiveToken(self.customer("donor")),
        )
        invited = {role: (self._invite(role), self._invite(role)) for role in self.internal_roles}
        for role, (person, spare) in invited.items():
            for member in (person, spare):
                self._set_first_password(member)
            scopes = self.scopes_of_role[role]
            yield Caller(role, LiveToken(person), frozenset({"internal"}), scopes, LiveToken(spare))

    def _invite(self, role: str) -> Staff:
        address = f"{role}.{uuid.uuid4().hex}@matrix.example"
        self.manager.create_staff(address, f"Mona {role.title()}", role)
        return self._staff(address)

    def _set_first_password(self, person: Staff) -> None:
        mail = Mailbox(self.platform.maildir).wait_for_mail(person.user_name, "account")
        person.set_password(verification_token(mail), f"pass-{uuid.uuid4().hex}")

    def _applications(self) -> Iterator[Caller]:
        """An application of a customer, and a service account of each gateway, with all possible scopes."""
        scopes_held = self._scopes_for("application")
        client = self._client("authorization_code", "external", scopes_held, redirect_uris=[CALLBACK])
        token = self._authorize(client, scopes_held, self.customer("buyer"))
        scopes = frozenset(scopes_held) & self.scopes_of_role["customer"]
        yield Caller("application", constant(token), frozenset({"external"}), scopes)
        for gateway in GATEWAYS:
            scopes_held = self._scopes_for("machine")
            token = self._own_token(self._client("client_credentials", gateway, scopes_held))
            yield Caller(f"machine of {gateway}", constant(token), frozenset({gateway}), frozenset(scopes_held))

    def _scopes_for(self, holder: str) -> list[str]:
        return [scope for scope, holders in self.holders.items() if holder in holders]

    def _client(self, grant: str, gateway: str, scopes: list[str], **fields: list[str]) -> dict[str, str]:
        """Create a confidential OAuth client; return its `client_id` and `client_secret`."""
        body = {"name": "Matrix", "kind": "confidential", "gateway": gateway, "grant": grant, "scopes": scopes}
        created = self.manager.call(
            "POST", "/auth/v1/oauth-clients", json=body | fields, headers=idempotency_key(), expect=201
        ).json()
        secret: Json = self.manager.call("PUT", f"/auth/v1/oauth-clients/{created['client_id']}/secret").json()
        return {"client_id": created["client_id"], "client_secret": secret["client_secret"]}

    def _own_token(self, client: Mapping[str, str], **form: str) -> str:
        response = self._auth.post(
            "/auth/v1/oauth/tokens", data={"grant_type": "client_credentials", **client, **form}
        )
        assert response.status_code == 200, response.text
        token: str = response.json()["access_token"]
        return token

    def _authorize(self, client: Mapping[str, str], scopes: list[str], customer: Customer) -> str:
        """Let the customer authorize the application; return its token (RFC 6749, section 4.1; RFC 7636)."""
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
        authorization = customer.call("POST", "/auth/v1/oauth/authorizations", json=decision).json()
        [code] = parse_qs(urlsplit(authorization["redirect_to"]).query)["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self._own_token(client, **form, code_verifier=verifier)

    # Tokens that were valid once.

    def _ended_tokens(self) -> Iterator[Caller]:
        for kind, person in (
            ("customer", self.customer("buyer2")),
            ("employee", self._staff("employee@reclothes.example")),
        ):
            person.log_in()
            assert person.token is not None
            self._expire(person.token)
            yield Caller(f"expired token of {kind}", constant(person.token), tested_at=GATEWAYS)
            person.log_in()
            assert person.token is not None
            person.call("GET", SESSION)  # it was valid, and the exchange has cached it
            person.log_out()
            yield Caller(f"revoked token of {kind}", constant(person.token), tested_at=GATEWAYS)

    def _expire(self, token: str) -> None:
        """Let an unused access token expire, by changing its session in the database of auth."""
        engine = create_engine(self.platform.layout.database_url("auth"))
        ended = {"access_expires_at": clock.now() - timedelta(minutes=1)}
        with engine.begin() as connection:
            expire = update(Session).where(Session.token_hash == hash_token(token)).values(ended)
            changed = connection.execute(expire)
        engine.dispose()
        assert changed.rowcount == 1

    # JWTs, which clients never get.

    def _jwt_for(self, caller: Caller, token: Token) -> str:
        """The JWT that the gateway sends to the services for the token."""
        [gateway] = caller.accepted_at
        opaque = token()
        created_at, jwt = self._jwts.get((gateway, opaque), (float("-inf"), ""))
        if time.monotonic() - created_at > JWT_CACHE_SECONDS:
            header = {"Authorization": f"Bearer {opaque}"}
            response = self._auth.get(f"/exchange/{gateway}/matrix", headers=header)
            assert response.status_code == 200, response.text
            jwt = response.headers["authorization"].removeprefix("Bearer ")
            self._jwts[gateway, opaque] = (time.monotonic(), jwt)
        return jwt

    def _with_jwt(self, caller: Caller, tested_at: tuple[str, ...]) -> Caller:
        token, spare = caller.token, caller.spare_token
        assert token is not None
        return Caller(
            f"JWT of {caller.name}",
            lambda: self._jwt_for(caller, token),
            AT_SERVICE,
            caller.scopes,
            (lambda: self._jwt_for(caller, spare)) if spare else None,
            tested_at,
        )

    def _services(self) -> Iterator[Caller]:
        """Each service that has scopes at other services, and one that has none."""
        client_secrets = credentials.ensure(self.platform.layout).client_secrets
        without = next(name for name in client_secrets if name not in credentials.SCOPES_OF_SERVICES)
        for name in (*credentials.SCOPES_OF_SERVICES, without):
            secret = client_secrets[name]
            response = self._auth.post(
                "/auth/v1/token", data={"grant_type": "client_credentials"}, auth=(name, secret)
            )
            assert response.status_code == 200, response.text
            scopes = frozenset(credentials.SCOPES_OF_SERVICES.get(name, ()))
            yield Caller(f"service {name}", constant(response.json()["access_token"]), AT_SERVICE, scopes)

    def _forgeries(self) -> Iterator[Caller]:
        customer = Caller("forger", None, frozenset({"external"}))
        real = self._jwt_for(customer, LiveToken(self.customer("buyer2")))
        [key_file] = (self.platform.layout.secrets_dir / "signing-keys").glob("*.pem")
        all_scopes = frozenset(self.holders)
        forger = JwtForger(real, key_file, all_scopes)
        # The control: a JWT that is created in the same way without a defect is accepted.
        valid = constant(forger.sign_with_platform_key())
        yield Caller("JWT without a defect", valid, AT_SERVICE, all_scopes, tested_at=(SERVICE,))
        for defect, jwt in forger.forgeries().items():
            yield Caller(f"JWT with {defect}", constant(jwt), tested_at=(SERVICE,))


def constant(token: str) -> Token:
    return lambda: token
