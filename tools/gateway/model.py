"""One gateway, with everything resolved: what every output (Envoy, an API Gateway import) is made from."""

from __future__ import annotations

from dataclasses import dataclass

from tools.gateway.contracts import Operation


@dataclass(frozen=True)
class Rate:
    """A token bucket: `burst` requests at once, refilled by `requests_per_second`."""

    requests_per_second: float
    burst: int


@dataclass(frozen=True)
class Throttle:
    """The limits of one throttle class; each client address and each access token has its own buckets."""

    name: str
    per_address: Rate
    per_token: Rate | None


@dataclass(frozen=True)
class Authorizer:
    """The service that gives a JWT for an opaque token, and where its keys are."""

    service: str
    exchange_path: str
    jwks_path: str
    timeout_seconds: float


@dataclass(frozen=True)
class Cors:
    """Which web pages a browser lets read the answers."""

    allowed_origins: tuple[str, ...]
    max_age_seconds: int


@dataclass(frozen=True)
class Timeouts:
    """How long a gateway waits for clients and for services, in seconds."""

    client_headers_seconds: float
    client_request_seconds: float
    client_idle_seconds: float
    service_connect_seconds: float
    service_answer_seconds: float


@dataclass(frozen=True)
class Limits:
    """What one gateway process takes at most."""

    connections: int
    connections_per_address: int
    requests_per_service: int
    header_kilobytes: int
    headers: int


@dataclass(frozen=True)
class Exposed:
    """An operation as a gateway exposes it."""

    operation: Operation
    needs_token: bool
    throttle: Throttle
    body_limit_bytes: int


@dataclass(frozen=True)
class Gateway:
    """One gateway and all that is reachable through it."""

    name: str
    host_names: tuple[str, ...]
    source_ranges: tuple[str, ...]
    authorizer: Authorizer
    cors: Cors
    timeouts: Timeouts
    limits: Limits
    throttles: tuple[Throttle, ...]
    refusals_throttle: Throttle
    refusals_body_limit_bytes: int
    exposed: tuple[Exposed, ...]

    @property
    def services(self) -> tuple[str, ...]:
        """The services that must be known to reach everything, the authorizer's included."""
        names = {exposed.operation.service for exposed in self.exposed}
        return tuple(sorted(names | {self.authorizer.service}))

    def by_path(self) -> dict[str, tuple[Exposed, ...]]:
        """What is exposed by path, in the order in which paths must be tried: literals before templates."""
        paths = sorted({exposed.operation.path for exposed in self.exposed}, key=_literals_first)
        return {
            path: tuple(
                sorted(
                    (exposed for exposed in self.exposed if exposed.operation.path == path),
                    key=lambda exposed: exposed.operation.method,
                )
            )
            for path in paths
        }


def _literals_first(path: str) -> list[tuple[bool, str]]:
    return [("{" in segment, segment) for segment in path.split("/")]
