"""Equivalent sizes in the systems EU, UK, US and letters, for clothes and for shoes (story b-pr-01).

No law defines them, and shops differ by half a size or one. The charts are our own and follow common retail
practice; they were not compared with the text of a standard (EN 13402-3 for clothes, ISO 19407 for shoes):
- Women's EU numbers are half the bust in cm less 6 (bust 88 cm is EU 38), UK is EU - 28, US is EU - 32.
- Men's EU numbers are half the chest in cm (chest 96 cm is EU 48), UK and US are EU - 10 (the chest in inches).
- A letter covers two consecutive EU numbers: women's M is EU 40 and 42, men's M is EU 48 and 50.
- Shoes are pairs as shops print them, for women and for men.
A size between two sizes of another system is equivalent to both. Waists in inches (W), and sizes that no chart has,
have no equivalents.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal

# In a list a comma is a decimal one only in half sizes with a system: UK 6,5 is one size, 4,5,6 are three.
_HALF_SIZE = re.compile(r"([^\W\d_]\s*\d+),5(?!\d)")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_COMMA = re.compile(r"\s*,\s*")
Size = tuple[str, str]  # (system, value), e.g. ("eu", "38")
Wear = Literal["clothes", "shoes"]

SHOES: Final = frozenset({"shoes", "boots", "sandals", "sneakers", "trainers", "heels", "slippers"})
LETTER: Final = "letter"
# Other names of the systems.
ALIASES: Final = {"letters": LETTER, "int": LETTER, "alpha": LETTER, "de": "eu", "gb": "uk"}
# The free-form attribute ("women" or "men") that selects the chart which a product's label follows.
CUT: Final = "cut"

_WOMENS_LETTERS = {
    "xs": (32, 34),
    "s": (36, 38),
    "m": (40, 42),
    "l": (44, 46),
    "xl": (48, 50),
    "xxl": (52, 54),
}
_MENS_LETTERS = {
    "xs": (40, 42),
    "s": (44, 46),
    "m": (48, 50),
    "l": (52, 54),
    "xl": (56, 58),
    "xxl": (60, 62),
}
_Chart = tuple[Mapping[str, str], ...]

_WOMENS_CLOTHES: _Chart = tuple(
    {"eu": str(eu), "uk": str(eu - 28), "us": str(eu - 32), LETTER: letter}
    for letter, sizes in _WOMENS_LETTERS.items()
    for eu in sizes
)
_MENS_CLOTHES: _Chart = tuple(
    {"eu": str(eu), "uk": str(eu - 10), "us": str(eu - 10), LETTER: letter}
    for letter, sizes in _MENS_LETTERS.items()
    for eu in sizes
)


def _shoes(*rows: tuple[str, str, str]) -> _Chart:
    return tuple({"eu": eu, "uk": uk, "us": us} for eu, uk, us in rows)


_WOMENS_SHOES = _shoes(
    ("35", "2.5", "5"),
    ("36", "3.5", "6"),
    ("37", "4", "6.5"),
    ("38", "5", "7.5"),
    ("39", "6", "8.5"),
    ("40", "6.5", "9"),
    ("41", "7.5", "10"),
    ("42", "8", "10.5"),
)
_MENS_SHOES = _shoes(
    ("39", "6", "6.5"),
    ("40", "6.5", "7"),
    ("41", "7.5", "8"),
    ("42", "8", "8.5"),
    ("43", "9", "9.5"),
    ("44", "9.5", "10"),
    ("45", "10.5", "11"),
    ("46", "11", "11.5"),
)
CHARTS: Final[Mapping[Wear, Mapping[str, _Chart]]] = {
    "clothes": {"women": _WOMENS_CLOTHES, "men": _MENS_CLOTHES},
    "shoes": {"women": _WOMENS_SHOES, "men": _MENS_SHOES},
}


def get_wear(category: str) -> Wear:
    return "shoes" if category in SHOES else "clothes"


def normalize(system: str, value: str) -> Size:
    """One spelling: ("EU", " 38") and ("de", "38") → ("eu", "38")."""
    folded = " ".join(system.casefold().split())
    return ALIASES.get(folded, folded), " ".join(replace_decimal_comma(value).casefold().split())


def replace_decimal_comma(text: str) -> str:
    """'UK 6,5' → 'UK 6.5'; every other comma stays, with one space after it."""
    return _COMMA.sub(", ", _DECIMAL_COMMA.sub(".", text))


def split_list(text: str) -> list[str]:
    """The sizes in a comma-separated list: 'UK 6,5,EU 38' has two. One with a comma of its own is quoted."""
    line = _HALF_SIZE.sub(r"\1.5", " ".join(text.split()))
    row = next(csv.reader([line], skipinitialspace=True), [])
    return [size.strip() for size in row if size.strip()]


def find_equivalent_sizes(system: str, value: str, wear: Wear, cut: str | None = None) -> set[Size]:
    """This size in all systems; without a known cut by both the women's and the men's chart."""
    size = normalize(system, value)
    charts = CHARTS[wear]
    selected: Iterable[_Chart] = [charts[cut]] if cut is not None and cut in charts else charts.values()
    equivalent = {size}
    for chart in selected:
        for row in chart:
            if row.get(size[0]) == size[1]:
                equivalent |= set(row.items())
    return equivalent


def list_product_sizes(
    category: str, labels: Iterable[Mapping[str, str]], attributes: Mapping[str, str]
) -> set[Size]:
    """The sizes on the labels of a product, in all systems."""
    wear, cut = get_wear(category), attributes.get(CUT)
    return set().union(*(find_equivalent_sizes(label["system"], label["value"], wear, cut) for label in labels))


def list_person_sizes(body_sizes: Mapping[str, str]) -> dict[Wear, set[Size]]:
    """A customer's sizes by wear; a key is a system, with the word "shoes" for shoes ({"EU shoes": "39"})."""
    own: dict[Wear, set[Size]] = {"clothes": set(), "shoes": set()}
    for key, value in body_sizes.items():
        words = key.casefold().split()
        wear: Wear = "shoes" if "shoes" in words else "clothes"
        system = " ".join(word for word in words if word not in ("shoes", "clothes")) or "eu"
        own[wear].add(normalize(system, value))
    return own
