"""Distances on the globe."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_M = 6_371_008.8  # mean radius (IUGG)


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> int:
    """Great-circle distance in metres between two points in degrees (haversine; right at poles and date line)."""
    here, there = radians(latitude), radians(other_latitude)
    half_height = sin((there - here) / 2) ** 2
    half_width = sin(radians(other_longitude - longitude) / 2) ** 2
    return round(2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half_height + cos(here) * cos(there) * half_width))))
