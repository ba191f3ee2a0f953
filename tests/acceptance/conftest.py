"""New customers, the staff of the demo data, locations and products, for the acceptance tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.site import Site, create_site, product_fields
from tests.support.platform import RunningPlatform
from tests.support.platform_fixtures import platform, undisturbed
from tools.demo.people import Actor, Customer, Mailbox, Staff, verification_token

__all__ = ["platform", "undisturbed"]


CustomerFactory = Callable[..., Customer]


@pytest.fixture
def mailbox(platform: RunningPlatform) -> Mailbox:
    return Mailbox(platform.maildir)


@pytest.fixture
def people() -> Iterator[list[Actor]]:
    """Close the connections of everybody in this list after the test."""
    people: list[Actor] = []
    yield people
    for person in people:
        person.close()


@pytest.fixture
def new_customer(platform: RunningPlatform, mailbox: Mailbox, people: list[Actor]) -> CustomerFactory:
    """Register customers, who by default are verified and logged in."""

    def create(*, verified: bool = True, logged_in: bool = True) -> Customer:
        address = f"customer.{uuid.uuid4().hex}@acceptance.example"
        customer = Customer(platform.external_url, platform.ca_file, address, f"pass-{uuid.uuid4().hex}")
        people.append(customer)
        customer.register("Ana Acceptance")
        if verified:
            customer.confirm_email(verification_token(mailbox.wait_for_mail(address, "confirm")))
            if logged_in:
                customer.log_in()
        return customer

    return create


@pytest.fixture
def staff_member(platform: RunningPlatform, people: list[Actor]) -> Callable[[str], Staff]:
    """Log one of the demo staff in: 'employee', 'manager' or 'deliveryman'."""

    def log_in(role: str) -> Staff:
        person = Staff(platform.internal_url, platform.ca_file, f"{role}@reclothes.example")
        people.append(person)
        person.log_in()
        return person

    return log_in


@pytest.fixture
def employee(staff_member: Callable[[str], Staff]) -> Staff:
    return staff_member("employee")


@pytest.fixture
def manager(staff_member: Callable[[str], Staff]) -> Staff:
    return staff_member("manager")


SiteFactory = Callable[..., Site]


@pytest.fixture
def new_site(platform: RunningPlatform, staff_member: Callable[[str], Staff]) -> Iterator[SiteFactory]:
    """Create locations with a controller and staff."""
    sites: list[Site] = []

    def create(**fields: Any) -> Site:
        sites.append(create_site(platform, staff_member, f"Location {uuid.uuid4().hex[:8]}", **fields))
        return sites[-1]

    yield create
    for site in sites:
        site.controller.close()


@pytest.fixture
def site(new_site: SiteFactory) -> Site:
    return new_site()


@pytest.fixture
def published_coat(employee: Staff, manager: Staff) -> Callable[..., str]:
    """Publish coats through the internal gateway; return the id of each."""

    def publish(price: int = 4900, **changes: Any) -> str:
        product, _ = employee.create_product(**product_fields(**changes))
        manager.set_price(product["id"], price)
        manager.publish(product["id"])
        product_id: str = product["id"]
        return product_id

    return publish
