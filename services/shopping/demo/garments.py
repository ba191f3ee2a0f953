"""The kinds of clothes of the demo data (garments.json), and the fields of a random product of one kind."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

DATA = json.loads(Path(__file__).with_name("garments.json").read_text(encoding="utf-8"))
# Category → names, materials, sizes and price range in euros when new, and the layers of its picture.
GARMENTS: dict[str, dict[str, Any]] = DATA["garments"]
COLOURS: dict[str, str] = DATA["colours"]
SHARE_OF_NEW_PRICE = {"new": 1.0, "very_good": 0.8, "good": 0.6, "fair": 0.4}


def random_facts(category: str, random: Random) -> dict[str, Any]:
    garment = GARMENTS[category]
    sizes = DATA["sizes"][garment["sizes"]]
    material, name = random.choice(garment["materials"]), random.choice(garment["names"])
    colour, size = random.choice(list(COLOURS)), random.choice(sizes["values"])
    title = f"{colour} {material} {name}"
    size_text = "one size" if size == "ONE" else f"size {sizes['system']} {size}"
    return {
        "title": title[0].upper() + title[1:],
        "description": f"{random.choice(DATA['descriptions'])} {material.capitalize()}, {size_text}.",
        "category": category,
        "brand": random.choice(DATA["brands"]),
        "colour": colour,
        "condition": random.choice(DATA["conditions"]),
        "sizes": [{"system": sizes["system"], "value": size}],
        "attributes": {"material": material},
    }


def random_price(category: str, condition: str, random: Random) -> int:
    """Cents, ending in 50 or 90; more worn clothes are cheaper."""
    euros = random.randint(*GARMENTS[category]["euros"]) * SHARE_OF_NEW_PRICE[condition]
    return int(euros) * 100 + random.choice((50, 90))
