"""Calling the work on an order off, for the customer service."""

from __future__ import annotations

from typing import Any

from services.admin import work_steps


def stop_work(body: dict[str, Any]) -> tuple[None, int]:
    work_steps.stop(body["order_id"])
    return None, 204
