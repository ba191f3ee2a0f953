"""`python -m tools.publishing`: build the documentation sites and the SDKs."""

from __future__ import annotations

from pathlib import Path

import click

from tools.errors import CommandGroup
from tools.project import BUILD

_FOLDER = click.Path(path_type=Path)


@click.group(cls=CommandGroup)
def main() -> None:
    """Build what is published of the contracts."""


@main.command()
@click.option("--out", type=_FOLDER, default=BUILD / "docs", show_default="build/docs")
def docs(out: Path) -> None:
    """Build the documentation: a public site, and one for staff and developers."""
    from tools.publishing.site import build_site

    pages = build_site(out)
    entries = " and ".join(str(out / site / "index.html") for site in ("external", "internal"))
    click.echo(f"{len(pages)} pages; the entry pages are {entries}")


@main.command()
@click.option("--out", type=_FOLDER, default=BUILD / "sdk", show_default="build/sdk")
def sdk(out: Path) -> None:
    """Build the Python and TypeScript SDKs of both gateways, and check the types of the TypeScript ones."""
    from tools.publishing.sdk import build_sdks, check_types

    for package in build_sdks(out.resolve()):
        if package.parent.name == "typescript":
            check_types(package)
        click.echo(package)


if __name__ == "__main__":
    main()
