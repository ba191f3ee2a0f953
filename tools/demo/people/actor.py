"""One person with a browser: requests to a gateway, log-in, notifications and photos."""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
Json = dict[str, Any]

DEMO_PASSWORD = "Reclothes-demo-1!"  # noqa: S105 the published password of the demo accounts
RETRY_SECONDS = 20.0
MAX_PAUSE_SECONDS = 5.0


class UnexpectedResponse(AssertionError):
    """A response has an unexpected status; the message has the request, the response and the request id."""

    def __init__(self, response: httpx.Response, expected: tuple[int, ...]) -> None:
        request = response.request
        super().__init__(
            f"{request.method} {request.url.path} responded with {response.status_code}, expected "
            f"{' or '.join(map(str, expected))} (request id {response.headers.get('x-request-id', 'none')}): "
            f"{response.text[:600]}"
        )
        self.response = response


def wait_for(what: str, read: Callable[[], T | None], seconds: float = 20.0) -> T:
    """Return the first value of `read` that is not None; TimeoutError with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = read()
        if value is not None:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: nothing after {seconds:.0f} s")
        time.sleep(0.1)


def idempotency_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def has_reached(order: Json, state: str) -> bool:
    """Whether an order or return is or was in a state; staff may have continued by now."""
    return state in [entry["state"] for entry in order["timeline"]]


class Actor:
    """A base URL, the platform's certificate authority, and a token after log-in."""

    login_path = "/auth/v1/logins"
    refresh_path = "/auth/v1/refreshes"
    set_password_path = "/auth/v1/passwords"  # noqa: S105 a path

    def __init__(self, base_url: str, ca_file: Path, user_name: str, password: str = DEMO_PASSWORD) -> None:
        self.user_name = user_name
        self.password = password
        self.token: str | None = None
        self.refresh_token: str | None = None
        self.last: httpx.Response | None = None
        self._client = httpx.Client(
            base_url=base_url, verify=ssl.create_default_context(cafile=str(ca_file)), timeout=15.0
        )

    def close(self) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        expect: int | tuple[int, ...] = 200,
        headers: dict[str, str] | None = None,
        anonymous: bool = False,
        **arguments: Any,
    ) -> httpx.Response:
        """Send one request with this person's token (unless `anonymous`); `expect` has the allowed statuses."""
        expected = (expect,) if isinstance(expect, int) else expect
        sent = dict(headers or {})
        if self.token is not None and not anonymous:
            sent["Authorization"] = f"Bearer {self.token}"
        self.last = response = self._send(method, path, headers=sent, is_503_expected=503 in expected, **arguments)
        if response.status_code not in expected:
            raise UnexpectedResponse(response, expected)
        return response

    def _send(
        self, method: str, path: str, *, headers: dict[str, str], is_503_expected: bool, **arguments: Any
    ) -> httpx.Response:
        """Send a request; repeat an idempotent one after a 503 (RFC 9110, 9.2.2), as its `Retry-After` says."""
        is_idempotent = method != "POST" or "Idempotency-Key" in headers
        deadline = time.monotonic() + (RETRY_SECONDS if is_idempotent and not is_503_expected else 0)
        while True:
            response = self._client.request(method, path, headers=headers, **arguments)
            if response.status_code != 503 or time.monotonic() > deadline:
                return response
            time.sleep(min(float(response.headers.get("retry-after", 1)), MAX_PAUSE_SECONDS))

    def get(self, path: str, **arguments: Any) -> Json:
        """Return the JSON document of a GET."""
        return self.send("GET", path, **arguments)

    def send(self, method: str, path: str, body: Json | None = None, **arguments: Any) -> Json:
        """Send a request, with `body` if there is one, and return the JSON document of the response."""
        if body is not None:
            arguments["json"] = body
        document: Json = self.call(method, path, **arguments).json()
        return document

    def create(self, path: str, body: Json | None = None, *, expect: int = 201, **arguments: Any) -> Json:
        """POST with an idempotency key, and return the JSON document of the response."""
        headers = arguments.pop("key", None) or idempotency_key()
        return self.send("POST", path, body, headers=headers, expect=expect, **arguments)

    def list_pages(self, path: str, **query: Any) -> Iterator[Json]:
        """Yield the items of all pages of a list."""
        cursor: str | None = None
        while True:
            page = self.get(path, params={"limit": 100} | query | ({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def log_in(self) -> Json:
        """Log in with user name and password (c-02, c-05, c-07, c-09, c-11); keeps the access token."""
        self.token = None
        body = {"user_name": self.user_name, "password": self.password}
        tokens = self.send("POST", self.login_path, body, expect=201)
        self.token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        return tokens

    def refresh(self, *, expect: int = 200) -> Json:
        """Renew the access token; keeps the new tokens."""
        body = {"refresh_token": self.refresh_token}
        tokens = self.send("POST", self.refresh_path, body, anonymous=True, expect=expect)
        if expect == 200:
            self.token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        return tokens

    def set_password(self, token: str, password: str) -> None:
        """Set the password with the one-time link of a mail."""
        body = {"token": token, "password": password}
        self.call("POST", self.set_password_path, json=body, anonymous=True, expect=204)
        self.password = password

    @property
    def user_id(self) -> str:
        return str(self.get("/auth/v1/session")["user"]["id"])

    def wait_for_notification(self, template: str, about: str = "") -> Json:
        """Return the newest notification of this kind whose text contains `about`."""

        def read() -> Json | None:
            notifications = self.get("/auth/v1/notifications", params={"limit": 100})["items"]
            matches = (one for one in notifications if one["template"] == template and about in one["text"])
            return next(matches, None)

        return wait_for(f"the notification {template}", read)

    def upload_photo(self, photos: str, picture: bytes, content_type: str = "image/png") -> str:
        """Request an upload at this path, send the photo to S3 with the presigned form, and return its id."""
        ticket = self.create(photos, {"content_type": content_type, "size": len(picture)})
        response = httpx.post(
            ticket["upload"]["url"],
            data=ticket["upload"]["fields"],
            files={"file": ("photo", picture, content_type)},
            timeout=10.0,
        )
        if response.status_code not in (200, 201, 204):
            raise UnexpectedResponse(response, (200, 201, 204))
        return str(ticket["photo_id"])

    def open_doors(self, code: str, order_id: str | None = None, *, expect: int = 200) -> Json:
        """Scan the code of a location, which opens the person's doors there (d-do-01, d-co-02, rd-c-03)."""
        body = {"code": code} | ({"order_id": order_id} if order_id else {})
        return self.send("POST", "/locker/v1/openings", body, expect=expect)

    def wait_for_door_right(self, order_id: str) -> Json:
        """Return the right to open a door for an order."""
        query = {"order_id": order_id, "state": "open"}

        def read() -> Json | None:
            return next(iter(self.get("/locker/v1/door-rights", params=query)["items"]), None)

        return wait_for("the right to open a door", read)

    def log_out(self) -> None:
        """End the session (c-03, c-06, c-08, c-10, c-12); keeps the invalid token, so that it can be tried."""
        self.call("DELETE", "/auth/v1/session", expect=204)
