"""Circuit breakers: after failures in a row a dependency is not called for a while, so that nobody waits for it.

A dependency that hangs costs its deadline; the table in docs/development.md ("Deadlines") has all of them. Once its
circuit is open, each call fails immediately with the error of a refused connection, and the caller's fallback is
the same for both. After `RESET_SECONDS` the next call tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pybreaker

from libs.chassis import logs, metrics

FAILURES = 3
RESET_SECONDS = 2.0


class _Listener(pybreaker.CircuitBreakerListener):
    """Logs and counts each change between open and closed."""

    def state_change(self, cb: Any, _old_state: Any, new_state: Any) -> None:
        logs.get_logger(__name__).warning("circuit", dependency=cb.name, state=new_state.name)
        if new_state.name == pybreaker.STATE_OPEN:
            metrics.CIRCUITS_OPENED.labels(cb.name).inc()


def breaker(name: str, is_failure: Callable[[BaseException], bool]) -> pybreaker.CircuitBreaker:
    """A circuit breaker that counts the errors for which `is_failure` holds; any other one is a response."""
    return pybreaker.CircuitBreaker(
        fail_max=FAILURES,
        reset_timeout=RESET_SECONDS,
        exclude=[lambda error: not is_failure(error)],
        listeners=[_Listener()],
        name=name,
        throw_new_error_on_trip=False,
    )


@contextmanager
def guarded(circuit: pybreaker.CircuitBreaker, refusal: Callable[[], Exception]) -> Iterator[None]:
    """Run the block, also one with `await` in it; raises `refusal()` while the circuit is open.

    By `calling`, because pybreaker's `call` lets one thread at a time through.
    """
    try:
        with circuit.calling():
            yield
    except pybreaker.CircuitBreakerError:
        raise refusal() from None
