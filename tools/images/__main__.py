"""`python -m tools.images`: build, push and try the images of the services."""

from __future__ import annotations

import sys

import click

from libs.chassis.service import NAMES
from tools.images import build as building
from tools.images import demo as playing
from tools.images import registry
from tools.images.tools import CannotBuild

_SERVICE = click.option("--service", "services", multiple=True, type=click.Choice(NAMES), help="Default: all.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The images of the services, without a Docker engine."""


@main.command()
@_SERVICE
@click.option("--fresh", is_flag=True, help="Use no layer of an earlier build.")
@click.option("--refresh-base", is_flag=True, help="Make the base anew, from Debian's newest packages.")
def build(services: tuple[str, ...], fresh: bool, refresh_base: bool) -> None:
    """Build images (named localhost/reclothes/<service>)."""
    for number, service in enumerate(services or NAMES):
        building.build(service, fresh=fresh, refresh_base=refresh_base and number == 0)


@main.command()
@_SERVICE
@click.option("--registry", "host", required=True, help="Where to: host[:port] (log in with `buildah login`).")
@click.option("--tag", default=lambda: building.source().revision[:12], help="Default: the commit.")
def push(services: tuple[str, ...], host: str, tag: str) -> None:
    """Push what was built to a registry."""
    for service in services or NAMES:
        pushed = registry.push(service, host, tag)
        click.echo(f"{pushed.reference} {pushed.digest}")


@main.command()
def demo() -> None:
    """Push to a registry on this machine, pull by digest, run the platform from that, and play the demo on it."""
    sys.exit(playing.play())


if __name__ == "__main__":
    try:
        main()
    except CannotBuild as reason:
        print(reason, file=sys.stderr)  # noqa: T201
        sys.exit(reason.exit_code)
