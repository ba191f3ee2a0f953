"""The settings of one environment, from `infra/environments/<name>.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

ENVIRONMENTS = Path(__file__).parent / "environments"
# Where the templates of each environment are made.
OUT = Path(__file__).parent / "out"
# The order gives each service its range of addresses: append only.
SERVICES = ("auth", "customer", "shopping", "billing", "admin", "locker")


class SettingsError(ValueError):
    """A settings file is invalid; the message names file and field."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What differs between dev, staging and prod; `settings` has every field of the file, also the others' own."""

    name: str
    region: str
    zones: tuple[str, str]
    domain: str
    ranges: Mapping[str, IPv4Network]
    company_range: IPv4Network
    company_gateway_address: IPv4Address
    client_vpn_range: IPv4Network
    nat_gateways: int
    interface_endpoints: bool
    settings: Mapping[str, Any]

    @property
    def internal_domain(self) -> str:
        """The zone that only the internal resolver knows."""
        return f"internal.{self.domain}"


def names() -> list[str]:
    """All environments that have a settings file."""
    return sorted(file.stem for file in ENVIRONMENTS.glob("*.yaml"))


def load(name: str) -> Environment:
    """One environment; SettingsError when its file cannot be right."""
    file = ENVIRONMENTS / f"{name}.yaml"
    try:
        return parse(name, yaml.safe_load(file.read_text()))
    except FileNotFoundError:
        raise SettingsError(f"there is no environment {name!r}; there are {', '.join(names())}") from None
    except KeyError as missing:
        raise SettingsError(f"{file}: {missing} is missing") from None
    except ValueError as wrong:
        raise SettingsError(f"{file}: {wrong}") from None


def parse(name: str, fields: Mapping[str, Any]) -> Environment:
    """An environment from the fields of its file; KeyError or ValueError name what is wrong."""
    first_zone, second_zone = fields["zones"]
    found = Environment(
        name=name,
        region=fields["region"],
        zones=(first_zone, second_zone),
        domain=fields["domain"],
        ranges=_ranges(IPv4Network(fields["first_range"])),
        company_range=IPv4Network(fields["company_range"]),
        company_gateway_address=IPv4Address(fields["company_gateway_address"]),
        client_vpn_range=IPv4Network(fields["client_vpn_range"]),
        nat_gateways=fields["nat_gateways"],
        interface_endpoints=fields["interface_endpoints"],
        settings=MappingProxyType(dict(fields)),
    )
    if found.nat_gateways not in (1, 2):
        raise ValueError(f"nat_gateways is 1 or 2, not {found.nat_gateways}")
    _refuse_overlaps([*found.ranges.values(), found.company_range, found.client_vpn_range])
    return found


def _ranges(first: IPv4Network) -> Mapping[str, IPv4Network]:
    if first.prefixlen != 16:
        raise ValueError(f"first_range is a /16, not {first}")
    start, size = int(first.network_address), first.num_addresses
    following = {service: IPv4Network((start + number * size, 16)) for number, service in enumerate(SERVICES)}
    return MappingProxyType(following)


def _refuse_overlaps(ranges: list[IPv4Network]) -> None:
    for number, one in enumerate(ranges):
        for other in ranges[number + 1 :]:
            if one.overlaps(other):
                raise ValueError(f"{one} and {other} overlap")
