"""`python -m tools.gateway`: show, check and build the gateways."""

# ruff: noqa: T201 a command prints

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.gateway.amazon import Place
from tools.gateway.build import (
    CONFIG_DIR,
    GATEWAYS,
    envoy_command,
    read_gateway,
    write_amazon_documents,
    write_envoy_config,
)
from tools.gateway.errors import GatewayConfigError
from tools.gateway.inputs import STDOUT, EnvoyInputs
from tools.gateway.model import Gateway
from tools.project import CONTRACTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 with a sentence on stderr otherwise."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except GatewayConfigError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.gateway", description=__doc__)
    parser.add_argument("--config-dir", type=Path, default=CONFIG_DIR, help="default: %(default)s")
    parser.add_argument("--contracts-dir", type=Path, default=CONTRACTS, help="default: %(default)s")
    commands = parser.add_subparsers(required=True, metavar="command")

    check = commands.add_parser("check", help="check both configurations against the contracts")
    check.set_defaults(run=_check)

    show = commands.add_parser("show", help="print what a gateway exposes, as a table")
    show.add_argument("gateway", choices=GATEWAYS)
    show.set_defaults(run=_show)

    amazon = commands.add_parser("amazon", help="write what Amazon API Gateway imports for a gateway")
    amazon.add_argument("gateway", choices=GATEWAYS)
    amazon.add_argument("out", type=Path, help="the file to write, OpenAPI 3.0 in JSON")
    amazon.add_argument("--stage-settings", type=Path, help="another file: throttles and body limits of the stage")
    amazon.add_argument(
        "--host-name", default="", help="the gateway's name there; default: that of the configuration"
    )
    amazon.add_argument("--allowed-origin", action="append", default=[], metavar="URL", help="a page, for CORS")
    amazon.add_argument("--source-range", action="append", default=[], metavar="CIDR", help="who may call at all")
    amazon.add_argument("--private", action="store_true", help="reached by a VPC endpoint only")
    amazon.set_defaults(run=_amazon)

    envoy = commands.add_parser("envoy", help="write Envoy's configuration of a gateway")
    envoy.add_argument("gateway", choices=GATEWAYS)
    envoy.add_argument("out", type=Path, help="the file to write")
    envoy.add_argument("--listen", type=_host_and_port, required=True, metavar="HOST:PORT")
    envoy.add_argument("--tls-cert", type=Path, required=True, help="certificate chain, PEM")
    envoy.add_argument("--tls-key", type=Path, required=True, help="its private key, PEM")
    envoy.add_argument("--ca-file", type=Path, required=True, help="who signs the services' certificates, PEM")
    envoy.add_argument("--upstream", type=_upstream, action="append", required=True, metavar="SERVICE=HOST:PORT")
    envoy.add_argument("--jwt-issuer", required=True)
    envoy.add_argument("--jwt-audience", default="reclothes", help="default: %(default)s")
    envoy.add_argument("--admin", type=_admin, required=True, help="path of a unix socket, or a loopback port")
    envoy.add_argument("--access-log", default=STDOUT, help="a file; default: %(default)s")
    envoy.add_argument("--validate", action="store_true", help="let Envoy check what was written")
    envoy.set_defaults(run=_envoy)
    return parser


def _check(options: argparse.Namespace) -> int:
    for name in GATEWAYS:
        gateway = read_gateway(name, options.config_dir, options.contracts_dir)
        print(f"{name}: {len(gateway.exposed)} operations of {', '.join(gateway.services)}")
    return 0


def _show(options: argparse.Namespace) -> int:
    gateway = read_gateway(options.gateway, options.config_dir, options.contracts_dir)
    rows = [("method", "path", "operation", "token", "throttle", "body limit"), *_rows(gateway)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _rows(gateway: Gateway) -> list[tuple[str, ...]]:
    return [
        (
            exposed.operation.method,
            path,
            exposed.operation.operation_id,
            "needed" if exposed.needs_token else "open",
            exposed.throttle.name,
            f"{exposed.body_limit_bytes}",
        )
        for path, operations in gateway.by_path().items()
        for exposed in operations
    ]


def _envoy(options: argparse.Namespace) -> int:
    inputs = EnvoyInputs(
        listen=options.listen,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        ca_file=options.ca_file,
        upstreams=dict(options.upstream),
        jwt_issuer=options.jwt_issuer,
        jwt_audience=options.jwt_audience,
        admin=options.admin,
        access_log=options.access_log,
    )
    write_envoy_config(
        options.gateway,
        options.out,
        inputs,
        config_dir=options.config_dir,
        contracts_dir=options.contracts_dir,
    )
    if options.validate:
        return subprocess.run(envoy_command(options.out, mode="validate"), check=False).returncode
    return 0


def _amazon(options: argparse.Namespace) -> int:
    write_amazon_documents(
        options.gateway,
        options.out,
        options.stage_settings,
        place=Place(options.host_name, tuple(options.allowed_origin), tuple(options.source_range), options.private),
        config_dir=options.config_dir,
        contracts_dir=options.contracts_dir,
    )
    return 0


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def _upstream(text: str) -> tuple[str, tuple[str, int]]:
    service, _, address = text.partition("=")
    return service, _host_and_port(address)


def _admin(text: str) -> Path | int:
    return int(text) if text.isdigit() else Path(text)


if __name__ == "__main__":
    sys.exit(main())
