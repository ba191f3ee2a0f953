"""Own donations on their way back."""

from __future__ import annotations

from typing import Any

from libs.chassis.db import unit_of_work
from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.customer import donating_orders, donation_returns, neighbours
from services.customer.models import ReturnDonatingOrder
from services.customer.order_pages import page_of_donation_returns
from services.customer.schemas import DonationReturnSchema


def create_donation_return(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    donor_id, order_id, return_id = principal().subject, body["order_id"], stable_id("rdo")
    with unit_of_work(
        reads_only=True
    ):  # ended before the neighbours are asked, so that nothing is locked meanwhile
        order = donating_orders.get_own(order_id, donor_id)
        if donation_returns.find(return_id) is None:
            donating_orders.MACHINE.apply(order.state, "begin_return")
    location = neighbours.pickup_location(body["location_id"], "/location_id")
    neighbours.claim_products(return_id, order_id)
    order = donating_orders.get_own(order_id, donor_id, locked=True)
    made = donation_returns.create(return_id, order, location.id, location.name)
    return _shown(made), 201, {"Location": f"/customer/v1/donation-returns/{made.id}"}


def list_donation_returns(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    return page_of_donation_returns(limit, cursor, state, principal().subject)


def get_donation_return(return_id: str) -> dict[str, Any]:
    return _shown(donation_returns.get_own(return_id, principal().subject))


def cancel_donation_return(return_id: str) -> dict[str, Any]:
    donor_id = principal().subject
    with unit_of_work():
        made = donation_returns.get_own(return_id, donor_id, locked=True)
        order = donating_orders.get_own(made.order_id, donor_id, locked=True)
        donation_returns.cancel(made, order)
    # Once it is certain that nothing goes back; a repeat of the request finishes what a fault left.
    neighbours.release_products(return_id)
    return _shown(made)


def _shown(made: ReturnDonatingOrder) -> dict[str, Any]:
    return dict(DonationReturnSchema().dump(made))
