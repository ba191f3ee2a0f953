"""What an import document cannot say, for the code that makes the stages: throttles and body limits."""

from __future__ import annotations

from typing import Any

from tools.gateway.amazon.document import placeholders
from tools.gateway.model import Exposed, Gateway

# So many clients at their own limit are served at once before the whole stage slows them down.
CLIENTS_AT_ONCE = 20


def stage_settings(gateway: Gateway, *, private: bool = False) -> dict[str, Any]:
    """Method settings of the stage, and the limits that a web ACL keeps (per address, and of bodies in bytes).

    Amazon's method throttle counts all clients together, so here it only guards the services; the bucket of one
    address is a rate rule of the web ACL, which counts over five minutes.
    """
    return {
        "placeholders": list(placeholders(gateway, private=private)),
        "stageVariables": ["gatewayProof", *_of_services(gateway)],
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


def _of_services(gateway: Gateway) -> list[str]:
    """Where each service is: the host (and port) of its load balancer, and the VPC link that leads to it."""
    exposing = sorted({exposed.operation.service for exposed in gateway.exposed})
    return [f"{service}{what}" for service in exposing for what in ("Host", "Link")]


def _method(exposed: Exposed) -> dict[str, Any]:
    rate = exposed.throttle.per_address
    return {
        "httpMethod": exposed.operation.method,
        "resourcePath": exposed.operation.path,
        "throttleClass": exposed.throttle.name,
        "throttlingRateLimit": rate.requests_per_second * CLIENTS_AT_ONCE,
        "throttlingBurstLimit": rate.burst * CLIENTS_AT_ONCE,
    }
