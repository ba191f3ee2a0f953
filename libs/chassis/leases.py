"""Leases that are renewed while their holder runs, so that those of a killed process expire soon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from libs.chassis import logs

T = TypeVar("T", bound=Hashable)


class Leases(Generic[T]):
    """Calls `renew` every `seconds` for each held lease, in one thread that runs while there are any."""

    def __init__(self, renew: Callable[[T], None], seconds: float) -> None:
        self._renew = renew
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: dict[T, float] = {}
        self._thread: threading.Thread | None = None

    def hold(self, lease: T) -> None:
        with self._lock:
            self._held[lease] = time.monotonic()
            if self._thread is None or not self._thread.is_alive():  # a fork has no threads of its parent
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def drop(self, lease: T) -> None:
        with self._lock:
            self._held.pop(lease, None)

    def _run(self) -> None:
        while True:
            time.sleep(self._seconds)
            with self._lock:
                if not self._held:
                    self._thread = None
                    return
                long_ago = time.monotonic() - self._seconds
                due = [lease for lease, since in self._held.items() if since <= long_ago]
            for lease in due:
                self._renew_quietly(lease)

    def _renew_quietly(self, lease: T) -> None:
        try:
            self._renew(lease)
        except Exception as error:
            logs.get_logger(__name__).warning("lease not renewed", reason=type(error).__name__)
