"""/livez says that the process answers; /readyz that what it cannot do without is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class _Check:
    look: Callable[[], None]
    is_needed: bool


_checks: dict[str, _Check] = {}


def register(name: str, check: Callable[[], None], *, is_needed: bool = True) -> None:
    """Add a check to /readyz: it raises when what it looks for is away. Twice by one name is once.

    Without what is not needed the service still answers much: /readyz shows it, and stays ready.
    """
    _checks[name] = _Check(check, is_needed)


def report() -> tuple[bool, dict[str, str]]:
    """Whether all that is needed is there, and per check "ok" or the kind of error (no addresses, no secrets)."""
    results, is_ready = {}, True
    for name, check in _checks.items():
        try:
            check.look()
            results[name] = "ok"
        except Exception as error:
            results[name] = type(error).__name__
            is_ready = is_ready and not check.is_needed
    return is_ready, results
