"""The lifecycle of every kind of order as the business defines it: pairs of a state and the one that may follow it.

The unit tests compare the tables in the code with these; the random walks compare what really happens with them.
"""

from __future__ import annotations

from itertools import pairwise

Step = tuple[str, str]

ORDER_PATH = ("placed", "paid", "packing", "packed", "shipping", "in_box", "picked_up", "completed")
BUYING_ORDER: set[Step] = {
    *pairwise(ORDER_PATH),
    ("placed", "expired"),
    # By its buyer until it is shipped; later by a manager, or because nobody picked it up (docs/decisions/0012).
    *((before, "cancelled") for before in ("placed", "paid", "packing", "packed", "shipping", "in_box")),
}
BUYING_RETURN: set[Step] = {
    *pairwise(["created", "in_box", "collected", "checked_good", "completed"]),
    *pairwise(["collected", "checked_bad", "refund_decided", "completed"]),
    ("created", "cancelled"),
    ("created", "expired"),
    # A door that was open at that moment closed on the clothes.
    ("cancelled", "in_box"),
    ("expired", "in_box"),
    # Lost after it was handed in.
    ("in_box", "refund_decided"),
    ("collected", "refund_decided"),
}
DONATION: set[Step] = {
    *pairwise(["draft", "submitted", "deposited", "collected", "checked_good", "listed", "sold"]),
    *pairwise(["collected", "checked_bad", "recycled"]),
    *pairwise(["deposited", "cancelling", "cancelled"]),
    ("draft", "cancelled"),
    ("submitted", "cancelled"),
    ("cancelled", "deposited"),  # a door that was open at that moment closed on the clothes
    ("cancelling", "collected"),
    ("sold", "listed"),  # the purchase was cancelled or returned
    *((before, "returning") for before in ("collected", "checked_good", "listed")),
    ("returning", "returned"),
}
DONATION_RETURN: set[Step] = {
    *pairwise(["created", "paid", "packing", "shipping", "in_box", "returned"]),
    ("created", "cancelled"),
}
DONATION_AFTER_CANCELLED_RETURN: set[Step] = {(after, before) for before, after in DONATION if after == "returning"}
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


def states_of(steps: set[Step]) -> set[str]:
    """All states that occur in a lifecycle."""
    return {state for step in steps for state in step}
