"""The lifecycle of each kind of order as the business defines it: pairs of a state and one that may follow it.

Unit tests compare the lifecycles in the code with these pairs; stateful tests compare the timelines of orders.
"""

from __future__ import annotations

from itertools import pairwise

Step = tuple[str, str]

ORDER_PATH = ("placed", "paid", "packing", "packed", "shipping", "in_box", "picked_up", "completed")
BUYING_ORDER: set[Step] = {
    *pairwise(ORDER_PATH),
    ("placed", "expired"),
    # By its buyer until it is shipped; later by a manager, or because it was not picked up (docs/decisions/0012).
    *((before, "cancelled") for before in ("placed", "paid", "packing", "packed", "shipping", "in_box")),
}
BUYING_RETURN: set[Step] = {
    *pairwise(["created", "in_box", "collected", "checked_good", "completed"]),
    *pairwise(["collected", "checked_bad", "refund_decided", "completed"]),
    ("created", "cancelled"),
    ("created", "expired"),
    # The door was open at that time, and the clothes were put in.
    ("cancelled", "in_box"),
    ("expired", "in_box"),
    # Lost after the deposit.
    ("in_box", "refund_decided"),
    ("collected", "refund_decided"),
}
DONATING_ORDER: set[Step] = {
    *pairwise(["draft", "submitted", "deposited", "collected", "checked_good", "listed", "sold"]),
    *pairwise(["collected", "checked_bad", "recycled"]),
    *pairwise(["deposited", "cancelling", "cancelled"]),
    ("draft", "cancelled"),
    ("submitted", "cancelled"),
    ("cancelled", "deposited"),  # the door was open at that time, and the clothes were put in
    ("cancelling", "collected"),
    ("sold", "listed"),  # the purchase was cancelled or returned
    *((before, "returning") for before in ("collected", "checked_good", "listed")),
    ("returning", "returned"),
}
DONATION_RETURN: set[Step] = {
    *pairwise(["created", "paid", "packing", "shipping", "in_box", "returned"]),
    ("created", "cancelled"),
}
AFTER_CANCELLED_DONATION_RETURN: set[Step] = {
    (after, before) for before, after in DONATING_ORDER if after == "returning"
}
WORK_ORDER: set[Step] = {
    *pairwise(["open", "assigned", "in_progress", "done"]),
    ("assigned", "assigned"),  # to another person
    ("assigned", "open"),
    ("in_progress", "assigned"),
    ("in_progress", "open"),
    ("open", "failed"),
    ("assigned", "failed"),
    ("in_progress", "failed"),
    ("failed", "open"),
}


def list_states(steps: set[Step]) -> set[str]:
    """All states that occur in a lifecycle."""
    return {state for step in steps for state in step}
