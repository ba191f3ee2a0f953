"""The photos of a product that pages show, and their addresses."""

from __future__ import annotations

from services.shopping.products.rules import Photo, Product
from services.shopping.settings import shopping_settings

MAX_SHOWN = 20  # `maxItems` of the contract


def shown_photos(product: Product) -> list[Photo]:
    """The photos that have scaled files."""
    return [photo for photo in product.photos if photo.sizes][:MAX_SHOWN]


def public_url(photo: Photo) -> str:
    """The largest scaled file; never the uploaded one."""
    return url_of_key(photo.sizes[-1].key)


def url_of_key(key: str) -> str:
    return f"{shopping_settings().photo_base_url.rstrip('/')}/{key}"
