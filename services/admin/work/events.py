"""Events that create work orders, end them or stop them."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import (
    BuyingOrderPaid,
    BuyingOrderStateChanged,
    DonatingOrderStateChanged,
    DonationReturnStateChanged,
    DoorUsed,
    LocationThresholdReached,
)
from libs.chassis.events import Event
from services.admin.registry import registry
from services.admin.work import collecting, packing_orders, progress, stops, work_orders
from services.admin.work.work_orders import WorkLocation


@registry.handles("locker.location.threshold_reached.v1")
def create_collecting_order(event: Event[LocationThresholdReached]) -> None:
    data = event.data
    location = WorkLocation(data["location_id"], data["location_name"], data["area"], data["deliveryman_id"])
    collecting.update_location(data, clock.parse_rfc3339(event.time))
    collecting.create(location, data["deposits"])


@registry.handles("locker.door.used.v1")
def record_door_use(event: Event[DoorUsed]) -> None:
    data = event.data
    if data["purpose"] == "ship" and data["is_occupied"]:
        progress.complete_shipping(data["order_id"])
    elif data["purpose"] == "collect":
        collecting.record_emptied_box(data["order_id"])


@registry.handles("customer.buying_order.paid.v1")
def create_packing_order(event: Event[BuyingOrderPaid]) -> None:
    data = event.data
    if not stops.is_stopped(data["order_id"]):
        location = work_orders.find_location(data["pickup_location_id"], data["pickup_location_name"])
        packing_orders.create_for_buying_order(data["order_id"], data["items"], location)


@registry.handles("customer.buying_order.state_changed.v1")
def stop_cancelled_buying_order(event: Event[BuyingOrderStateChanged]) -> None:
    if event.data["state"] == "cancelled":
        stops.stop_buying_order(event.data["order_id"], event.data["reason"])


@registry.handles("customer.donating_order.state_changed.v1")
def stop_cancelled_donation(event: Event[DonatingOrderStateChanged]) -> None:
    """A cancelled donation is not collected; one that goes back to its donor is not checked."""
    order_id, state = event.data["order_id"], event.data["state"]
    if state in ("cancelling", "cancelled"):
        stops.stop(order_id, ["collecting"], "the donation was cancelled")
    elif state == "returning":
        stops.remove(order_id, "checking", "the donation goes back to its donor")
    elif state == "collected" and event.data["previous_state"] == "returning":
        stops.restore(order_id, "checking")


@registry.handles("customer.donation_return.state_changed.v1")
def pack_donation_return(event: Event[DonationReturnStateChanged]) -> None:
    """A return is packed once its delivery is paid, unless it is cancelled."""
    data = event.data
    return_id = data["return_id"]
    if data["state"] == "cancelled":
        stops.stop(return_id, ["packing", "shipping"], "the return was cancelled")
    elif data["state"] == "paid" and not stops.is_stopped(return_id):
        location = work_orders.find_location(data["location_id"], data["location_name"])
        packing_orders.create_for_donation_return(return_id, data["order_id"], location)
