"""The present state of orders, for services that wait for events of billing."""

from __future__ import annotations

from typing import Any

from libs.chassis.consistency import describe_states
from services.billing.registry import registry


def query_billing_states(body: dict[str, Any]) -> dict[str, Any]:
    return describe_states(registry, body["subjects"])
