"""What admin publishes, the events it handles, and its periodic job."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.events import Event
from libs.chassis.money import Money
from libs.chassis.service import NAMES
from services.admin import (
    assignment,
    audit_trail,
    donations,
    employees,
    known_returns,
    packing_orders,
    settings_store,
    work_steps,
)
from services.admin.donations import Deposit
from services.admin.registry import registry
from services.admin.work_orders import Place

__all__ = ["registry"]


@registry.handles("customer.buying_order.paid.v1")
def create_packing_order(event: Event) -> None:
    data = event.data
    if not work_steps.is_withdrawn(data["order_id"]):
        place = (data["pickup_location_id"], data["pickup_location_name"])
        packing_orders.create(data["order_id"], data["items"], *place)


@registry.handles("locker.location.threshold_reached.v1")
def collect_deposits(event: Event) -> None:
    data = event.data
    place = Place(data["location_id"], data["location_name"], data["area"], data["deliveryman_id"])
    deposits = [Deposit(found["order_id"], found["box_id"]) for found in data["deposits"]]
    donations.threshold_reached(place, deposits, clock.parse_rfc3339(event.time))


@registry.handles("locker.door.used.v1")
def follow_door(event: Event) -> None:
    data = event.data
    if data["purpose"] == "ship" and data["is_occupied"]:
        work_steps.shipped(data["order_id"])
    elif data["purpose"] == "collect":
        work_steps.taken(data["order_id"])


@registry.handles("customer.donating_order.state_changed.v1")
def follow_donation(event: Event) -> None:
    data = event.data
    donations.donation_moved(data["order_id"], data["state"], data["previous_state"])


@registry.handles("customer.return_donating_order.state_changed.v1")
def follow_return(event: Event) -> None:
    data = event.data
    place = Place(data["location_id"], data["location_name"])
    donations.return_moved(data["return_id"], data["order_id"], data["state"], place)


# Why a buying order ended, as it is written into the work orders that it leaves.
REASONS: dict[str | None, str] = {
    "not_picked_up": "nobody picked the order up",
    "given_up": "a manager gave the order up",
}


@registry.handles("customer.buying_order.state_changed.v1")
def call_off_cancelled_order(event: Event) -> None:
    if event.data["state"] == "cancelled":
        reason = REASONS.get(event.data.get("reason"), work_steps.CANCELLED_BY_BUYER)  # older news has none
        work_steps.call_off(event.data["order_id"], reason)


@registry.handles("customer.return_buying_order.state_changed.v1")
def know_return_of_purchase(event: Event) -> None:
    data = event.data  # older news has neither items nor whether it was given up
    facts = {"items": data.get("items"), "is_given_up": data.get("is_given_up", False)}
    price = Money.from_dict(data["price"])
    known_returns.know(data["return_id"], data["order_id"], data["buyer_id"], price, **facts)


@registry.handles("auth.staff.changed.v1")
def follow_employee(event: Event) -> None:
    data = event.data
    employee = employees.follow(
        data["user_id"],
        full_name=data["full_name"],
        roles=data["roles"],
        state=data["state"],
        heard_at=clock.parse_rfc3339(event.time),
    )
    if employee is not None:
        assignment.follow_employee(employee)


def add_audit_entry(event: Event) -> None:
    audit_trail.add(event)


for domain in NAMES:
    registry.handles(f"{domain}.audit.recorded.v1")(add_audit_entry)


@registry.every(seconds=10)
def copy_settings() -> None:
    settings_store.copy_all()


@registry.every(seconds=15)
def assign_open_work_orders() -> None:
    assignment.assign_open()
