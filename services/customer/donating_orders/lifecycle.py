"""Change the state of donating orders (stories d-pr-04 to d-po-08, rd-c-01 to rd-c-04); for sales see `sales.py`.

What a person does raises IllegalTransition (409) when the lifecycle does not allow it. An event of another domain
is applied when it is due (`apply_event`).
"""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from services.customer import first_orders
from services.customer.donating_orders.publishers import publish_state_changed
from services.customer.donating_orders.queries import donating_orders
from services.customer.donating_orders.rules import LIFECYCLE
from services.customer.donating_orders.tables import DonatingOrder, DonatingOrderTimelineEntry
from services.customer.lifecycle_events import accept_event
from services.customer.service_clients import BoxHold


def submit(order: DonatingOrder, hold: BoxHold) -> None:
    """Submit a draft with a box for its deposit, or give a submitted order a new box after its hold ended."""
    order.location_id, order.location_name = hold.location_id, hold.location_name
    order.box_id, order.box_label, order.held_until = hold.box_id, hold.box_label, hold.until
    if order.state != "submitted":
        apply_transition(order, "submit")


def cancel(order: DonatingOrder) -> None:
    """Cancel the order (stories rd-c-01, rd-c-02); idempotent. IllegalTransition.

    A deposited order is `cancelling` until its donor takes the clothes out.
    """
    if order.state not in ("cancelling", "cancelled"):
        apply_transition(order, "cancel")


def apply_transition(order: DonatingOrder, transition: str) -> None:
    """Apply a transition and publish it. IllegalTransition."""
    enter_state(order, LIFECYCLE.apply(order.state, transition))


def enter_state(order: DonatingOrder, state: str) -> None:
    """Bring the order into a state, add that to its timeline and publish it."""
    order.state = state
    order.timeline.append(DonatingOrderTimelineEntry(state=state, at=clock.now()))
    if state == "deposited":
        order.is_first = first_orders.claim(first_orders.DONATION, order.donor_id, order.id)
    if state in ("cancelled", "returned"):  # the donor has the clothes again
        first_orders.release(first_orders.DONATION, order.donor_id, order.id)
    session().flush()
    publish_state_changed(order)


def apply_event(order_id: str, transition: str) -> DonatingOrder | None:
    """Apply an event of another domain; returns the order if it was due. LookupError when it is early."""
    due = accept_event(LIFECYCLE, transition, order_id, donating_orders.find(order_id, locked=True))
    if due is not None:
        apply_transition(due, transition)
    return due


def record_check(order_id: str, result: str) -> None:
    """Record that the clothes were checked: `good` or `bad`. LookupError when it is early.

    An order that is returning keeps the result: it counts when the return is cancelled.
    """
    order = donating_orders.find(order_id, locked=True)
    if order is None or order.state != "returning":
        order = apply_event(order_id, f"check_{result}")
    if order is not None:
        order.check_result = result
