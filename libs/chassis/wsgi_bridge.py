"""The bridge from ASGI to Flask: one executor call per request.

a2wsgi, which Connexion uses, makes a blocking round trip to the event loop for each message. Here the request body
is read first, and the response is joined before it is sent; docs/decisions/0002 has measurements. A response
without a Content-Length, which Flask streams, is sent chunk by chunk.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from a2wsgi.wsgi import build_environ

Send = Callable[[dict[str, Any]], Any]
Headers = list[tuple[bytes, bytes]]


class BufferedBridge:
    """An ASGI application around a WSGI application, with up to `threads` concurrent requests."""

    def __init__(self, wsgi_app: Callable[..., Iterable[bytes]], threads: int = 16) -> None:
        self.app = wsgi_app
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Any], send: Send) -> None:
        body = await _read_body(receive)
        environ = build_environ(cast(Any, scope), cast(Any, io.BytesIO(body)))
        environ["CONTENT_LENGTH"] = str(len(body))
        loop = asyncio.get_running_loop()
        call = contextvars.copy_context().run
        response = await loop.run_in_executor(self._executor, call, self._run, environ, loop, send)
        if response is not None:
            status, headers, content = response
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})

    def _run(self, environ: Any, loop: asyncio.AbstractEventLoop, send: Send) -> tuple[int, Headers, bytes] | None:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started[:] = [int(status.split(" ", 1)[0]), _encode(headers)]
            return lambda _chunk: None

        chunks = self.app(environ, start_response)
        try:
            if any(name == b"content-length" for name, _ in started[1]):
                return started[0], started[1], b"".join(chunks)
            _stream(chunks, started[0], started[1], loop, send)
            return None
        finally:
            getattr(chunks, "close", lambda: None)()


async def _read_body(receive: Callable[[], Any]) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _encode(headers: list[tuple[str, str]]) -> Headers:
    return [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers]


def _stream(
    chunks: Iterable[bytes], status: int, headers: Headers, loop: asyncio.AbstractEventLoop, send: Send
) -> None:
    def send_now(message: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(send(message), loop).result()

    send_now({"type": "http.response.start", "status": status, "headers": headers})
    for chunk in chunks:
        send_now({"type": "http.response.body", "body": chunk, "more_body": True})
    send_now({"type": "http.response.body", "body": b""})
