"""Servers behind a gateway under test: a service that returns the received request, and an authorizer."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

ISSUER = "https://auth.shop.example"
AUDIENCE = "reclothes"
SIGN_IN_HINT = 'Bearer realm="reclothes", error="invalid_token"'


@dataclass
class ReceivedRequest:
    """One request as it arrived."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class StubResponse:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class StubServer:
    """A TLS server whose responses come from a function; it records the requests."""

    def __init__(
        self, context: ssl.SSLContext, respond: Callable[[ReceivedRequest], StubResponse], port: int = 0
    ) -> None:
        self.requests: list[ReceivedRequest] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # A browser's library would wait for the rest of a packet otherwise.
            disable_nagle_algorithm = True

            def handle_any(handler) -> None:  # noqa: N805 `self` is the server
                length = int(handler.headers.get("content-length") or 0)
                seen = ReceivedRequest(
                    handler.command, handler.path, list(handler.headers.items()), handler.rfile.read(length)
                )
                self.requests.append(seen)
                reply = respond(seen)
                handler.send_response(reply.status)
                for name, value in reply.headers.items():
                    handler.send_header(name, value)
                handler.send_header("content-length", str(len(reply.body)))
                handler.end_headers()
                handler.wfile.write(reply.body)

            def log_message(handler, *_: Any) -> None:  # noqa: N805
                pass

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
            setattr(Handler, f"do_{method}", Handler.handle_any)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def echo(seen: ReceivedRequest) -> StubResponse:
    """Return the received request, with headers that reveal the software."""
    body = json.dumps({"method": seen.method, "path": seen.path, "headers": seen.headers}).encode()
    headers = {"content-type": "application/json", "server": "software/1.0", "x-powered-by": "software"}
    return StubResponse(200, headers, body)


class Authorizer:
    """Exchanges the token "good" for a JWT; other tokens select a failure."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256", "use": "sig"})
        self.published = [self.key]
        self.stranger = ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256", "use": "sig"})

    def jwt(self, key: ECKey | None = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "usr_1", "iat": now, "exp": now + 300} | changes
        signing = key or self.key
        return jwt.encode({"alg": "ES256", "kid": signing.kid}, claims, signing)

    def __call__(self, seen: ReceivedRequest) -> StubResponse:
        if seen.path == "/auth/v1/jwks":
            keys = KeySet(list(self.published)).as_dict(private=False)
            return StubResponse(200, {"content-type": "application/json"}, json.dumps(keys).encode())
        if not seen.path.startswith("/exchange/external/"):
            return echo(seen)
        token = (seen.all("authorization") or [""])[0].removeprefix("Bearer ")
        return self._exchanged(token)

    def _exchanged(self, token: str) -> StubResponse:
        # Throttles are by token, so tests use their own tokens: "good-…".
        if token.startswith("good"):
            time.sleep(1.2 if token == "good-slow" else 0)
            return StubResponse(200, {"authorization": f"Bearer {self.jwt()}", "x-user-id": "usr_1"})
        wrong = {
            "exchange-gives-nothing": StubResponse(200),
            "exchange-gives-garbage": StubResponse(200, {"authorization": "Bearer not.a.jwt"}),
            "exchange-gives-expired": self._bearer(exp=int(time.time()) - 90),
            "exchange-gives-other-issuer": self._bearer(iss="https://somebody.else"),
            "exchange-gives-other-audience": self._bearer(aud="somebody-else"),
            "exchange-gives-strange-key": self._bearer(self.stranger),
            "breaks": StubResponse(500),
            "wrong-kind": StubResponse(403, {"content-type": "text/plain"}, b"a detail of the inside"),
        }
        unknown = StubResponse(401, {"www-authenticate": SIGN_IN_HINT, "x-secret": "inside"}, b"inside")
        return wrong.get(token, unknown)

    def _bearer(self, key: ECKey | None = None, **changes: Any) -> StubResponse:
        return StubResponse(200, {"authorization": f"Bearer {self.jwt(key, **changes)}"})
