"""Demo data: products with drawn pictures in several states, the same on every machine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

from pymongo import UpdateOne

from libs.chassis import clock
from services.shopping.demo.garments import GARMENTS, random_facts, random_price
from services.shopping.demo.pictures import HEIGHT, WIDTH, draw_garment
from services.shopping.document_store import Document
from services.shopping.photos.photo_files import PUBLIC, build_originals_folder, photo_bucket
from services.shopping.photos.photo_store import photo_to_document
from services.shopping.products.product_store import find_products, photo_from_document, products_collection
from services.shopping.products.rules import PHOTOS_VERSION, Photo, PhotoSize, ProductState
from services.shopping.search import spelling
from services.shopping.search.terms import build_index_fields, list_spelling_words

PUBLISHED, PRICED, DRAFTS = 216, 8, 8
# Each product has dozens of index entries; a slow machine takes longer for more of them than a client waits.
BATCH_SIZE = 20
# The newest, which the first pages show, get all photo sizes from the worker; the others keep one size.
WITH_PHOTO_SIZES = 40


def load() -> None:
    """Insert the demo products that are missing, with their pictures."""
    photo_bucket().create_if_missing()
    products = list(_generate_products())
    existing = set(find_products(product["_id"] for product in products))
    missing = [(number, product) for number, product in enumerate(products) if product["_id"] not in existing]
    if not missing:
        return
    # The pictures first, so that every product in the collection has its own.
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_store_picture, *zip(*missing, strict=True)))
    writes = [UpdateOne({"_id": product["_id"]}, {"$setOnInsert": product}, upsert=True) for _, product in missing]
    spelling.add_words(set().union(*(list_spelling_words(product) for _, product in missing)))
    for start in range(0, len(writes), BATCH_SIZE):
        products_collection().bulk_write(writes[start : start + BATCH_SIZE], ordered=False)


def _generate_products() -> Iterator[Document]:
    random = Random("reclothes")  # noqa: S311 the same clothes every time, no secret
    states = [ProductState.PUBLISHED] * PUBLISHED + [ProductState.PRICED] * PRICED + [ProductState.DRAFT] * DRAFTS
    for number, state in enumerate(states):
        yield _build_product(number, state, random)


def _build_product(number: int, state: ProductState, random: Random) -> Document:
    category = list(GARMENTS)[number % len(GARMENTS)]
    facts = random_facts(category, random)
    cents = random_price(category, facts["condition"], random)
    product_id = _build_id("prd", number)
    created_at = clock.now() - timedelta(hours=3 * number + random.randint(1, 3))
    product: Document = products_collection.add_version(
        {
            "_id": product_id,
            "version": 1,
            "state": str(state),
            **facts,
            **build_index_fields(facts),
            "photos": [photo_to_document(_build_photo(number, product_id))],
            "photos_version": PHOTOS_VERSION if number >= WITH_PHOTO_SIZES else PHOTOS_VERSION - 1,
            "created_at": created_at,
            "updated_at": created_at,
            "outbox": [],
        }
    )
    if state is not ProductState.DRAFT:
        product["price"] = {"amount": cents, "currency": "EUR"}
    if state is ProductState.PUBLISHED:
        product["published_at"] = created_at
    return product


def _build_photo(number: int, product_id: str) -> Photo:
    """A photo with one size, which needs no scaling."""
    photo_id = _build_id("pho", number)
    size = PhotoSize("large", f"{PUBLIC}{product_id}/{photo_id}.jpg", WIDTH, HEIGHT)
    key = f"{build_originals_folder(product_id)}/{photo_id}.jpg"
    return Photo(photo_id, key, "image/jpeg", WIDTH, HEIGHT, (size,))


def _store_picture(number: int, product: Document) -> None:
    picture = draw_garment(product["category"], product["colour"], number // len(GARMENTS) + number)
    photo = photo_from_document(product["photos"][0])
    for key in (photo.key, photo.sizes[0].key):
        photo_bucket().write(key, picture, photo.content_type)


def _build_id(prefix: str, number: int) -> str:
    return f"{prefix}_" + uuid.uuid5(uuid.NAMESPACE_URL, f"https://reclothes.example/{prefix}/{number}").hex
