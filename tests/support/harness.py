"""One service in this process, on real stores, asked over ASGI; its peers and its queues are played by the test."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import select
from starlette.testclient import TestClient

from libs.chassis import app, db, inbox, security, service_client, settings
from libs.chassis.clock import now, rfc3339
from libs.chassis.runtime import new_runtime
from libs.chassis.service import Service, load_service, use_service
from libs.chassis.tables import OutboxRow

ISSUER = "https://auth.test"
KEY = ECKey.generate_key("P-256", {"kid": "test", "use": "sig", "alg": "ES256"})


def user_id(name: str) -> str:
    """An id that looks like a real one and is the same for the same name."""
    return "usr_" + uuid.uuid5(uuid.NAMESPACE_URL, name).hex


def token(subject: str, scopes: str, kind: str = "customer", **claims: Any) -> str:
    """An access token as the gateway gives services."""
    moment = int(now().timestamp())
    body: dict[str, Any] = {
        "iss": ISSUER,
        "aud": "reclothes",
        "sub": subject,
        "kind": kind,
        "roles": [kind],
        "scope": scopes,
    }
    body |= {"iat": moment, "exp": moment + 300, "jti": uuid.uuid4().hex, **claims}
    return jwt.encode({"alg": "ES256", "kid": "test"}, body, KEY)


@dataclass
class Harness:
    """A service to be asked; `as_user` gives a client, `deliver` plays an event."""

    service: Service
    client: TestClient

    def as_user(
        self, name: str, scopes: str, kind: str = "customer", **claims: Any
    ) -> Callable[..., httpx.Response]:
        """A function that sends a request as this person: `ask("GET", "/path", json=…)`."""
        subject = user_id(name) if kind != "service" else name

        def ask(method: str, path: str, *, key: str | None = None, **arguments: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token(subject, scopes, kind, **claims)}"}
            headers |= {"Idempotency-Key": key} if key else {}
            headers |= arguments.pop("headers", {})
            answer: httpx.Response = self.client.request(method, path, headers=headers, **arguments)
            return answer

        return ask

    def deliver(
        self, event_type: str, data: dict[str, Any], event_id: str | None = None, *, version: int = 1
    ) -> None:
        """Let the service handle an event, as its worker does."""
        document = {
            "id": event_id or f"evt_{uuid.uuid4().hex}",
            "type": event_type,
            "source": "/test",
            "subject": "test",
            "time": rfc3339(now()),
            "aggregateversion": version,
            "data": data,
        }
        inbox.dispatch(self.service.events, document)

    def published(self, event_type: str) -> list[dict[str, Any]]:
        """The data of the events of this type in the outbox, oldest first."""
        with db.unit_of_work(reads_only=True) as session:
            rows = session.scalars(select(OutboxRow).where(OutboxRow.type == event_type).order_by(OutboxRow.id))
            return [json.loads(row.body)["data"] for row in rows]

    def play_peers(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        """Answer this service's calls to its peers; the token endpoint is played already."""

        def handle(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/auth/v1/token":
                return httpx.Response(200, json={"access_token": "peer", "expires_in": 300})
            return answer(request)

        service_client.set_transport(httpx.MockTransport(handle))


@lru_cache
def _grant_key_file() -> str:
    """A key for locker to sign grants with; it goes with the process's temporary files."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(ECKey.generate_key("P-256").as_pem(private=True).decode())
    return file.name


@lru_cache
def _app_of(name: str) -> Any:
    """The service's application; reading the contract takes a second, and it reads its settings at each request."""
    return app.create_app(load_service(name))


@contextmanager
def running(name: str, environment: dict[str, str]) -> Iterator[Harness]:
    """Start a service with these variables (and plain ones for what is not given) on a migrated database."""
    common = {
        "RECLOTHES_ENVIRONMENT": "test",
        "RECLOTHES_JWT_ISSUER": ISSUER,
        "RECLOTHES_JWKS_URL": f"{ISSUER}/jwks",
        "RECLOTHES_REDIS_URL": "redis://127.0.0.1:9/0",
        "RECLOTHES_RESOURCE_PREFIX": f"test-{uuid.uuid4().hex[:8]}",
        "RECLOTHES_CLIENT_ID": name,
        "RECLOTHES_CLIENT_SECRET": "secret",
        "ADMIN_PHOTO_BUCKET": "check-photos",
        "CUSTOMER_PHOTO_BUCKET": "donation-photos",
        "LOCKER_CODE_SECRET": "secret of codes",
        "LOCKER_GRANT_KEY_FILE": _grant_key_file(),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    common |= {f"RECLOTHES_PEER_{peer.upper()}_URL": f"https://{peer}.test" for peer in settings.PEERS}
    with new_runtime(), pytest.MonkeyPatch.context() as patch:
        for variable, value in (common | environment).items():
            patch.setenv(variable, value)
        service = load_service(name)
        settings.use_settings(service.settings_class.from_environment())
        use_service(service)
        security.use_keys({"test": KEY})
        try:
            with TestClient(_app_of(name), "https://testserver", raise_server_exceptions=False) as client:
                yield Harness(service, client)
        finally:
            db.engine().dispose()
