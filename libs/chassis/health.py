"""/livez reports that the process responds; /readyz that its dependencies are available."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A check of /readyz: `run` raises when the dependency is unavailable.

    Without a dependency that is not needed the service is still ready, and /readyz shows the failure.
    """

    name: str
    run: Callable[[], None]
    is_needed: bool = True


def report(checks: Iterable[Check]) -> tuple[bool, dict[str, str]]:
    """Whether all needed checks pass, and "ok" or the type of the error (no addresses, no secrets) for each."""
    results, is_ready = {}, True
    for check in checks:
        try:
            check.run()
            results[check.name] = "ok"
        except Exception as error:
            results[check.name] = type(error).__name__
            is_ready = is_ready and not check.is_needed
    return is_ready, results
