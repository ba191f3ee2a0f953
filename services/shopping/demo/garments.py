"""The kinds of clothes of the demo data, and the fields of a random product of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from services.shopping.demo.pictures import COLOURS

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
    "A small repair at the seam, hardly visible.",
    "Soft from years of good wear.",
)


@dataclass(frozen=True)
class Garment:
    """A kind of clothes: its names, materials and sizes, and its price range in euros when new."""

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


def random_facts(garment: Garment, random: Random) -> dict[str, Any]:
    material, name = random.choice(garment.materials), random.choice(garment.names)
    colour, size = random.choice(list(COLOURS)), random.choice(garment.sizes)
    title = f"{colour} {material} {name}"
    size_text = "one size" if size["value"] == "ONE" else f"size {size['system']} {size['value']}"
    return {
        "title": title[0].upper() + title[1:],
        "description": f"{random.choice(STORIES)} {material.capitalize()}, {size_text}.",
        "category": garment.category,
        "brand": random.choice(BRANDS),
        "colour": colour,
        "condition": random.choice(CONDITIONS),
        "sizes": [size],
        "attributes": {"material": material},
    }


def random_price(garment: Garment, condition: str, random: Random) -> int:
    """Cents, ending in 50 or 90; more worn clothes are cheaper."""
    euros = random.randint(*garment.euros) * SHARE_OF_NEW[condition]
    return int(euros) * 100 + random.choice((50, 90))
