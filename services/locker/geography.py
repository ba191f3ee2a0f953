"""Distances on the globe."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, degrees, pi, radians, sin, sqrt

EARTH_RADIUS_M = 6_371_008.8  # mean radius (IUGG)


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> int:
    """Great-circle distance in metres between two points in degrees (haversine; right at poles and date line)."""
    here, there = radians(latitude), radians(other_latitude)
    half_height = sin((there - here) / 2) ** 2
    half_width = sin(radians(other_longitude - longitude) / 2) ** 2
    return round(2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half_height + cos(here) * cos(there) * half_width))))


HALF_WAY_ROUND_M = pi * EARTH_RADIUS_M


@dataclass(frozen=True)
class Frame:
    """All points within some metres of a point lie in it: latitudes, and one or two ranges of longitudes."""

    south: float
    north: float
    longitudes: tuple[tuple[float, float], ...]


def frame_around(latitude: float, longitude: float, metres: float) -> Frame:
    """A frame (degrees) around a point; at the date line it has two parts, around a pole all longitudes."""
    reach = metres / EARTH_RADIUS_M
    south, north = latitude - degrees(reach), latitude + degrees(reach)
    whole = ((-180.0, 180.0),)
    if south <= -90 or north >= 90:
        return Frame(max(south, -90.0), min(north, 90.0), whole)
    width = degrees(asin(min(1.0, sin(min(reach, pi / 2)) / cos(radians(latitude)))))
    west, east = longitude - width, longitude + width
    if west < -180:
        return Frame(south, north, ((-180.0, east), (west + 360, 180.0)))
    if east > 180:
        return Frame(south, north, ((west, 180.0), (-180.0, east - 360)))
    return Frame(south, north, ((west, east),))
