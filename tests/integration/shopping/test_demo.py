"""The demo data."""

from __future__ import annotations

import io
from collections import Counter

import httpx
import pytest
from PIL import Image

from services.shopping import demo
from services.shopping.catalogue import browsing
from services.shopping.catalogue.browsing import ProductFilter
from services.shopping.photos import rebuild, renditions
from services.shopping.products import product_store
from services.shopping.products.schemas import ProductSchema

pytestmark = pytest.mark.usefixtures("shopping")


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some products of each state instead of hundreds."""
    monkeypatch.setattr(demo, "PUBLISHED", 16)
    monkeypatch.setattr(demo, "WITH_PHOTO_SIZES", 3)


def test_loading_demo_data_is_idempotent() -> None:
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


def test_a_demo_product_has_a_picture(small_demo: None) -> None:
    demo.load()
    [newest] = browsing.browse(ProductFilter(), "newest", 1, None)["items"]
    shown = ProductSchema().dump(browsing.get_product(newest.id))
    picture = httpx.get(shown["photos"][0]["url"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(picture.content)).size == (600, 800)
    assert product_store.get_product(newest.id).photos[0].width == 600


def test_the_newest_demo_photos_are_rebuilt_in_all_sizes(small_demo: None) -> None:
    demo.load()
    while rebuild.rebuild_photos():
        pass
    shown = browsing.browse(ProductFilter(), "newest", demo.WITH_PHOTO_SIZES + 1, None)["items"]
    *first, next_one = [[size.name for size in product.photos[0].sizes] for product in shown]
    assert first == [list(renditions.WIDTHS)] * demo.WITH_PHOTO_SIZES
    assert next_one == ["large"]


def test_interrupted_demo_data_is_completed(small_demo: None) -> None:
    demo.load()
    product_store.products_collection().delete_many({"category": "coats"})
    demo.load()
    assert len(product_store.list_products({}, [("_id", 1)], 1000)) == demo.PUBLISHED + demo.PRICED + demo.DRAFTS
