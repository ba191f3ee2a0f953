"""Calls to other services (peers) over HTTP: own access token, time-outs, retries, one circuit breaker per peer."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import stamina

from libs.chassis import circuit_breaker, clock_drift, logs, metrics, tracing
from libs.chassis.problems import Problem, Unavailable
from libs.chassis.runtime import per_process
from libs.chassis.settings import settings

TIMEOUT = httpx.Timeout(3.0, connect=1.0)
TOKEN_LEEWAY_SECONDS = 30


class ServiceUnavailable(Unavailable):
    slug, title = "service-unavailable", "Another part of ReClothes is unavailable for now"


class ServiceProblem(Problem):
    """An error response of a peer, with its problem document."""

    def __init__(self, response: httpx.Response) -> None:
        document = _read_document(response)
        self.status = response.status_code
        self.slug = str(document.get("type", "")).rpartition("/")[2] or "peer-refused"
        self.title = document.get("title", "Another part of ReClothes refused the request")
        super().__init__(document.get("detail", ""))
        self.document = document


def _read_document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


class _Unavailable(Exception):
    """The peer sent no response, failed, or does not accept this service."""


class _Outage(_Unavailable):
    """The peer as a whole is unreachable or overloaded; its circuit counts this."""


class _TimedOut(_Outage):
    """The peer did not respond in time; a retry would take as long again."""


class _CircuitOpen(_Unavailable):
    """The circuit of the peer is open, so no request was sent."""


def _is_retryable(error: Exception) -> bool:
    return isinstance(error, _Unavailable) and not isinstance(error, _TimedOut | _CircuitOpen)


def _circuit(name: str) -> circuit_breaker.Circuit:
    return circuit_breaker.breaker(
        name, lambda error: isinstance(error, _Outage) or None, failures=5, reset_seconds=5.0
    )


def _circuit_open() -> _CircuitOpen:
    return _CircuitOpen("the circuit is open")


class _AccessToken:
    """This service's own access token by client credentials (RFC 6749, 4.4), kept until shortly before it expires.

    One thread requests it; the others wait for that response, and fail with it.
    """

    def __init__(self, client: httpx.Client) -> None:
        self.circuit = _circuit("auth's tokens")
        self._client = client
        self._requesting = threading.Lock()
        self._value = ""
        self._expires_at = 0.0
        self._failed_at = float("-inf")
        self._failure: type[_Unavailable] = _Unavailable

    def get(self) -> str:
        began = time.monotonic()
        if began < self._expires_at:
            return self._value
        with self._requesting:
            if time.monotonic() < self._expires_at:
                return self._value
            if self._failed_at > began:
                raise self._failure("auth did not respond to another thread")
            return self._request()

    def discard(self) -> None:
        """Request a new token for the next call."""
        self._expires_at = 0.0

    def _request(self) -> str:
        try:
            with circuit_breaker.guarded(self.circuit, _circuit_open):
                response = _send(self._post_credentials)
            if not response.is_success:
                raise _Unavailable(f"status {response.status_code}")
        except _Unavailable as error:
            self._failed_at, self._failure = time.monotonic(), type(error)
            raise type(error)(f"auth: {error}") from error
        clock_drift.note("auth", response.headers.get("date"))
        document = response.json()
        self._value = document["access_token"]
        self._expires_at = time.monotonic() + document["expires_in"] - TOKEN_LEEWAY_SECONDS
        return self._value

    def _post_credentials(self) -> httpx.Response:
        chosen = settings()
        return self._client.post(
            f"{chosen.peer_urls['auth']}/auth/v1/token",
            data={"grant_type": "client_credentials"},
            auth=(chosen.client_id, chosen.client_secret),
        )


class Peer:
    """One other service."""

    def __init__(self, name: str, base_url: str, client: httpx.Client, token: _AccessToken) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._client = client
        self._token = token
        self._circuit = _circuit(name)

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self._call("GET", path, True, **arguments)

    def post(
        self, path: str, *, json: Any = None, idempotency_key: str | None = None, repeatable: bool = False
    ) -> httpx.Response:
        """POST; retried only with a key, or when the operation is `repeatable` by its nature."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._call("POST", path, bool(idempotency_key) or repeatable, json=json, headers=headers)

    def delete(self, path: str) -> httpx.Response:
        return self._call("DELETE", path, True)

    def _call(self, method: str, path: str, repeatable: bool, **arguments: Any) -> httpx.Response:
        attempts = 3 if repeatable else 1
        try:
            for attempt in stamina.retry_context(
                on=_is_retryable,
                attempts=attempts,
                timeout=6.0,
                wait_initial=0.1,
                wait_max=1.0,
                wait_jitter=0.2,
            ):
                with attempt:
                    response = self._send_with_token(method, path, arguments)
        except _Unavailable as error:
            metrics.PEER_CALLS.labels(self.name, "unavailable").inc()
            logs.get_logger(__name__).warning("peer unavailable", peer=self.name, reason=str(error))
            raise ServiceUnavailable(f"{self.name} does not respond; try again in a moment") from None
        metrics.PEER_CALLS.labels(self.name, str(response.status_code)).inc()
        if response.status_code >= 400:
            raise ServiceProblem(response)
        return response

    def _send_with_token(self, method: str, path: str, arguments: dict[str, Any]) -> httpx.Response:
        response = self._send_once(method, path, arguments)
        if response.status_code == 401:
            self._token.discard()
            response = self._send_once(method, path, arguments)
        # A refusal of this service itself says nothing about its caller, who is allowed to make the request.
        if response.status_code >= 500 or response.status_code in (401, 403):
            raise _Unavailable(f"status {response.status_code}")
        return response

    def _send_once(self, method: str, path: str, arguments: dict[str, Any]) -> httpx.Response:
        # Outside the circuit of the peer, which does not count outages of auth.
        headers = {"Authorization": f"Bearer {self._token.get()}"} | tracing.outgoing_headers()
        if request_id := logs.bound("request_id"):
            headers["X-Request-Id"] = request_id
        more = {**arguments, "headers": headers | arguments.get("headers", {})}
        with circuit_breaker.guarded(self._circuit, _circuit_open):
            return _send(lambda: self._client.request(method, self._base_url + path, **more))


def _send(request: Callable[[], httpx.Response]) -> httpx.Response:
    """The response with any status. Raises _Outage without one, or when the peer as a whole is unavailable."""
    try:
        response = request()
    except httpx.TransportError as error:
        kind = _TimedOut if isinstance(error, httpx.TimeoutException) else _Outage
        raise kind(type(error).__name__) from error
    # Any other 5xx may be a fault of one operation only.
    if response.status_code in (502, 503, 504):
        raise _Outage(f"status {response.status_code}")
    return response


class _Network:
    """The HTTP client of this process, its access token, and a client for each peer."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.token = _AccessToken(client)
        self._peers: dict[str, Peer] = {}

    def peer(self, name: str) -> Peer:
        if name not in self._peers:
            url = settings().peer_urls.get(name)
            if url is None:
                raise ServiceUnavailable(f"The URL of {name} is not set. Set RECLOTHES_PEER_{name.upper()}_URL.")
            self._peers.setdefault(name, Peer(name, url, self._client, self.token))
        return self._peers[name]


@per_process
def _network() -> _Network:
    ca_file = settings().ca_file
    verify = ssl.create_default_context(cafile=ca_file) if ca_file else True
    limits = httpx.Limits(max_keepalive_connections=20)
    return _Network(httpx.Client(verify=verify, timeout=TIMEOUT, limits=limits))


def set_transport(transport: httpx.BaseTransport) -> None:
    """Send all calls over `transport` instead of the network (for tests)."""
    _network.use(_Network(httpx.Client(transport=transport, timeout=TIMEOUT)))


def peer(name: str) -> Peer:
    """The client for another service, by its name."""
    return _network().peer(name)
