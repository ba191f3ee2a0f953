"""Circuit breakers: after consecutive failures a dependency is not called for a while, so that no request waits.

A call to a dependency that hangs takes its deadline; docs/development.md ("Deadlines") lists all of them. While the
circuit is open, each call fails immediately with the error of a refused connection, so that callers need one
fallback. After `RESET_SECONDS` one trial call is allowed, and the others still fail until it succeeds.

Not pybreaker: it counts a cancelled call as a success, and lets every thread try at the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from libs.chassis import logs, metrics

FAILURES = 3
RESET_SECONDS = 2.0

IsFailure = Callable[[BaseException], bool | None]


@dataclass(eq=False)
class Circuit:
    """The state of one dependency; safe for threads and for the event loop.

    A call belongs to the epoch in which it began. Each change of the state begins an epoch, so that calls of an
    older epoch change nothing.
    """

    name: str
    is_failure: IsFailure
    failures_to_open: int
    reset_seconds: float
    _failures: int = 0
    _opened_at: float | None = None
    _has_trial: bool = False
    _epoch: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_open(self) -> bool:
        return self._opened_at is not None

    def admit(self) -> int | None:
        """The epoch of a call that may begin now, or None; an open circuit allows one trial at a time."""
        with self._lock:
            if self._opened_at is None:
                return self._epoch
            if self._has_trial or time.monotonic() < self._opened_at + self.reset_seconds:
                return None
            self._has_trial = True
            return self._epoch

    def record(self, epoch: int | None, failed: bool | None) -> None:
        """Record the result of a call; None when it says nothing about the dependency."""
        with self._lock:
            if epoch != self._epoch:
                return
            self._has_trial = False
            if failed:
                self._failures += 1
                if self.is_open or self._failures >= self.failures_to_open:
                    self._set(is_open=True)
            elif failed is False:
                self._failures = 0
                if self.is_open:
                    self._set(is_open=False)

    def set(self, *, is_open: bool) -> None:
        """Open or close the circuit as another monitor of the dependency reports."""
        with self._lock:
            if is_open != self.is_open:
                self._set(is_open=is_open)

    def _set(self, *, is_open: bool) -> None:
        if is_open != self.is_open:
            state = "open" if is_open else "closed"
            logs.get_logger(__name__).warning("circuit", dependency=self.name, state=state)
            if is_open:
                metrics.CIRCUITS_OPENED.labels(self.name).inc()
        self._opened_at = time.monotonic() if is_open else None
        self._failures, self._has_trial = 0, False
        self._epoch += 1


def breaker(
    name: str, is_failure: IsFailure, *, failures: int | None = None, reset_seconds: float | None = None
) -> Circuit:
    """A closed circuit that counts the errors for which `is_failure` returns True.

    False stands for a response, and None for an error that says nothing about the dependency.
    """
    return Circuit(name, is_failure, failures or FAILURES, reset_seconds or RESET_SECONDS)


@contextmanager
def guarded(circuit: Circuit, refusal: Callable[[], Exception], *, resets: bool = True) -> Iterator[int]:
    """Run the block, also with `await`, and yield its epoch. Raises `refusal()` while the circuit is open.

    A cancelled block is not counted. Without `resets` a success closes an open circuit, but does not reset the
    failures of a closed one.
    """
    epoch = circuit.admit()
    if epoch is None:
        raise refusal()
    failed: bool | None = None
    try:
        yield epoch
        failed = False if resets or circuit.is_open else None
    except Exception as error:
        failed = circuit.is_failure(error)
        raise
    finally:
        circuit.record(epoch, failed)


_THROTTLING = frozenset({"Throttling", "ThrottlingException", "RequestThrottled", "SlowDown", "TooManyRequests"})


def is_aws_outage(error: BaseException) -> bool | None:
    """Whether a service of AWS is unreachable, fails or throttles; None for an error of another cause."""
    from botocore import exceptions

    if isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError):
        return True
    if not isinstance(error, exceptions.ClientError):
        return None
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or status == 429 or error.response.get("Error", {}).get("Code") in _THROTTLING
