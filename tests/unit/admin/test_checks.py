"""What a check results in."""

from __future__ import annotations

import pytest

from services.admin.checks.rules import (
    Check,
    ProductCheck,
    ResultOrProducts,
    WrongProducts,
    overall_result,
    validate_products,
)

GOOD, BAD = ProductCheck("prd_1", "good"), ProductCheck("prd_2", "bad", "Torn")


@pytest.mark.parametrize(
    ("check", "result"),
    [
        (Check(result="good"), "good"),
        (Check(result="bad"), "bad"),
        (Check(products=[GOOD]), "good"),
        (Check(products=[GOOD, BAD]), "bad"),
    ],
)
def test_a_package_is_bad_when_one_product_is(check: Check, result: str) -> None:
    assert overall_result(check) == result


@pytest.mark.parametrize("check", [Check(), Check(result="good", products=[GOOD])])
def test_a_check_has_one_result_or_one_for_each_product(check: Check) -> None:
    with pytest.raises(ResultOrProducts):
        overall_result(check)


@pytest.mark.parametrize(
    ("products", "pointers"),
    [
        ([GOOD], ["/products"]),
        ([GOOD, GOOD, BAD], ["/products/1/product_id"]),
        ([GOOD, BAD, ProductCheck("prd_3", "good")], ["/products/2/product_id"]),
        ([GOOD, ProductCheck("prd_2", "bad")], ["/products/1/reason"]),
    ],
)
def test_each_product_of_a_return_has_one_result_and_a_bad_one_a_reason(
    products: list[ProductCheck], pointers: list[str]
) -> None:
    with pytest.raises(WrongProducts) as caught:
        validate_products(["prd_1", "prd_2"], products)
    assert [error["pointer"] for error in caught.value.errors or ()] == pointers
    validate_products(["prd_1", "prd_2"], [GOOD, BAD])
