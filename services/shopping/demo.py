"""Demo data: products with drawn pictures, on sale and on their way there; the same on every machine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from pymongo import UpdateOne

from libs.chassis import clock
from services.shopping import photo_sizes, photo_store, product_photos, product_store, vocabulary
from services.shopping.demo_pictures import COLOURS, HEIGHT, WIDTH, draw_garment
from services.shopping.products import (
    PHOTOS_VERSION,
    Document,
    Photo,
    PhotoSize,
    ProductState,
    photo_from_document,
)
from services.shopping.search_terms import vocabulary_of

PUBLISHED, PRICED, DRAFTS = 216, 8, 8
# Each has dozens of terms in the indexes; more of them at once take a slow machine longer than a client waits.
AT_ONCE = 20
# The newest, which the first pages show, are had in all sizes; for the others the first start takes no time.
WITH_PHOTO_SIZES = 40
LETTERS = [{"system": "letter", "value": value} for value in ("XS", "S", "M", "L", "XL")]
DRESS_SIZES = [{"system": "EU", "value": str(value)} for value in range(34, 48, 2)]
SHOE_SIZES = [{"system": "EU", "value": str(value)} for value in range(36, 46)]
WAISTS = [{"system": "W", "value": str(value)} for value in range(26, 38)]
ONE_SIZE = [{"system": "letter", "value": "ONE"}]
BRANDS = (
    "Lisboa Lã",
    "Alfama Atelier",
    "Tejo Denim",
    "Serra & Mar",
    "Casa Cinza",
    "Norte Knit",
    "Marquês",
    "Linha Fina",
    "Porto Pelle",
    "Andorinha",
    "Baixa Basics",
    "Fio d'Água",
)
CONDITIONS = ("new", "very_good", "very_good", "very_good", "good", "good", "fair")
SHARE_OF_NEW = {"new": 1.0, "very_good": 0.8, "good": 0.6, "fair": 0.4}
STORIES = (
    "Worn for one season and kept with care.",
    "Bought for a wedding, worn once.",
    "A favourite that no longer fits.",
    "Hardly worn, no signs of use.",
    "Washed gently, never in the dryer.",
    "A small mend at the seam, hardly to be seen.",
    "Soft from years of good wear.",
)


@dataclass(frozen=True)
class Garment:
    """A kind of clothes: its names, materials and sizes, and the price range (euros) when new."""

    category: str
    names: Sequence[str]
    materials: Sequence[str]
    sizes: Sequence[dict[str, str]]
    euros: tuple[int, int]


GARMENTS = (
    Garment("coats", ["coat", "trench coat", "duffle coat"], ["wool", "cashmere"], DRESS_SIZES, (50, 140)),
    Garment("jackets", ["bomber jacket", "blazer"], ["leather", "cotton", "linen"], LETTERS, (35, 95)),
    Garment("dresses", ["summer dress", "wrap dress", "shirt dress"], ["silk", "cotton"], DRESS_SIZES, (22, 80)),
    Garment("shirts", ["shirt", "blouse", "overshirt"], ["linen", "cotton", "flannel"], LETTERS, (14, 42)),
    Garment("t-shirts", ["T-shirt", "pocket T-shirt"], ["organic cotton", "cotton"], LETTERS, (7, 20)),
    Garment("knitwear", ["jumper", "cardigan", "rollneck"], ["merino", "lambswool", "cotton"], LETTERS, (20, 68)),
    Garment("trousers", ["trousers", "chinos"], ["cotton twill", "wool", "linen"], DRESS_SIZES, (18, 58)),
    Garment("jeans", ["straight jeans", "slim jeans", "wide jeans"], ["denim"], WAISTS, (20, 60)),
    Garment("skirts", ["midi skirt", "pleated skirt"], ["wool", "viscose"], DRESS_SIZES, (15, 48)),
    Garment("shorts", ["shorts", "bermudas"], ["cotton", "linen"], LETTERS, (10, 30)),
    Garment("shoes", ["trainers", "walking shoes"], ["canvas", "leather"], SHOE_SIZES, (24, 85)),
    Garment("bags", ["tote bag", "shoulder bag"], ["leather", "canvas"], ONE_SIZE, (18, 90)),
    Garment("scarves", ["scarf", "stole"], ["silk", "cashmere", "wool"], ONE_SIZE, (9, 45)),
)


def load() -> None:
    """Adds the demo products that are missing, with their pictures."""
    photo_store.photo_bucket().create_if_missing()
    products = list(_products())
    there = set(product_store.find_products(product["_id"] for product in products))
    missing = [(number, product) for number, product in enumerate(products) if product["_id"] not in there]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_store_picture, *zip(*missing, strict=True)) if missing else ())
    # Pictures first: a product that is there always has its own.
    writes = [UpdateOne({"_id": product["_id"]}, {"$setOnInsert": product}, upsert=True) for _, product in missing]
    if writes:
        vocabulary.learn(set().union(*(vocabulary_of(product) for _, product in missing)))
        for begin in range(0, len(writes), AT_ONCE):
            product_store.products_collection().bulk_write(writes[begin : begin + AT_ONCE], ordered=False)


def _products() -> Iterator[Document]:
    chance = Random("reclothes")  # noqa: S311 the same clothes every time, no secret
    states = [ProductState.PUBLISHED] * PUBLISHED + [ProductState.PRICED] * PRICED + [ProductState.DRAFT] * DRAFTS
    for number, state in enumerate(states):
        yield _product(number, state, chance)


def _product(number: int, state: ProductState, chance: Random) -> Document:
    garment = GARMENTS[number % len(GARMENTS)]
    facts = _facts(garment, chance)
    cents = _price(garment, facts["condition"], chance)
    product_id = _id("prd", number)
    created_at = clock.now() - timedelta(hours=3 * number + chance.randint(1, 3))
    product: Document = {
        "_id": product_id,
        "version": 1,
        "state": str(state),
        **facts,
        **product_store.found_by(facts),
        "photos": [product_photos.stored_photo(_photo(number, product_id))],
        "photos_version": PHOTOS_VERSION if number >= WITH_PHOTO_SIZES else PHOTOS_VERSION - 1,
        "created_at": created_at,
        "updated_at": created_at,
        "announcements": [],
    }
    if state is not ProductState.DRAFT:
        product["price"] = {"amount": cents, "currency": "EUR"}
    if state is ProductState.PUBLISHED:
        product["published_at"] = created_at
    return product


def _photo(number: int, product_id: str) -> Photo:
    """One size only, which needs no scaling; the worker makes the others of the newest."""
    photo_id = _id("pho", number)
    shown = PhotoSize("large", f"{photo_store.SHOWN}{product_id}/{photo_id}.jpg", WIDTH, HEIGHT)
    key = f"{photo_sizes.originals_folder(product_id)}/{photo_id}.jpg"
    return Photo(photo_id, key, "image/jpeg", WIDTH, HEIGHT, (shown,))


def _facts(garment: Garment, chance: Random) -> dict[str, Any]:
    material, name = chance.choice(garment.materials), chance.choice(garment.names)
    colour, size = chance.choice(list(COLOURS)), chance.choice(garment.sizes)
    title = f"{colour} {material} {name}"
    worn_size = "one size" if size["value"] == "ONE" else f"size {size['system']} {size['value']}"
    return {
        "title": title[0].upper() + title[1:],
        "description": f"{chance.choice(STORIES)} {material.capitalize()}, {worn_size}.",
        "category": garment.category,
        "brand": chance.choice(BRANDS),
        "colour": colour,
        "condition": chance.choice(CONDITIONS),
        "sizes": [size],
        "attributes": {"material": material},
    }


def _price(garment: Garment, condition: str, chance: Random) -> int:
    """Cents, ending in 50 or 90, less for what is more worn."""
    euros = chance.randint(*garment.euros) * SHARE_OF_NEW[condition]
    return int(euros) * 100 + chance.choice((50, 90))


def _store_picture(number: int, product: Document) -> None:
    picture = draw_garment(product["category"], product["colour"], number // len(GARMENTS) + number)
    photo = photo_from_document(product["photos"][0])
    for key in (photo.key, photo.sizes[0].key):
        photo_store.photo_bucket().write(key, picture, photo.content_type)


def _id(prefix: str, number: int) -> str:
    return f"{prefix}_" + uuid.uuid5(uuid.NAMESPACE_URL, f"https://reclothes.example/{prefix}/{number}").hex
