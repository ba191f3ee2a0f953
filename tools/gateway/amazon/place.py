"""What a place (dev, staging, production) changes in a gateway: its names, and who may reach it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tools.gateway.model import Gateway


@dataclass(frozen=True)
class Place:
    """Each field that is not empty stands for that of `gateway-config/`, which is of one machine.

    A private gateway is reached by a VPC endpoint only, and its source ranges are addresses in the VPC.
    """

    host_name: str = ""
    allowed_origins: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    private: bool = False

    def of(self, gateway: Gateway) -> Gateway:
        """The gateway as it is there."""
        origins = self.allowed_origins or gateway.cors.allowed_origins
        return replace(
            gateway,
            host_names=(self.host_name,) if self.host_name else gateway.host_names,
            source_ranges=self.source_ranges or gateway.source_ranges,
            cors=replace(gateway.cors, allowed_origins=origins),
        )
