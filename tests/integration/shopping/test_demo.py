"""The demo data of a first run."""

from __future__ import annotations

import io
from collections import Counter

import httpx
import pytest
from PIL import Image

from services.shopping import catalogue, demo, inventory, photo_conversion, photo_sizes, product_store
from services.shopping.catalogue import ProductFilter
from services.shopping.schemas import ProductSchema

pytestmark = pytest.mark.usefixtures("shopping")


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some products of each state instead of hundreds."""
    monkeypatch.setattr(demo, "PUBLISHED", 16)
    monkeypatch.setattr(demo, "WITH_PHOTO_SIZES", 3)


def test_the_demo_fills_the_shop_once() -> None:
    demo.load()
    products = product_store.list_products({}, [("_id", 1)], 1000)
    states = Counter(str(product.state) for product in products)
    assert states["published"] >= 200
    assert states["priced"] >= 3
    assert states["draft"] >= 3
    for facet in ("category", "brand", "colour", "condition"):
        assert len({getattr(product, facet) for product in products}) >= 4, facet
    prices = [product.price for product in products if product.price]
    assert all(price.currency == "EUR" and 100 < price.amount < 20000 for price in prices)

    demo.load()
    assert product_store.list_products({}, [("_id", 1)], 1000) == products


def test_a_demo_product_has_its_page_and_its_picture(small_demo: None) -> None:
    demo.load()
    [newest] = catalogue.browse(ProductFilter(), "newest", 1, None)["items"]
    shown = ProductSchema().dump(catalogue.get_product(newest.id))
    picture = httpx.get(shown["photos"][0]["url"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(picture.content)).size == (600, 800)
    assert inventory.get_product(newest.id).photos[0].width == 600


def test_the_worker_makes_the_pictures_of_the_first_pages_in_all_sizes(small_demo: None) -> None:
    demo.load()
    while photo_conversion.convert_photos():
        pass
    shown = catalogue.browse(ProductFilter(), "newest", demo.WITH_PHOTO_SIZES + 1, None)["items"]
    *first, next_one = [[size.name for size in product.photos[0].sizes] for product in shown]
    assert first == [list(photo_sizes.WIDTHS)] * demo.WITH_PHOTO_SIZES
    assert next_one == ["large"]


def test_a_demo_that_was_interrupted_is_completed(small_demo: None) -> None:
    demo.load()
    product_store.products_collection().delete_many({"category": "coats"})
    demo.load()
    assert len(product_store.list_products({}, [("_id", 1)], 1000)) == demo.PUBLISHED + demo.PRICED + demo.DRAFTS
