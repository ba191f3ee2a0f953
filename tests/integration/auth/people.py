"""What people and gateways do with auth."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import select

from libs.chassis import db, security
from services.auth import demo
from services.auth.accounts.tables import User
from services.auth.notifications.tables import OutgoingMessage
from services.auth.passwords import jobs as password_jobs
from services.auth.tokens import signing_keys
from tests.support.harness import KEY, Harness

EMAIL, PASSWORD = "Ines@Example.org", "correct-horse-battery"
GATEWAY = "/exchange/external/customer/v1/profile"


@dataclass
class People:
    """Customers, staff and gateways, asking the service `auth`."""

    auth: Harness

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        answer: httpx.Response = self.auth.client.post(f"/auth/v1/{path}", json=body, headers=headers)
        return answer

    def register(
        self, email: str = EMAIL, password: str = PASSWORD, headers: dict[str, str] | None = None, **changes: Any
    ) -> httpx.Response:
        body = {"email": email, "password": password, "full_name": "Inês", "consents": [{"purpose": "terms"}]}
        return self.post("registrations", body | changes, headers)

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
        return self.ask(token, "DELETE", "session")

    def ask(self, token: str, method: str, path: str, gateway: str = "external", **more: Any) -> httpx.Response:
        """A request through a gateway: with the JWT for the token, or the gateway's refusal."""
        swapped = self.swap(token, f"/exchange/{gateway}/auth/v1/{path}")
        if swapped.status_code != 200:
            return swapped
        own: dict[str, ECKey] = {str(key.kid): key for key in signing_keys.load_signing_keys().all_keys}
        security.use_keys(own | {"test": KEY})
        headers = {"Authorization": swapped.headers["authorization"]} | more.pop("headers", {})
        if method == "POST":
            headers.setdefault("Idempotency-Key", uuid.uuid4().hex)
        answer: httpx.Response = self.auth.client.request(method, f"/auth/v1/{path}", headers=headers, **more)
        return answer

    def staff_token(self, name: str = "manager") -> str:
        token: str = self.log_in_staff(name).json()["access_token"]
        return token

    def claims_of(self, swapped: httpx.Response) -> dict[str, Any]:
        """The claims of the JWT that a gateway got, verified with the published keys."""
        keys = KeySet.import_key_set(self.auth.client.get("/auth/v1/jwks").json())
        return dict(jwt.decode(swapped.headers["authorization"].removeprefix("Bearer "), keys).claims)

    def mails(self) -> list[OutgoingMessage]:
        """All mails, oldest first."""
        with db.unit_of_work(reads_only=True) as session:
            return list(session.scalars(select(OutgoingMessage).order_by(OutgoingMessage.created_at)))

    def ask_for_link(self, email: str = EMAIL) -> httpx.Response:
        """Ask for a link to set the password; the job that looks whose address it is runs right after."""
        answer = self.post("password-resets", {"email": email})
        with db.unit_of_work():
            password_jobs.send_password_links()
        return answer

    def link_token(self, which: int = -1) -> str:
        """The one-time token in a mail, by default the last one's."""
        return self.mails()[which].text.partition("#token=")[2].split()[0]

    def ids(self) -> list[str]:
        with db.unit_of_work(reads_only=True) as session:
            return list(session.scalars(select(User.id)))


def slug(answer: httpx.Response) -> str:
    """The last part of a problem's type."""
    return str(answer.json()["type"].rpartition("/")[2])
