"""What people and gateways do with auth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import select

from libs.chassis import db, security
from services.auth import demo, signing_keys
from services.auth.models import OutgoingMail, User
from tests.support.harness import KEY, Harness

EMAIL, PASSWORD = "Ines@Example.org", "correct-horse-battery"
GATEWAY = "/exchange/external/customer/v1/profile"


@dataclass
class People:
    """Customers, staff and gateways, asking the service `auth`."""

    auth: Harness

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        answer: httpx.Response = self.auth.client.post(f"/auth/v1/{path}", json=body)
        return answer

    def register(self, email: str = EMAIL, password: str = PASSWORD, **changes: Any) -> httpx.Response:
        body = {"email": email, "password": password, "full_name": "Inês", "consents": [{"purpose": "terms"}]}
        return self.post("registrations", body | changes)

    def confirm(self, token: str) -> httpx.Response:
        return self.post("email-verifications", {"token": token})

    def log_in(self, user_name: str = EMAIL, password: str = PASSWORD, path: str = "logins") -> httpx.Response:
        return self.post(path, {"user_name": user_name, "password": password})

    def log_in_staff(self, name: str = "manager", password: str = demo.PASSWORD) -> httpx.Response:
        """At the internal gateway; `demo.load()` made these people."""
        return self.log_in(f"{name}@reclothes.example", password, "staff-logins")

    def swap(self, token: str, path: str = GATEWAY, method: str = "GET") -> httpx.Response:
        """What a gateway asks: the opaque token for a JWT."""
        headers = {"Authorization": f"Bearer {token}"}
        answer: httpx.Response = self.auth.client.request(method, path, headers=headers)
        return answer

    def log_out(self, token: str) -> httpx.Response:
        """As through the gateway: with the JWT that the token is swapped for."""
        jwt_header = self.swap(token).headers["authorization"]
        own: dict[str, ECKey] = {str(key.kid): key for key in signing_keys.signing_keys().every}
        security.use_keys(own | {"test": KEY})
        answer: httpx.Response = self.auth.client.delete("/auth/v1/session", headers={"Authorization": jwt_header})
        return answer

    def claims_of(self, swapped: httpx.Response) -> dict[str, Any]:
        """The claims of the JWT that a gateway got, verified with the published keys."""
        keys = KeySet.import_key_set(self.auth.client.get("/auth/v1/jwks").json())
        return dict(jwt.decode(swapped.headers["authorization"].removeprefix("Bearer "), keys).claims)

    def mails(self) -> list[OutgoingMail]:
        """All mails, oldest first."""
        with db.unit_of_work(reads_only=True) as session:
            return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.created_at)))

    def link_token(self, which: int = -1) -> str:
        """The one-time token in a mail, by default the last one's."""
        return self.mails()[which].text.partition("#token=")[2].split()[0]

    def ids(self) -> list[str]:
        with db.unit_of_work(reads_only=True) as session:
            return list(session.scalars(select(User.id)))


def slug(answer: httpx.Response) -> str:
    """The last part of a problem's type."""
    return str(answer.json()["type"].rpartition("/")[2])
