"""Which sizes of other systems mean the same body: EU, UK, US and letters, for clothes and for shoes (b-pr-01).

There is no law that says it, and shops differ by half a size or one. The charts are our own, after what is usual in
retail; they were not compared with the text of a standard (EN 13402-3 for clothes, ISO 19407 for shoes):
- Women's EU numbers are half the bust in cm less 6 (bust 88 cm is EU 38), UK is EU - 28, US is EU - 32.
- Men's EU numbers are half the chest in cm (chest 96 cm is EU 48), UK and US are EU - 10 (the chest in inches).
- A letter is two neighbouring EU numbers: women's M is EU 40 and 42, men's M is EU 48 and 50.
- Shoes are pairs as shops print them, for women and for men.
A size between two of another system means both. Waists in inches (W) and what is in no chart mean themselves only.
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
# What people write for a system.
ALIASES: Final = {"letters": LETTER, "int": LETTER, "alpha": LETTER, "de": "eu", "gb": "uk"}
# The free-form attribute that says for whom a piece was cut, and so which chart its label follows.
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


def wear_of(category: str) -> Wear:
    return "shoes" if category in SHOES else "clothes"


def normal(system: str, value: str) -> Size:
    """One spelling: ("EU", " 38") and ("de", "38") → ("eu", "38")."""
    folded = " ".join(system.casefold().split())
    return ALIASES.get(folded, folded), " ".join(with_decimal_point(value).casefold().split())


def with_decimal_point(text: str) -> str:
    """'UK 6,5' → 'UK 6.5'; a comma between other things stays, with one space after it."""
    return _COMMA.sub(", ", _DECIMAL_COMMA.sub(".", text))


def listed(text: str) -> list[str]:
    """The sizes in a list with commas: 'UK 6,5,EU 38' are two. One that holds a comma stands in double quotes."""
    line = _HALF_SIZE.sub(r"\1.5", " ".join(text.split()))
    row = next(csv.reader([line], skipinitialspace=True), [])
    return [size.strip() for size in row if size.strip()]


def same_sizes(system: str, value: str, wear: Wear, cut: str | None = None) -> set[Size]:
    """This size and what it is in the other systems; without a cut by the women's and the men's chart."""
    size = normal(system, value)
    charts = CHARTS[wear]
    chosen: Iterable[_Chart] = [charts[cut]] if cut is not None and cut in charts else charts.values()
    same = {size}
    for chart in chosen:
        for row in chart:
            if row.get(size[0]) == size[1]:
                same |= set(row.items())
    return same


def of_product(category: str, labels: Iterable[Mapping[str, str]], attributes: Mapping[str, str]) -> set[Size]:
    """The sizes on the labels of a product, and the same in all systems."""
    wear, cut = wear_of(category), attributes.get(CUT)
    found = (same_sizes(label["system"], label["value"], wear, cut) for label in labels)
    return set().union(*found)


def of_person(body_sizes: Mapping[str, str]) -> dict[Wear, set[Size]]:
    """A customer's own sizes; a key is a system, with "shoes" before or after it for shoes ("EU shoes": "39")."""
    own: dict[Wear, set[Size]] = {"clothes": set(), "shoes": set()}
    for key, value in body_sizes.items():
        words = key.casefold().split()
        wear: Wear = "shoes" if "shoes" in words else "clothes"
        system = " ".join(word for word in words if word not in ("shoes", "clothes")) or "eu"
        own[wear].add(normal(system, value))
    return own
