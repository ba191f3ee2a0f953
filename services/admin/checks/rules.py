"""What a check can result in: one result for all that is in a package, or one for each product of a return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.chassis.problems import Unprocessable


class ResultOrProducts(Unprocessable):
    slug, title = "result-or-products", "Send one result for all, or one for each product"


class WrongProducts(Unprocessable):
    slug, title = "wrong-products", "The results do not fit what is in the package"


@dataclass(frozen=True)
class ProductCheck:
    """The result of one product: `good`, or `bad` with a reason."""

    product_id: str
    result: str
    reason: str | None = None


@dataclass(frozen=True)
class Check:
    """The result of a check: `result` for all that is in the package, or `products`."""

    result: str | None = None
    products: Sequence[ProductCheck] = field(default_factory=tuple)
    notes: str | None = None
    photo_ids: Sequence[str] = field(default_factory=tuple)


def overall_result(check: Check) -> str:
    """`good`, or `bad` when one product is; ResultOrProducts unless exactly one of the two is given."""
    if (check.result is None) == (not check.products):
        detail = "send `result`, or `products` for a return"
        raise ResultOrProducts(detail, errors=[{"pointer": "", "detail": detail}])
    return check.result or ("bad" if any(product.result == "bad" for product in check.products) else "good")


def validate_products(product_ids: Sequence[str], checks: Sequence[ProductCheck]) -> None:
    """WrongProducts unless each product of the return has one result, and each bad one a reason."""
    errors, seen = [], set[str]()
    for position, check in enumerate(checks):
        if check.product_id not in product_ids or check.product_id in seen:
            detail = "repeated" if check.product_id in seen else "not in this return"
            errors.append({"pointer": f"/products/{position}/product_id", "detail": detail})
        elif check.result == "bad" and check.reason is None:
            errors.append({"pointer": f"/products/{position}/reason", "detail": "give the reason why it is bad"})
        seen.add(check.product_id)
    missing = [product_id for product_id in product_ids if product_id not in seen]
    errors += [{"pointer": "/products", "detail": f"{product_id} is missing"} for product_id in missing]
    if errors:
        raise WrongProducts(errors=errors)
