"""Which redirect URIs a client may register and use (RFC 8252, RFC 9700)."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")


def is_safe_redirect_uri(uri: str) -> bool:
    """Return whether the URI uses https (RFC 9700, 2.1) or a loopback address, for native apps (RFC 8252, 8.3)."""
    parts = _split(uri)
    if parts is None or not parts.hostname or parts.fragment or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or _is_loopback(parts)


def redirect_uri_matches(registered: str, requested: str) -> bool:
    """Return whether the URIs are equal, except for the port of a loopback address (RFC 8252, 7.3)."""
    if registered == requested:
        return True
    expected, actual = _split(registered), _split(requested)
    if expected is None or actual is None or not (_is_loopback(expected) and _is_loopback(actual)):
        return False
    if "#" in requested or "@" in actual.netloc:
        return False
    return (expected.hostname, expected.path, expected.query) == (actual.hostname, actual.path, actual.query)


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in LOOPBACK_ADDRESSES


def _split(uri: str) -> SplitResult | None:
    """Return the parts of a URI, or None for text that is no URI or has an invalid port."""
    try:
        parts = urlsplit(uri)
        return parts if parts.port != 0 else None
    except ValueError:
        return None
