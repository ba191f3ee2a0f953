"""The settings of a stage that the import document cannot contain: throttles and body limits."""

from __future__ import annotations

from typing import Any

from tools.gateway.amazon.document import placeholders
from tools.gateway.model import Exposed, Gateway

# The throttle of the stage, for all clients together, is this many times the throttle of one client.
CONCURRENT_CLIENTS = 20


def stage_settings(gateway: Gateway, *, private: bool = False) -> dict[str, Any]:
    """Return the method settings of the stage and the limits of the web ACL (per address, and of bodies in bytes).

    Amazon's method throttle counts all clients together, so it only protects the services. The limit of one address
    is a rate rule of the web ACL, which counts over five minutes.
    """
    return {
        "placeholders": list(placeholders(gateway, private=private)),
        "stageVariables": ["gatewayProof", *_service_variables(gateway)],
        "methodSettings": [_method(exposed) for exposed in gateway.exposed],
        "rateRules": [
            {"name": throttle.name, "limitPerFiveMinutes": int(throttle.per_address.requests_per_second * 300)}
            for throttle in gateway.throttles
        ],
        "bodyLimits": [
            {"method": exposed.operation.method, "path": exposed.operation.path, "bytes": exposed.body_limit_bytes}
            for exposed in gateway.exposed
        ],
    }


def _service_variables(gateway: Gateway) -> list[str]:
    """Return the stage variables of each service: the host of its load balancer and the VPC link to it."""
    services = sorted({exposed.operation.service for exposed in gateway.exposed})
    return [f"{service}{suffix}" for service in services for suffix in ("Host", "Link")]


def _method(exposed: Exposed) -> dict[str, Any]:
    rate = exposed.throttle.per_address
    return {
        "httpMethod": exposed.operation.method,
        "resourcePath": exposed.operation.path,
        "throttleClass": exposed.throttle.name,
        "throttlingRateLimit": rate.requests_per_second * CONCURRENT_CLIENTS,
        "throttlingBurstLimit": rate.burst * CONCURRENT_CLIENTS,
    }
