"""People for the stories: fresh customers, and the staff of the demo data, each at their own gateway."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.scene import Scene, make_scene
from tests.support.platform import RunningPlatform
from tests.support.platform_fixtures import platform, undisturbed
from tools.demo.people import Actor, Customer, Json, Mailbox, Staff, verification_token

__all__ = ["platform", "undisturbed"]


MakeCustomer = Callable[..., Customer]


@pytest.fixture
def mailbox(platform: RunningPlatform) -> Mailbox:
    return Mailbox(platform.maildir)


@pytest.fixture
def people() -> Iterator[list[Actor]]:
    """Whoever is added here has their connections closed after the test."""
    added: list[Actor] = []
    yield added
    for person in added:
        person.close()


@pytest.fixture
def new_customer(platform: RunningPlatform, mailbox: Mailbox, people: list[Actor]) -> MakeCustomer:
    """Make a customer who is registered, and verified and logged in unless told otherwise."""

    def make(*, verified: bool = True, logged_in: bool = True) -> Customer:
        address = f"customer.{uuid.uuid4().hex}@acceptance.example"
        customer = Customer(platform.external_url, platform.ca_file, address, f"pass-{uuid.uuid4().hex}")
        people.append(customer)
        customer.register("Ana Acceptance")
        if verified:
            customer.confirm_email(verification_token(mailbox.wait_for_mail(address, "confirm")))
            if logged_in:
                customer.log_in()
        return customer

    return make


@pytest.fixture
def staff_member(platform: RunningPlatform, people: list[Actor]) -> Callable[[str], Staff]:
    """Log one of the demo staff in: 'employee', 'manager' or 'deliveryman'."""

    def make(role: str) -> Staff:
        person = Staff(platform.internal_url, platform.ca_file, f"{role}@reclothes.example")
        people.append(person)
        person.log_in()
        return person

    return make


@pytest.fixture
def employee(staff_member: Callable[[str], Staff]) -> Staff:
    return staff_member("employee")


@pytest.fixture
def manager(staff_member: Callable[[str], Staff]) -> Staff:
    return staff_member("manager")


MakeScene = Callable[..., Scene]


@pytest.fixture
def new_scene(platform: RunningPlatform, staff_member: Callable[[str], Staff]) -> Iterator[MakeScene]:
    """Make locations with a controller and the people who work there."""
    made: list[Scene] = []

    def make(**facts: Any) -> Scene:
        made.append(make_scene(platform, staff_member, f"Place {uuid.uuid4().hex[:8]}", **facts))
        return made[-1]

    yield make
    for scene in made:
        scene.controller.close()


@pytest.fixture
def scene(new_scene: MakeScene) -> Scene:
    return new_scene()


def coat(**changes: Any) -> Json:
    """The facts of a coat that an employee types in."""
    facts = {
        "title": "Camel wool coat",
        "description": "Worn for one season.",
        "category": "coats",
        "brand": "Acceptance",
        "colour": "camel",
        "condition": "good",
        "sizes": [{"system": "EU", "value": "40"}],
        "attributes": {"material": "wool"},
    }
    return facts | changes


@pytest.fixture
def published_coat(employee: Staff, manager: Staff) -> Callable[..., str]:
    """Put a coat on sale through the internal gateway; its id."""

    def make(price: int = 4900, **changes: Any) -> str:
        product, _ = employee.create_product(**coat(**changes))
        manager.set_price(product["id"], price)
        manager.publish(product["id"])
        product_id: str = product["id"]
        return product_id

    return make
