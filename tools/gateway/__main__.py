"""`python -m tools.gateway`: show, check and build the gateways."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from tools.errors import CommandGroup
from tools.gateway.amazon import Overrides
from tools.gateway.build import (
    CONFIG_DIR,
    GATEWAYS,
    GatewayName,
    envoy_command,
    read_gateway,
    write_amazon_documents,
    write_envoy_config,
)
from tools.gateway.inputs import STDOUT, EnvoyInputs
from tools.gateway.model import Gateway
from tools.project import CONTRACTS

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_GATEWAY = click.argument("gateway", type=click.Choice(GATEWAYS))
_OUT = click.argument("out", type=_FILE)


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise click.BadParameter(f"{text!r} is not HOST:PORT")
    return host, int(port)


def _upstream(text: str) -> tuple[str, tuple[str, int]]:
    service, _, address = text.partition("=")
    return service, _host_and_port(address)


def _admin(text: str) -> Path | int:
    return int(text) if text.isdigit() else Path(text)


@click.group(cls=CommandGroup)
@click.option("--config-dir", type=_FOLDER, default=CONFIG_DIR, show_default="gateway-config")
@click.option("--contracts-dir", type=_FOLDER, default=CONTRACTS, show_default="openapi")
@click.pass_context
def main(context: click.Context, config_dir: Path, contracts_dir: Path) -> None:
    """Show, check and build the gateways."""
    context.obj = {"config_dir": config_dir, "contracts_dir": contracts_dir}


@main.command()
@click.pass_obj
def check(folders: dict[str, Path]) -> None:
    """Check both configurations against the contracts."""
    for name in GATEWAYS:
        gateway = read_gateway(name, **folders)
        click.echo(f"{name}: {len(gateway.exposed)} operations of {', '.join(gateway.services)}")


@main.command()
@_GATEWAY
@click.pass_obj
def show(folders: dict[str, Path], gateway: GatewayName) -> None:
    """Print the operations that a gateway exposes as a table."""
    rows = [
        ("method", "path", "operation", "token", "throttle", "body limit"),
        *_rows(read_gateway(gateway, **folders)),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _rows(gateway: Gateway) -> list[tuple[str, ...]]:
    return [
        (
            exposed.operation.method,
            path,
            exposed.operation.operation_id,
            "required" if exposed.needs_token else "open",
            exposed.throttle.name,
            f"{exposed.body_limit_bytes}",
        )
        for path, operations in gateway.by_path().items()
        for exposed in operations
    ]


@main.command()
@_GATEWAY
@_OUT
@click.option("--stage-settings", type=_FILE, help="Also write the throttles and body limits of the stage here.")
@click.option("--host-name", default="", help="The gateway's host name; default: that of the configuration.")
@click.option("--allowed-origin", "origins", multiple=True, metavar="URL", help="A web page, for CORS.")
@click.option("--source-range", "ranges", multiple=True, metavar="CIDR", help="A network that may call.")
@click.option("--private", is_flag=True, help="The gateway is reached by a VPC endpoint only.")
@click.pass_obj
def amazon(
    folders: dict[str, Path],
    gateway: GatewayName,
    out: Path,
    stage_settings: Path | None,
    host_name: str,
    origins: tuple[str, ...],
    ranges: tuple[str, ...],
    private: bool,
) -> None:
    """Write the document (OpenAPI 3.0 in JSON) that Amazon API Gateway imports for a gateway."""
    overrides = Overrides(host_name, origins, ranges, private)
    write_amazon_documents(gateway, out, stage_settings, overrides=overrides, **folders)


@main.command()
@_GATEWAY
@_OUT
@click.option("--listen", type=_host_and_port, required=True, metavar="HOST:PORT")
@click.option("--tls-cert", type=_FILE, required=True, help="Certificate chain, PEM.")
@click.option("--tls-key", type=_FILE, required=True, help="Its private key, PEM.")
@click.option("--ca-file", type=_FILE, required=True, help="The authority of the services' certificates, PEM.")
@click.option("--upstream", "upstreams", type=_upstream, multiple=True, required=True, metavar="SERVICE=HOST:PORT")
@click.option("--jwt-issuer", required=True)
@click.option("--jwt-audience", default="reclothes", show_default=True)
@click.option("--admin", type=_admin, required=True, help="Path of a unix socket, or a loopback port.")
@click.option("--access-log", default=STDOUT, show_default=True, help="A file.")
@click.option("--validate", is_flag=True, help="Let Envoy check the result.")
@click.pass_obj
def envoy(
    folders: dict[str, Path],
    /,
    gateway: GatewayName,
    out: Path,
    upstreams: tuple[tuple[str, tuple[str, int]], ...],
    validate: bool,
    **inputs: Any,
) -> None:
    """Write Envoy's configuration of a gateway."""
    write_envoy_config(gateway, out, EnvoyInputs(upstreams=dict(upstreams), **inputs), **folders)
    if validate:
        sys.exit(subprocess.run(envoy_command(out, mode="validate"), check=False).returncode)


if __name__ == "__main__":
    main()
