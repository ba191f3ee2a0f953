"""Requests of users, staff and gateways to the auth service."""

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
class AuthApi:
    """A client of the auth service, without a gateway unless a method says so."""

    auth: Harness

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        response: httpx.Response = self.auth.client.post(f"/auth/v1/{path}", json=body, headers=headers)
        return response

    def register(
        self, email: str = EMAIL, password: str = PASSWORD, headers: dict[str, str] | None = None, **changes: Any
    ) -> httpx.Response:
        body = {"email": email, "password": password, "full_name": "Inês", "consents": [{"purpose": "terms"}]}
        return self.post("registrations", body | changes, headers)

    def verify_email(self, token: str) -> httpx.Response:
        return self.post("email-verifications", {"token": token})

    def log_in(self, user_name: str = EMAIL, password: str = PASSWORD, path: str = "logins") -> httpx.Response:
        return self.post(path, {"user_name": user_name, "password": password})

    def log_in_staff(self, name: str = "manager", password: str = demo.PASSWORD) -> httpx.Response:
        """Log in an internal user whom `demo.load()` created."""
        return self.log_in(f"{name}@reclothes.example", password, "staff-logins")

    def exchange(self, token: str, path: str = GATEWAY, method: str = "GET") -> httpx.Response:
        """Exchange an opaque token for a JWT, as a gateway does for each request."""
        headers = {"Authorization": f"Bearer {token}"}
        response: httpx.Response = self.auth.client.request(method, path, headers=headers)
        return response

    def log_out(self, token: str) -> httpx.Response:
        return self.request(token, "DELETE", "session")

    def request(self, token: str, method: str, path: str, gateway: str = "external", **more: Any) -> httpx.Response:
        """Send a request through a gateway, which adds the JWT; return its error when the token is rejected."""
        exchanged = self.exchange(token, f"/exchange/{gateway}/auth/v1/{path}")
        if exchanged.status_code != 200:
            return exchanged
        own: dict[str, ECKey] = {str(key.kid): key for key in signing_keys.load_signing_keys().all_keys}
        security.use_keys(own | {"test": KEY})
        headers = {"Authorization": exchanged.headers["authorization"]} | more.pop("headers", {})
        if method == "POST":
            headers.setdefault("Idempotency-Key", uuid.uuid4().hex)
        response: httpx.Response = self.auth.client.request(method, f"/auth/v1/{path}", headers=headers, **more)
        return response

    def staff_token(self, name: str = "manager") -> str:
        token: str = self.log_in_staff(name).json()["access_token"]
        return token

    def claims_of(self, exchanged: httpx.Response) -> dict[str, Any]:
        """Return the claims of the JWT in an exchange response, verified with the published keys."""
        keys = KeySet.import_key_set(self.auth.client.get("/auth/v1/jwks").json())
        return dict(jwt.decode(exchanged.headers["authorization"].removeprefix("Bearer "), keys).claims)

    def mails(self) -> list[OutgoingMessage]:
        """List all mails, oldest first."""
        with db.unit_of_work(reads_only=True) as session:
            return list(session.scalars(select(OutgoingMessage).order_by(OutgoingMessage.created_at)))

    def request_reset_link(self, email: str = EMAIL) -> httpx.Response:
        """Request a link to reset the password, and run the job that mails it."""
        response = self.post("password-resets", {"email": email})
        with db.unit_of_work():
            password_jobs.send_password_links()
        return response

    def link_token(self, index: int = -1) -> str:
        """Return the one-time token in a mail, by default in the last one."""
        return self.mails()[index].text.partition("#token=")[2].split()[0]

    def user_ids(self) -> list[str]:
        with db.unit_of_work(reads_only=True) as session:
            return list(session.scalars(select(User.id)))


def slug(response: httpx.Response) -> str:
    """Return the last part of a problem's type."""
    return str(response.json()["type"].rpartition("/")[2])
