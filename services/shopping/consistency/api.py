"""The current state of orders and donations, for services that wait for events of shopping."""

from __future__ import annotations

from typing import Any

from libs.chassis.consistency import describe_states
from services.shopping.registry import registry


def query_shopping_states(body: dict[str, Any]) -> dict[str, Any]:
    return describe_states(registry, body["subjects"])
