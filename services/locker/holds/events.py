"""What the events of customer, billing and admin mean for boxes and doors."""

from __future__ import annotations

from libs.chassis.event_types import (
    BuyingOrderPaid,
    BuyingOrderStateChanged,
    BuyingReturnStateChanged,
    DonatingOrderStateChanged,
    DonationReturnStateChanged,
    FeePaid,
    WorkOrderStateChanged,
)
from libs.chassis.events import Event
from services.locker.holds import box_holds, deliveries, deposits, work_orders
from services.locker.registry import registry


@registry.handles("customer.buying_order.paid.v1")
def hold_box_for_paid_order(event: Event[BuyingOrderPaid]) -> None:
    deliveries.set_recipient(event.data["order_id"], event.data["buyer_id"])
    deliveries.hold_for_package(event.data["order_id"], event.data["pickup_location_id"])


@registry.handles("customer.buying_order.state_changed.v1")
def cancel_delivery_of_cancelled_order(event: Event[BuyingOrderStateChanged]) -> None:
    if event.data["state"] == "cancelled":
        deliveries.cancel(event.data["order_id"], event.data["buyer_id"])


@registry.handles("customer.donating_order.state_changed.v1")
def apply_cancellation_of_donation(event: Event[DonatingOrderStateChanged]) -> None:
    if event.data["state"] == "cancelling":
        deposits.reclaim(event.data["order_id"])
    elif (event.data["state"], event.data["previous_state"]) == ("cancelled", "submitted"):
        box_holds.release(event.data["order_id"])


@registry.handles("customer.buying_return.state_changed.v1")
def apply_state_of_return(event: Event[BuyingReturnStateChanged]) -> None:
    if event.data["state"] == "created":
        deposits.allow_deposit(event.data["return_id"], event.data["buyer_id"])
    elif event.data["state"] in ("cancelled", "expired"):
        box_holds.release(event.data["return_id"])


@registry.handles("customer.donation_return.state_changed.v1")
def set_recipient_of_returned_donation(event: Event[DonationReturnStateChanged]) -> None:
    deliveries.set_recipient(event.data["return_id"], event.data["donor_id"])


@registry.handles("billing.fee.paid.v1")
def allow_withdrawal_after_occupation_fee(event: Event[FeePaid]) -> None:
    if event.data["kind"] == "occupation":
        deposits.allow_withdrawal(event.data["order_id"], event.data["payer_id"])


@registry.handles("admin.work_order.state_changed.v1")
def authorize_assignee_of_work_order(event: Event[WorkOrderStateChanged]) -> None:
    data = event.data
    purpose = work_orders.PURPOSES.get(data["kind"])
    if purpose is None:
        return
    assignee_id = data["assignee_id"] if data["state"] in ("assigned", "in_progress") else None
    for order in data["orders"]:
        if not work_orders.is_newest(order["order_id"], purpose, event.version):
            continue
        if assignee_id is None:
            work_orders.unassign(order["order_id"], purpose)
        elif purpose == "collect" and order["box_id"] is not None:
            deposits.allow_collection(order["order_id"], order["box_id"], assignee_id)
        elif purpose == "ship" and data["location_id"] is not None:
            deliveries.hold_for_package(order["order_id"], data["location_id"], assignee_id)
