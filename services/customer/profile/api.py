"""A customer's own profile."""

from __future__ import annotations

from typing import Any

from libs.chassis.db import unit_of_work
from libs.chassis.security import principal
from services.customer.profile import storage
from services.customer.profile.schemas import ProfileSchema


def get_profile() -> dict[str, Any]:
    with unit_of_work():  # the request may have to create the profile
        profile: dict[str, Any] = ProfileSchema().dump(storage.get_or_create(principal().subject))
    return profile


def update_profile(body: dict[str, Any]) -> dict[str, Any]:
    profile: dict[str, Any] = ProfileSchema().dump(storage.change(principal().subject, body))
    return profile
