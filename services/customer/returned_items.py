"""What the check of each product of a return gave. A return is checked as bad when one of them is."""

from __future__ import annotations

from libs.chassis.money import sum_money
from services.customer.models import ReturnBuyingOrder, ReturnedItem


def result_of(made: ReturnBuyingOrder, item: ReturnedItem) -> str | None:
    """`good` or `bad`; that of the whole return where an older version heard of the check."""
    if item.check_result is not None:
        return item.check_result
    return next((result for result in ("good", "bad") if _was(made, f"checked_{result}")), None)


def good_items(made: ReturnBuyingOrder) -> list[ReturnedItem]:
    return [item for item in made.items if result_of(made, item) == "good"]


def paid_back_at_check(made: ReturnBuyingOrder) -> int:
    """The price of what was good while other pieces were bad: it does not wait for what is decided on those."""
    if not _was(made, "checked_bad"):
        return 0
    return sum_money((item.price for item in good_items(made)), made.currency).amount


def _was(made: ReturnBuyingOrder, state: str) -> bool:
    return any(entry.state == state for entry in made.timeline)
