"""/livez says that the process answers; /readyz that what it cannot do without is there."""

from __future__ import annotations

from collections.abc import Callable

_checks: dict[str, Callable[[], None]] = {}


def register(name: str, check: Callable[[], None]) -> None:
    """Add a check to /readyz: it raises when what it looks for is away. Twice by one name is once."""
    _checks[name] = check


def report() -> tuple[bool, dict[str, str]]:
    """Whether all is there, and per check "ok" or the kind of error (no addresses, no secrets)."""
    results = {}
    for name, check in _checks.items():
        try:
            check()
            results[name] = "ok"
        except Exception as error:
            results[name] = type(error).__name__
    return all(result == "ok" for result in results.values()), results
