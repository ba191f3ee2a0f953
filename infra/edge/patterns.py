"""Regular expressions of the web ACL, made from paths and lengths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

LONGEST_PATTERN = 480  # WAF takes 512 characters


def paths_pattern(paths: Sequence[str]) -> list[str]:
    """Patterns that match these paths of a contract and nothing else, few and each short enough for WAF."""
    return [f"^(?:{joined})/?$" for joined in _joined(sorted({path_pattern(path) for path in paths}))]


def path_pattern(path: str) -> str:
    """A path with parameters as a pattern, without anchors: a parameter is one segment."""
    return re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)).replace("\\-", "-")


def _joined(patterns: Sequence[str]) -> Iterator[str]:
    joined = ""
    for pattern in patterns:
        if joined and len(joined) + len(pattern) + 10 > LONGEST_PATTERN:
            yield joined
            joined = ""
        joined = f"{joined}|{pattern}" if joined else pattern
    yield joined


def longer_than(number: int) -> str:
    """A pattern of the decimal numbers above `number`, for the header Content-Length."""
    digits = str(number)
    ways = [f"[0-9]{{{len(digits) + 1},}}"]
    for at, digit in enumerate(digits):
        if digit != "9":
            rest = len(digits) - at - 1
            ways.append(f"{digits[:at]}[{int(digit) + 1}-9]" + (f"[0-9]{{{rest}}}" if rest else ""))
    return f"^0*(?:{'|'.join(ways)})$"
