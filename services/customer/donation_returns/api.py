"""Returns of donations: a donor creates and cancels own ones, staff read all of them."""

from __future__ import annotations

from typing import Any

from libs.chassis.db import unit_of_work
from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.customer import service_clients
from services.customer.donating_orders import rules as donating_order_rules
from services.customer.donating_orders.queries import donating_orders
from services.customer.donation_returns import lifecycle
from services.customer.donation_returns.queries import donation_returns
from services.customer.donation_returns.rules import ID_PREFIX


def create_donation_return(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    donor_id, order_id, return_id = principal().subject, body["order_id"], stable_id(ID_PREFIX)
    # Ends before other services are called, so that nothing is locked meanwhile.
    with unit_of_work(reads_only=True):
        order = donating_orders.get_own(order_id, donor_id)
        if donation_returns.find(return_id) is None:
            donating_order_rules.LIFECYCLE.apply(order.state, "begin_return")
    location = service_clients.get_location(body["location_id"], pointer="/location_id")
    service_clients.claim_products(return_id, order_id)
    order = donating_orders.get_own(order_id, donor_id, locked=True)
    donation_return = lifecycle.create(return_id, order, location)
    return (
        donation_returns.dump(donation_return),
        201,
        {"Location": f"/customer/v1/donation-returns/{donation_return.id}"},
    )


def list_donation_returns(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    return donation_returns.list_page(limit, cursor, state=state, donor_id=principal().subject)


def get_donation_return(return_id: str) -> dict[str, Any]:
    return donation_returns.dump(donation_returns.get_own(return_id, principal().subject))


def cancel_donation_return(return_id: str) -> dict[str, Any]:
    donor_id = principal().subject
    with unit_of_work():
        donation_return = donation_returns.get_own(return_id, donor_id, locked=True)
        order = donating_orders.get_own(donation_return.order_id, donor_id, locked=True)
        lifecycle.cancel(donation_return, order)
    # After the commit, so that no product of an active return is on sale. A repeated request retries it.
    service_clients.release_products(return_id)
    return donation_returns.dump(donation_return)


def list_all_donation_returns(
    limit: int = 20, cursor: str | None = None, state: str | None = None, donor_id: str | None = None
) -> dict[str, Any]:
    return donation_returns.list_page(limit, cursor, state=state, donor_id=donor_id)
