"""The command `reclothes`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import click
from rich.console import Console

from tools.errors import CommandGroup
from tools.local_platform.layout import Layout
from tools.local_platform.layout_json import load
from tools.project import ROOT

# Connexion uses a deprecated part of Starlette.
warnings.filterwarnings("ignore", message="Using `httpx` with")

_RUN_DIR = click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    default=ROOT / ".run",
    show_default=".run",
    help="The directory of the platform's data, secrets and logs.",
)


def _console() -> Console:
    return Console(soft_wrap=False)


_PORT = click.IntRange(1, 65_535)


@click.group(cls=CommandGroup)
def main() -> None:
    """Run ReClothes on one machine."""


@main.command()
@_RUN_DIR
@click.option("--external-port", type=_PORT, default=8443, show_default=True, help="Port of the external gateway.")
@click.option("--internal-port", type=_PORT, default=9443, show_default=True, help="Port of the internal gateway.")
@click.option(
    "--port-base",
    type=click.IntRange(1024, 65_500),
    default=17000,
    show_default=True,
    help="All other processes use the ports after this one.",
)
@click.option(
    "--database-url", help="Use MySQL instead of SQLite: a URL with {service} in the name of the database."
)
@click.option("--redis-url", help="Use this Redis server instead of the embedded one.")
@click.option("--web-workers", default=2, show_default=True, help="Number of web processes of each service.")
@click.option(
    "--waf", is_flag=True, help="Put a web application firewall (from Debian) in front of the external gateway."
)
@click.option(
    "--images", type=click.Path(exists=True), help="Run the services from images (see `make demo-images`)."
)
@click.option(
    "--environment",
    type=click.Choice(["local", "production"]),
    default="local",
    show_default=True,
    help="The environment setting of the services; in production they do not validate their responses.",
)
@click.option("--demo-data/--no-demo-data", default=True, help="Load the demo data on the first run.")
def run(
    run_dir: Path,
    external_port: int,
    internal_port: int,
    port_base: int,
    database_url: str | None,
    redis_url: str | None,
    web_workers: int,
    waf: bool,
    images: str | None,
    environment: str,
    demo_data: bool,
) -> None:
    """Start the whole platform and run it until Ctrl-C."""
    from tools.local_platform.platform import Platform

    layout = Layout(
        run_dir.resolve(),
        port_base,
        external_port,
        internal_port,
        database_url,
        redis_url,
        web_workers,
        waf,
        images,
        environment,
    )
    _require_distinct_ports(layout)
    Platform(layout, _console()).run(demo_data=demo_data)


def _require_distinct_ports(layout: Layout) -> None:
    ports: dict[int, str] = {}
    for name, port in layout.used_ports():
        if port in ports:
            raise click.UsageError(
                f"Port {port} would be used by both {ports[port]} and {name}. Pass another port for one of them."
            )
        ports[port] = name


@main.command()
@_RUN_DIR
def status(run_dir: Path) -> None:
    """Show the state, the start time and the memory of every process."""
    from tools.local_platform import status as module

    sys.exit(module.show(load(run_dir), _console()))


@main.command()
@_RUN_DIR
def stop(run_dir: Path) -> None:
    """Stop the platform that runs in another shell, and wait until it has stopped."""
    from tools.local_platform import run_lock

    if not run_lock.stop_holder(Layout(run_dir.resolve())):
        click.echo(f"No platform runs in {run_dir}.")
        sys.exit(2)
    click.echo("The platform is stopped.")


def _require_running_platform(layout: Layout) -> None:
    from tools.local_platform import run_lock

    if not (layout.ready_file.exists() and run_lock.is_held(layout)):
        click.echo("The platform is not up. Start it with `make run` and wait until it is ready.", err=True)
        sys.exit(2)


@main.command()
@_RUN_DIR
def demo(run_dir: Path) -> None:
    """Donate and sell a coat through both gateways of the running platform; exit code 1 when a step fails."""
    from tools.demo import story

    layout = load(run_dir)
    _require_running_platform(layout)
    external, internal = layout.gateway_url("external"), layout.gateway_url("internal")
    sys.exit(story.main(external, internal, layout.ca_file, layout.maildir))


@main.command()
@_RUN_DIR
@click.option("--location", default="Rossio", show_default=True, help="The name of the location.")
@click.option("--list", "only_list", is_flag=True, help="List the locations instead.")
def box(run_dir: Path, location: str, only_list: bool) -> None:
    """Act as the box controller of a location: show its QR code, and open and close its doors by commands."""
    from tools.local_platform import box_screen

    layout = load(run_dir)
    _require_running_platform(layout)
    if only_list:
        sys.exit(box_screen.show_locations(layout, _console()))
    sys.exit(box_screen.run(layout, location, _console()))


@main.command()
@_RUN_DIR
@click.option("--to", default="", help="Only mails to this address.")
@click.option("--limit", default=10, show_default=True, help="Number of mails, newest first.")
@click.option("--raw", is_flag=True, help="Print all headers.")
def mail(run_dir: Path, to: str, limit: int, raw: bool) -> None:
    """Show the mails that the platform sent."""
    from tools.local_platform import mail as module

    sys.exit(module.show(load(run_dir).maildir, _console(), to, limit, raw=raw))


@main.command()
def stories() -> None:
    """List the user stories with the results of the last test run."""
    from tools.local_platform import stories as module

    sys.exit(module.show(_console()))


if __name__ == "__main__":
    main()
