"""Change the state of returns of donations (stories rd-r-re-01 to rd-r-po-04)."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from services.customer.donating_orders import lifecycle as donating_orders
from services.customer.donating_orders.tables import DonatingOrder
from services.customer.donation_returns.publishers import publish_state_changed
from services.customer.donation_returns.queries import donation_returns
from services.customer.donation_returns.rules import LIFECYCLE
from services.customer.donation_returns.tables import DonationReturn, DonationReturnTimelineEntry
from services.customer.lifecycle_events import accept_event
from services.customer.service_clients import Location


def create(return_id: str, order: DonatingOrder, location: Location) -> DonationReturn:
    """Create the return of a donation, which is `returning` from now on; idempotent for a `return_id`.

    IllegalTransition.
    """
    existing = donation_returns.find(return_id)
    if existing is not None:
        return existing
    state_before_return = order.state
    donating_orders.apply_transition(order, "begin_return")
    order.state_before_return = state_before_return
    now = clock.now()
    donation_return = DonationReturn(
        id=return_id,
        order_id=order.id,
        donor_id=order.donor_id,
        state=LIFECYCLE.initial,
        location_id=location.id,
        location_name=location.name,
        created_at=now,
        timeline=[DonationReturnTimelineEntry(state=LIFECYCLE.initial, at=now)],
    )
    session().add(donation_return)
    session().flush()
    publish_state_changed(donation_return)
    return donation_return


def cancel(donation_return: DonationReturn, order: DonatingOrder) -> None:
    """Cancel a return whose fee is not paid: the donation is in its earlier state again; idempotent.

    IllegalTransition.
    """
    if donation_return.state == "cancelled":
        return
    apply_transition(donation_return, "cancel")
    if order.state_before_return is not None:
        donating_orders.enter_state(order, order.state_before_return)
    order.state_before_return = None
    if order.state == "collected" and order.check_result is not None:  # it was checked during the return
        donating_orders.apply_transition(order, f"check_{order.check_result}")


def apply_transition(donation_return: DonationReturn, transition: str) -> None:
    """Apply a transition and publish it. IllegalTransition."""
    donation_return.state = LIFECYCLE.apply(donation_return.state, transition)
    donation_return.timeline.append(DonationReturnTimelineEntry(state=donation_return.state, at=clock.now()))
    session().flush()
    publish_state_changed(donation_return)


def apply_event(return_id: str, transition: str) -> None:
    """Apply an event of another domain. LookupError when it is early."""
    due = accept_event(LIFECYCLE, transition, return_id, donation_returns.find(return_id, locked=True))
    if due is None:
        return
    apply_transition(due, transition)
    if due.state == "returned":
        donating_orders.apply_event(due.order_id, "finish_return")
