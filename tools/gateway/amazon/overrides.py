"""What an environment (dev, staging, production) changes in a gateway: its host name and who may reach it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tools.gateway.model import Gateway


@dataclass(frozen=True)
class Overrides:
    """Each field that is not empty replaces that of `gateway-config/`, which describes a local platform.

    A private gateway is reached by a VPC endpoint only, and its source ranges are addresses in the VPC.
    """

    host_name: str = ""
    allowed_origins: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    private: bool = False

    def apply(self, gateway: Gateway) -> Gateway:
        origins = self.allowed_origins or gateway.cors.allowed_origins
        return replace(
            gateway,
            host_names=(self.host_name,) if self.host_name else gateway.host_names,
            source_ranges=self.source_ranges or gateway.source_ranges,
            cors=replace(gateway.cors, allowed_origins=origins),
        )
