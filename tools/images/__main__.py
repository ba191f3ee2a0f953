"""`python -m tools.images`: build, push and run the images of the services."""

from __future__ import annotations

import sys

import click

from tools.errors import CommandGroup
from tools.images import build as building
from tools.images import demo as demo_from_images
from tools.images import registry
from tools.images.inputs import changed_services, image_tag
from tools.project import SERVICES

_SERVICES = click.option("--service", "services", multiple=True, type=click.Choice(SERVICES), help="Default: all.")
_SINCE = click.option("--since", default=None, help="Only services whose image has changed since this commit.")


@click.group(cls=CommandGroup)
def main() -> None:
    """Build and push the images of the services without a Docker engine."""


@main.command()
@_SERVICES
@_SINCE
@click.option("--fresh", is_flag=True, help="Use no layer of an earlier build.")
@click.option("--refresh-base", is_flag=True, help="Build the base image again, from Debian's newest packages.")
def build(services: tuple[str, ...], since: str | None, fresh: bool, refresh_base: bool) -> None:
    """Build images (named localhost/reclothes/<service>)."""
    for number, service in enumerate(_chosen(services, since)):
        building.build(service, fresh=fresh, refresh_base=refresh_base and number == 0)


@main.command()
@_SERVICES
@_SINCE
@click.option("--registry", "host", required=True, help="host[:port]; log in with `buildah login` first.")
@click.option("--tag", default=lambda: building.source().revision[:12], help="Default: the commit.")
@click.option("--tag-by-inputs", is_flag=True, help="Tag each image with the last commit that changed its inputs.")
def push(services: tuple[str, ...], since: str | None, host: str, tag: str, tag_by_inputs: bool) -> None:
    """Push the images that were built last to a registry."""
    for service in _chosen(services, since):
        pushed = registry.push(service, host, image_tag(service) if tag_by_inputs else tag)
        click.echo(f"{pushed.reference} {pushed.digest}")


@main.command()
@_SERVICES
@_SINCE
def tags(services: tuple[str, ...], since: str | None) -> None:
    """Print each service and the last commit that changed an input of its image."""
    for service in _chosen(services, since):
        click.echo(f"{service} {image_tag(service)}")


@main.command()
def demo() -> None:
    """Push to a registry on this machine, pull by digest, run the platform from the images and play the demo."""
    sys.exit(demo_from_images.play())


def _chosen(services: tuple[str, ...], since: str | None) -> list[str]:
    changed = changed_services(since) if since else SERVICES
    return [service for service in services or SERVICES if service in changed]


if __name__ == "__main__":
    main()
