"""Distances on the globe, also where maps end."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.locker.geography import HALF_WAY_ROUND_M, distance_m, frame_around


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


@settings(deadline=None)
@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(0, 1.2 * HALF_WAY_ROUND_M),
)
@example(0.0, -179.9, 0.0, 179.9, 30_000.0)
@example(0.0, 179.9, 0.0, -179.9, 30_000.0)
@example(89.9, 0.0, 89.9, 180.0, 30_000.0)
@example(-89.9, 0.0, -89.9, 90.0, 30_000.0)
def test_every_point_within_reach_lies_in_the_frame(
    latitude: float, longitude: float, other_latitude: float, other_longitude: float, metres: float
) -> None:
    frame = frame_around(latitude, longitude, metres + 1)
    if distance_m(latitude, longitude, other_latitude, other_longitude) <= metres:
        assert frame.south <= other_latitude <= frame.north
        assert any(west <= other_longitude <= east for west, east in frame.longitudes)
