"""Which addresses the tiers of a service network have.

A tier is one block, halved between the two zones, so that a rule about it needs one range and no more. No tier's
block has another tier next to it: a range that is one bit too wide is detected.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import islice

# Tier: (length of its block's prefix, address of the block in the network's /16).
PUBLIC, COMPUTE, DATA, TRANSIT, ENTRY = "public", "compute", "data", "transit", "entry"
BLOCKS = {
    COMPUTE: (18, 0x0000),
    PUBLIC: (23, 0x4000),
    DATA: (23, 0x5000),
    TRANSIT: (27, 0x6000),
    ENTRY: (25, 0x7000),
}


def tier_range(network: IPv4Network, tier: str) -> IPv4Network:
    """The block of a tier over both zones."""
    length, place = BLOCKS[tier]
    return IPv4Network((int(network.network_address) + place, length))


def subnet_ranges(network: IPv4Network, tier: str) -> tuple[IPv4Network, IPv4Network]:
    """The tier's subnets in the first and the second zone."""
    first, second = tier_range(network, tier).subnets()
    return first, second


def fixed_address(subnet: IPv4Network, number: int) -> str:
    """The subnet's address with this number; Amazon keeps the first four and the last one."""
    return str(next(islice(subnet.hosts(), number - 1, None)))
