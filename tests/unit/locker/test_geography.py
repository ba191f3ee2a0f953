"""Distances and bounding boxes, also at the poles and across the date line."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.locker.locations.geography import MAX_DISTANCE_M, bounding_box, distance_m


@pytest.mark.parametrize(
    ("start", "end", "kilometres"),
    [
        ((38.7139, -9.1394), (38.7139, -9.1394), 0),
        ((38.7223, -9.1393), (41.1579, -8.6291), 274),  # Lisbon to Porto
        ((0.0, 179.9), (0.0, -179.9), 22.2),  # across the date line
        ((90.0, 0.0), (90.0, 123.0), 0),  # the pole has every longitude
        ((89.9, 0.0), (89.9, 180.0), 22.2),  # over the pole
        ((90.0, 0.0), (-90.0, 0.0), 20015),
        ((0.0, 0.0), (0.0, 180.0), 20015),
    ],
)
def test_distance(start: tuple[float, float], end: tuple[float, float], kilometres: float) -> None:
    assert distance_m(*start, *end) == pytest.approx(kilometres * 1000, rel=0.01, abs=1)
    assert distance_m(*start, *end) == distance_m(*end, *start)


@settings(deadline=None)
@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(0, 1.2 * MAX_DISTANCE_M),
)
@example(0.0, -179.9, 0.0, 179.9, 30_000.0)
@example(0.0, 179.9, 0.0, -179.9, 30_000.0)
@example(89.9, 0.0, 89.9, 180.0, 30_000.0)
@example(-89.9, 0.0, -89.9, 90.0, 30_000.0)
def test_every_point_within_the_distance_lies_in_the_bounding_box(
    latitude: float, longitude: float, other_latitude: float, other_longitude: float, metres: float
) -> None:
    box = bounding_box(latitude, longitude, metres + 1)
    if distance_m(latitude, longitude, other_latitude, other_longitude) <= metres:
        assert box.south <= other_latitude <= box.north
        assert any(west <= other_longitude <= east for west, east in box.longitudes)
