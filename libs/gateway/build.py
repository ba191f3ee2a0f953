"""From `gateway-config/<gateway>.yaml` and the contracts to a file that a gateway starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from libs.gateway.inputs import EnvoyInputs

GatewayName = Literal["external", "internal"]
ROOT = Path(__file__).resolve().parents[2]


def write_envoy_config(
    gateway: GatewayName,
    out_path: Path,
    inputs: EnvoyInputs,
    *,
    config_dir: Path = ROOT / "gateway-config",
    contracts_dir: Path = ROOT / "openapi",
) -> None:
    """Write Envoy's configuration (JSON) of one gateway; raises GatewayConfigError when something does not fit."""
    raise NotImplementedError


def envoy_command(config_path: Path, *, concurrency: int = 1, mode: str = "serve") -> list[str]:
    """The command line that runs Envoy on `config_path`; `mode="validate"` only checks it."""
    raise NotImplementedError
