"""The bridge from ASGI to Flask: one executor call a request instead of one a message.

a2wsgi, which Connexion brings, makes a blocking round trip to the event loop for each message. Here the request
body is read first and the answer is joined before it is sent; docs/decisions/0002 has the figures. An answer
without a Content-Length, which is one that Flask streams, is passed on chunk by chunk.
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
    """An ASGI application around a WSGI one, with `threads` requests at work at a time."""

    def __init__(self, wsgi_app: Callable[..., Iterable[bytes]], threads: int = 16) -> None:
        self.app = wsgi_app
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Any], send: Send) -> None:
        body = await _read_body(receive)
        environ = build_environ(cast(Any, scope), cast(Any, io.BytesIO(body)))
        environ["CONTENT_LENGTH"] = str(len(body))
        loop = asyncio.get_running_loop()
        call = contextvars.copy_context().run
        answer = await loop.run_in_executor(self._executor, call, self._run, environ, loop, send)
        if answer is not None:
            status, headers, content = answer
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
    def pass_on(message: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(send(message), loop).result()

    pass_on({"type": "http.response.start", "status": status, "headers": headers})
    for chunk in chunks:
        pass_on({"type": "http.response.body", "body": chunk, "more_body": True})
    pass_on({"type": "http.response.body", "body": b""})
