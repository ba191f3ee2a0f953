"""Errors as problem documents (RFC 9457). Domain code raises them, and the chassis converts them to responses.

This module imports no web framework, so that domain modules depend only on the kind of error:
`class ProductUnavailable(Conflict): slug = "product-unavailable"`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TYPE_BASE = "https://docs.reclothes.example/problems/"
MEDIA_TYPE = "application/problem+json"


MAX_ERRORS = 20  # as in openapi/components/schemas.yaml


class Problem(Exception):
    """An error that the client gets: `slug` and `title` are stable, `detail` describes this occurrence.

    `errors` has the places and reasons of an invalid request: `[{"pointer": "/items/0/price", "detail": "…"}]`.
    """

    status = 500
    slug = "internal-error"
    title = "Internal error"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = list(errors) if errors else None
        self.headers = dict(headers or {})
        self.extensions = extensions

    def to_dict(self, instance: str | None = None) -> dict[str, Any]:
        """The problem document; `instance` is the id of the request."""
        document: dict[str, Any] = {
            "type": TYPE_BASE + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if instance:
            document["instance"] = f"urn:reclothes:request:{instance}"
        if self.errors:
            document["errors"] = [dict(error) for error in self.errors[:MAX_ERRORS]]
        return document | self.extensions


class BadRequest(Problem):
    status, slug, title = 400, "bad-request", "The request does not match the contract"


class Unauthenticated(Problem):
    status, slug, title = 401, "unauthenticated", "A valid access token is required"

    def __init__(self, detail: str = "", **arguments: Any) -> None:
        super().__init__(detail, **arguments)
        self.headers.setdefault("WWW-Authenticate", 'Bearer realm="reclothes"')


class PaymentRequired(Problem):
    status, slug, title = 402, "payment-required", "The payment did not succeed"


class Forbidden(Problem):
    status, slug, title = 403, "forbidden", "This account does not have permission"


class MissingScope(Forbidden):
    """The token lacks a scope. The response has the required scopes (RFC 6750, 3.1), not those of the token."""

    def __init__(self, needed: Iterable[str], held: Iterable[str]) -> None:
        lacking = sorted(set(needed) - set(held))
        noun = "scope" if len(lacking) == 1 else "scopes"
        challenge = f'Bearer realm="reclothes", error="insufficient_scope", scope="{" ".join(sorted(needed))}"'
        super().__init__(
            f"the token lacks the {noun} {', '.join(lacking)}",
            headers={"WWW-Authenticate": challenge},
            missing_scopes=lacking,
        )


class NotFound(Problem):
    status, slug, title = 404, "not-found", "Not found"


class MethodNotAllowed(Problem):
    status, slug, title = 405, "method-not-allowed", "Method not allowed"


class Conflict(Problem):
    status, slug, title = 409, "conflict", "The current state does not allow this"


class Gone(Problem):
    status, slug, title = 410, "gone", "No longer valid"


class PreconditionFailed(Problem):
    status, slug, title = 412, "precondition-failed", "The resource was changed meanwhile"


class PayloadTooLarge(Problem):
    status, slug, title = 413, "payload-too-large", "The request is too large"


class UnsupportedMediaType(Problem):
    status, slug, title = 415, "unsupported-media-type", "Unsupported media type"


class Unprocessable(Problem):
    status, slug, title = 422, "unprocessable", "The request cannot be processed"


class PreconditionRequired(Problem):
    status, slug, title = 428, "precondition-required", "The header If-Match is required"


class TooManyRequests(Problem):
    status, slug, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, detail: str = "", *, retry_after: int = 1, **arguments: Any) -> None:
        super().__init__(detail, **arguments)
        self.headers.setdefault("Retry-After", str(retry_after))


class Unavailable(Problem):
    """A dependency of this operation is unavailable; `retry_after` in seconds."""

    status, slug, title = 503, "unavailable", "Temporarily unavailable"

    def __init__(self, detail: str = "", *, retry_after: int = 2, **arguments: Any) -> None:
        super().__init__(detail, **arguments)
        self.headers.setdefault("Retry-After", str(retry_after))
