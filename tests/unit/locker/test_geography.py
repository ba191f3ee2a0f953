"""Distances on the globe, also where maps end."""

from __future__ import annotations

import pytest

from services.locker.geography import distance_m


@pytest.mark.parametrize(
    ("here", "there", "kilometres"),
    [
        ((38.7139, -9.1394), (38.7139, -9.1394), 0),
        ((38.7223, -9.1393), (41.1579, -8.6291), 274),  # Lisbon to Porto
        ((0.0, 179.9), (0.0, -179.9), 22.2),  # over the date line
        ((90.0, 0.0), (90.0, 123.0), 0),  # the pole has every longitude
        ((89.9, 0.0), (89.9, 180.0), 22.2),  # over the pole
        ((90.0, 0.0), (-90.0, 0.0), 20015),
        ((0.0, 0.0), (0.0, 180.0), 20015),
    ],
)
def test_distance(here: tuple[float, float], there: tuple[float, float], kilometres: float) -> None:
    assert distance_m(*here, *there) == pytest.approx(kilometres * 1000, rel=0.01, abs=1)
    assert distance_m(*here, *there) == distance_m(*there, *here)
