"""The model of one gateway with all references resolved, from which Envoy's and Amazon's documents are built."""

from __future__ import annotations

from dataclasses import dataclass

from tools.gateway.contracts import Operation


@dataclass(frozen=True)
class Rate:
    """A token bucket of `burst` requests, refilled by `requests_per_second`."""

    requests_per_second: float
    burst: int


@dataclass(frozen=True)
class Throttle:
    """One throttle class; each client address and each access token has its own bucket."""

    name: str
    per_address: Rate
    per_token: Rate | None


@dataclass(frozen=True)
class Authorizer:
    """The service that exchanges an opaque token for a JWT, and the path of its keys."""

    service: str
    exchange_path: str
    jwks_path: str
    timeout_seconds: float


@dataclass(frozen=True)
class Cors:
    """The web pages whose scripts may read responses."""

    allowed_origins: tuple[str, ...]
    max_age_seconds: int


@dataclass(frozen=True)
class Timeouts:
    """Time limits for clients and services, in seconds."""

    client_headers_seconds: float
    client_request_seconds: float
    client_idle_seconds: float
    service_connect_seconds: float
    service_response_seconds: float


@dataclass(frozen=True)
class Limits:
    """The limits of one gateway process."""

    connections: int
    connections_per_address: int
    requests_per_service: int
    header_kilobytes: int
    headers: int


@dataclass(frozen=True)
class Exposed:
    """An operation that a gateway exposes, with its settings."""

    operation: Operation
    needs_token: bool
    throttle: Throttle
    body_limit_bytes: int


@dataclass(frozen=True)
class Gateway:
    """One gateway and the operations that it exposes; `unmatched_…` applies to requests that match none of them."""

    name: str
    host_names: tuple[str, ...]
    source_ranges: tuple[str, ...]
    authorizer: Authorizer
    cors: Cors
    timeouts: Timeouts
    limits: Limits
    throttles: tuple[Throttle, ...]
    unmatched_throttle: Throttle
    unmatched_body_limit_bytes: int
    exposed: tuple[Exposed, ...]

    @property
    def services(self) -> tuple[str, ...]:
        """The exposed services and the authorizer."""
        names = {exposed.operation.service for exposed in self.exposed}
        return tuple(sorted(names | {self.authorizer.service}))

    def by_path(self) -> dict[str, tuple[Exposed, ...]]:
        """Return the exposed operations by path, in matching order: literals before templates."""
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
