"""Calls to other services: client-credentials JWT, time-out, retries, a circuit breaker for each peer."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx
import stamina

from libs.chassis import circuit_breaker, clock_drift, logs, metrics, tracing
from libs.chassis.problems import Problem, Unavailable
from libs.chassis.settings import settings

TIMEOUT = httpx.Timeout(3.0, connect=1.0)
TOKEN_LEEWAY_SECONDS = 30


class ServiceUnavailable(Unavailable):
    slug, title = "service-unavailable", "Another part of ReClothes is away for now"


class ServiceProblem(Problem):
    """A peer's refusal, with its problem document."""

    def __init__(self, response: httpx.Response) -> None:
        document = _document_of(response)
        self.status = response.status_code
        self.slug = str(document.get("type", "")).rpartition("/")[2] or "peer-refused"
        self.title = document.get("title", "Another part of ReClothes refused")
        super().__init__(document.get("detail", ""))
        self.document = document


def _document_of(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


class _Away(Exception):
    """The peer did not answer, failed, or does not let this service in."""


class _Failed(_Away):
    """The peer as a whole is unreachable or overloaded, which its circuit counts."""


class _Hangs(_Failed):
    """The peer did not answer in time; another try would wait for as long again."""


class _Refused(_Away):
    """The circuit is open."""


def _is_worth_retrying(error: Exception) -> bool:
    return isinstance(error, _Away) and not isinstance(error, _Hangs | _Refused)


def _circuit(name: str) -> circuit_breaker.Circuit:
    return circuit_breaker.breaker(
        name, lambda error: isinstance(error, _Failed) or None, failures=5, reset_seconds=5.0
    )


def _refused() -> _Refused:
    return _Refused("the circuit is open")


@dataclass
class _Token:
    value: str = ""
    expires_at: float = 0.0
    failed_at: float = float("-inf")
    failed_with: type[_Away] = _Away


class Peer:
    """One other service."""

    def __init__(self, name: str, base_url: str, client: httpx.Client) -> None:
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._client = client
        self._circuit = _circuit(name)

    @property
    def name(self) -> str:
        return self._name

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self._call("GET", path, True, **arguments)

    def post(
        self, path: str, *, json: Any = None, idempotency_key: str | None = None, repeatable: bool = False
    ) -> httpx.Response:
        """POST; tried again on a fault only with a key, or when the operation is `repeatable` by its nature."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._call("POST", path, bool(idempotency_key) or repeatable, json=json, headers=headers)

    def delete(self, path: str) -> httpx.Response:
        return self._call("DELETE", path, True)

    def _call(self, method: str, path: str, repeatable: bool, **arguments: Any) -> httpx.Response:
        attempts = 3 if repeatable else 1
        try:
            for attempt in stamina.retry_context(
                on=_is_worth_retrying,
                attempts=attempts,
                timeout=6.0,
                wait_initial=0.1,
                wait_max=1.0,
                wait_jitter=0.2,
            ):
                with attempt:
                    response = self._send(method, path, arguments)
        except _Away as error:
            metrics.PEER_CALLS.labels(self._name, "away").inc()
            logs.get_logger(__name__).warning("peer away", peer=self._name, reason=str(error))
            raise ServiceUnavailable(f"{self._name} does not answer; try again in a moment") from None
        metrics.PEER_CALLS.labels(self._name, str(response.status_code)).inc()
        if response.status_code >= 400:
            raise ServiceProblem(response)
        return response

    def _send(self, method: str, path: str, arguments: dict[str, Any]) -> httpx.Response:
        response = self._send_once(method, path, arguments)
        if response.status_code == 401:
            _token.expires_at = 0.0
            response = self._send_once(method, path, arguments)
        # A refusal of this service itself is no answer to its caller, who is allowed what it asked for.
        if response.status_code >= 500 or response.status_code in (401, 403):
            raise _Away(f"answered {response.status_code}")
        return response

    def _send_once(self, method: str, path: str, arguments: dict[str, Any]) -> httpx.Response:
        # Before the circuit of the peer, which is not to blame for auth.
        headers = {"Authorization": f"Bearer {_access_token(self._client)}"} | tracing.outgoing_headers()
        if request_id := logs.bound("request_id"):
            headers["X-Request-Id"] = request_id
        more = {**arguments, "headers": headers | arguments.get("headers", {})}
        with circuit_breaker.guarded(self._circuit, _refused):
            return _answer_of(lambda: self._client.request(method, self._base_url + path, **more))


def _answer_of(request: Callable[[], httpx.Response]) -> httpx.Response:
    """The response, whatever its status; _Failed when nothing responds or it says that all of it is unavailable."""
    try:
        response = request()
    except httpx.TransportError as error:
        kind = _Hangs if isinstance(error, httpx.TimeoutException) else _Failed
        raise kind(type(error).__name__) from error
    # Another 5xx may be the fault of one operation, and the peer's others work.
    if response.status_code in (502, 503, 504):
        raise _Failed(f"answered {response.status_code}")
    return response


_token = _Token()
_asking = threading.Lock()
_token_circuit = _circuit("auth's tokens")


def _access_token(client: httpx.Client) -> str:
    """This service's own token by client credentials (RFC 6749, 4.4), kept until shortly before it expires.

    One thread asks for it; the others wait for that answer, and fail with it.
    """
    began = time.monotonic()
    if began < _token.expires_at:
        return _token.value
    with _asking:
        if time.monotonic() < _token.expires_at:
            return _token.value
        if _token.failed_at > began:
            raise _token.failed_with("auth did not answer another one who asked")
        return _new_token(client)


def _new_token(client: httpx.Client) -> str:
    chosen = settings()
    address = chosen.peer_urls["auth"] + "/auth/v1/token"
    try:
        with circuit_breaker.guarded(_token_circuit, _refused):
            answer = _answer_of(
                lambda: client.post(
                    address,
                    data={"grant_type": "client_credentials"},
                    auth=(chosen.client_id, chosen.client_secret),
                )
            )
        if not answer.is_success:
            raise _Away(f"answered {answer.status_code}")
    except _Away as error:
        _token.failed_at, _token.failed_with = time.monotonic(), type(error)
        raise type(error)(f"auth: {error}") from error
    clock_drift.note("auth", answer.headers.get("date"))
    document = answer.json()
    _token.value = document["access_token"]
    _token.expires_at = time.monotonic() + document["expires_in"] - TOKEN_LEEWAY_SECONDS
    return _token.value


_transport: httpx.BaseTransport | None = None


def set_transport(transport: httpx.BaseTransport | None) -> None:
    """Send all calls to `transport` (for tests); None goes back to the network."""
    global _transport, _token
    _transport, _token = transport, _Token()
    _token_circuit.set(is_open=False)
    _peer.cache_clear()
    _shared_client.cache_clear()


@lru_cache(maxsize=1)
def _shared_client() -> httpx.Client:
    if _transport is not None:
        return httpx.Client(transport=_transport, timeout=TIMEOUT)
    ca_file = settings().ca_file
    verify = ssl.create_default_context(cafile=ca_file) if ca_file else True
    return httpx.Client(verify=verify, timeout=TIMEOUT, limits=httpx.Limits(max_keepalive_connections=20))


@lru_cache(maxsize=8)
def _peer(name: str) -> Peer:
    url = settings().peer_urls.get(name)
    if url is None:
        raise ServiceUnavailable(f"the address of {name} is not set (RECLOTHES_PEER_{name.upper()}_URL)")
    return Peer(name, url, _shared_client())


def peer(name: str) -> Peer:
    """Another service by its name."""
    return _peer(name)
