"""Prices in another currency than the platform's, which remain after the setting is changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from libs.chassis import db, system_settings
from libs.chassis.money import Money
from services.shopping.cart import carts
from services.shopping.holds import creation
from services.shopping.products import product_store
from services.shopping.products.rules import Product, ProductUnavailable
from tests.integration.shopping.conftest import id_of

pytestmark = pytest.mark.usefixtures("provisioned")
ME = id_of("usr", "me")


@pytest.fixture
def use_currency() -> Callable[[str], None]:
    values = {system_settings.CURRENCY: "EUR"}
    system_settings.use_values(values)
    return lambda code: values.__setitem__(system_settings.CURRENCY, code)


def test_the_currencies_of_all_prices_are_listed(
    published: Callable[..., Product], draft: Callable[..., Product]
) -> None:
    draft()
    assert product_store.list_price_currencies() == []
    published(4900)
    assert product_store.list_price_currencies() == ["EUR"]


def test_a_product_priced_in_another_currency_cannot_be_ordered(
    published: Callable[..., Product], use_currency: Callable[[str], None]
) -> None:
    product = published(4900)
    with db.unit_of_work():
        carts.add_item(ME, product.id)
    use_currency("USD")
    with db.unit_of_work(reads_only=True):
        read = carts.get_cart(ME)
        quote = creation.quote([product.id])
    assert [(item.available, item.price) for item in read.items] == [(False, Money(4900, "EUR"))]
    assert read.total == Money(0, "USD")
    assert (quote.items, quote.unavailable_product_ids) == ([], [product.id])
    with pytest.raises(ProductUnavailable), db.unit_of_work():
        creation.create_hold(id_of("bor", "1"), ME, [product.id])
