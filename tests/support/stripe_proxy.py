"""A proxy in front of localstripe that adds what it lacks, and what goes wrong.

It honours Idempotency-Key as the provider does: the same key gets the first answer again, a failure too
(https://docs.stripe.com/api/idempotent_requests). A fault is ordered for the next calls of a kind.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx

Kind = Literal["500_before", "500_after", "reset_before", "reset_after", "time_out", "429", "declined", "refused"]
FAILURE = (500, json.dumps({"error": {"type": "api_error", "message": "Something went wrong."}}).encode())
TOO_MANY = (429, json.dumps({"error": {"type": "invalid_request_error", "code": "rate_limit"}}).encode())
LONGER_THAN_ANY_TIMEOUT = 5.0

CALLS = {
    "create": r"POST /v1/payment_intents$",
    "confirm": r"POST /v1/payment_intents/\w+/confirm$",
    "capture": r"POST /v1/payment_intents/\w+/capture$",
    "cancel": r"POST /v1/payment_intents/\w+/cancel$",
    "refund": r"POST /v1/refunds$",
    "read": r"GET /v1/payment_intents/\w+$",
    "list_refunds": r"GET /v1/refunds$",
}
Answer = tuple[int, bytes]


@dataclass
class Fault:
    """What goes wrong with the next `times` calls that match; `code` is the bank's when a card is declined."""

    kind: Kind
    pattern: str
    times: int
    code: str = ""


@dataclass
class StripeProxy:
    """Where it listens, what it is to do wrong, and what it was asked."""

    upstream: str
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self, kind: Kind, call: str, *, times: int = 1, code: str = "") -> None:
        """Let the next `times` of these calls go wrong."""
        self.faults.append(Fault(kind, CALLS[call], times, code))

    def behave(self) -> None:
        self.faults.clear()
        self.asked.clear()

    def count(self, call: str) -> int:
        return sum(1 for line in self.asked if re.match(CALLS[call], line))

    def fault_for(self, line: str) -> Fault | None:
        with self._lock:
            self.asked.append(line)
            found = next((fault for fault in self.faults if fault.times and re.match(fault.pattern, line)), None)
            if found is not None:
                found.times -= 1
            return found

    def remember(self, key: str | None, answer: Answer) -> Answer:
        if key is None or answer[0] in (409, 429):
            return answer
        with self._lock:
            return self.answers.setdefault(key, answer)


class _Handler(BaseHTTPRequestHandler):
    proxy: StripeProxy
    client: httpx.Client
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _pass_on(self, body: bytes) -> None:
        fault = self.proxy.fault_for(f"{self.command} {self.path.partition('?')[0]}")
        kind = fault.kind if fault else None
        if kind == "reset_before":
            self._hang_up()
            return
        answer = self._answer(kind, fault.code if fault else "", body)
        if kind == "time_out":
            self.proxy.stopped.wait(LONGER_THAN_ANY_TIMEOUT)
        if kind in ("time_out", "reset_after"):
            self._hang_up()
        else:
            self._send(answer)

    def _answer(self, kind: str | None, code: str, body: bytes) -> Answer:
        key = self.headers.get("Idempotency-Key")
        if key in self.proxy.answers:
            return self.proxy.answers[key]
        if kind == "429":
            return TOO_MANY
        if kind == "500_before":
            return self.proxy.remember(key, FAILURE)
        if kind == "declined":
            return self.proxy.remember(key, _declined(code))
        if kind == "refused":
            return self.proxy.remember(key, _refused(code))
        done = self._forward(body)
        return self.proxy.remember(key, FAILURE if kind == "500_after" else done)

    def _forward(self, body: bytes) -> Answer:
        kept = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
        got = self.client.request(self.command, self.proxy.upstream + self.path, content=body, headers=kept)
        return got.status_code, got.content

    def _send(self, answer: Answer) -> None:
        status, body = answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        with suppress(ConnectionError):  # it did not wait for the answer
            self.end_headers()
            self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: the tests say what went wrong."""


def _declined(code: str) -> Answer:
    own_kind = code in ("expired_card", "incorrect_cvc", "incorrect_number", "processing_error")
    error = {
        "type": "card_error",
        "code": code if own_kind else "card_declined",
        "message": "Your card was declined.",
    }
    if not own_kind:
        error["decline_code"] = code
    return 402, json.dumps({"error": error}).encode()


def _refused(code: str) -> Answer:
    return 400, json.dumps({"error": {"type": "invalid_request_error", "code": code}}).encode()


@contextmanager
def stripe_proxy(upstream: str) -> Iterator[StripeProxy]:
    """A proxy on a free port, gone afterwards."""
    proxy = StripeProxy(upstream)
    with httpx.Client(timeout=10) as client:
        handler = type("_BoundHandler", (_Handler,), {"proxy": proxy, "client": client})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.stopped.set()
            server.shutdown()
            server.server_close()
            thread.join(5)
