"""The own profile."""

from __future__ import annotations

from typing import Any

from libs.chassis.db import unit_of_work
from libs.chassis.security import principal
from services.customer import customers
from services.customer.schemas import ProfileSchema


def get_profile() -> dict[str, Any]:
    with unit_of_work():  # a profile that is not there yet is made
        profile: dict[str, Any] = ProfileSchema().dump(customers.ensure(principal().subject))
    return profile


def update_profile(body: dict[str, Any]) -> dict[str, Any]:
    profile: dict[str, Any] = ProfileSchema().dump(customers.change(principal().subject, body))
    return profile
