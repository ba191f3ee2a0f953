"""What locker publishes, the events it handles, and its periodic jobs."""

from __future__ import annotations

from libs.chassis.events import Event
from services.locker import door_rights, openings, packages, thresholds
from services.locker.registry import registry

__all__ = ["registry"]


@registry.handles("customer.buying_order.paid.v1")
def hold_box_for_package(event: Event) -> None:
    data = event.data
    packages.remember_recipient(data["order_id"], data["buyer_id"])
    packages.hold_for_package(data["order_id"], data["pickup_location_id"])


@registry.handles("customer.donating_order.state_changed.v1")
def follow_cancelled_donation(event: Event) -> None:
    if event.data["state"] == "cancelling":
        packages.reclaim(event.data["order_id"])
    elif (event.data["state"], event.data["previous_state"]) == ("cancelled", "submitted"):
        packages.release(event.data["order_id"])


@registry.handles("customer.buying_order.state_changed.v1")
def follow_cancelled_order(event: Event) -> None:
    if event.data["state"] == "cancelled":
        packages.call_off(event.data["order_id"], event.data["buyer_id"])


@registry.handles("customer.return_buying_order.state_changed.v1")
def follow_return(event: Event) -> None:
    data = event.data
    if data["state"] == "created":
        packages.let_deposit(data["return_id"], data["buyer_id"])
    elif data["state"] in ("cancelled", "expired"):
        packages.release(data["return_id"])


@registry.handles("billing.fee.paid.v1")
def let_donor_withdraw(event: Event) -> None:
    if event.data["kind"] == "occupation":
        packages.let_withdraw(event.data["order_id"], event.data["payer_id"])


@registry.handles("customer.return_donating_order.state_changed.v1")
def remember_whom_a_return_is_for(event: Event) -> None:
    packages.remember_recipient(event.data["return_id"], event.data["donor_id"])


@registry.handles("admin.work_order.state_changed.v1")
def give_doors_to_assignee(event: Event) -> None:
    data, purpose = event.data, {"collecting": "collect", "shipping": "ship"}.get(event.data["kind"])
    if purpose is None:
        return
    for order in data["orders"]:
        if not door_rights.is_news(order["order_id"], purpose, event.version):
            continue
        if data["state"] not in ("assigned", "in_progress") or data["assignee_id"] is None:
            packages.take_from_assignee(order["order_id"], purpose)
        elif purpose == "collect" and order["box_id"] is not None:
            packages.let_collect(order["order_id"], order["box_id"], data["assignee_id"])
        elif purpose == "ship" and data["location_id"] is not None:
            packages.hold_for_package(order["order_id"], data["location_id"], data["assignee_id"])


@registry.every(seconds=15)
def serve_waiting_orders() -> None:
    packages.serve_waiting()


@registry.every(seconds=30)
def release_overdue_holds() -> None:
    packages.release_overdue()


@registry.every(seconds=60)
def collect_what_waited_for_too_long() -> None:
    thresholds.check_waiting()


@registry.every(seconds=600)
def forget_old_codes() -> None:
    openings.forget_old_codes()
