"""`python -m tools.charts`: render and check the releases of the services."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from libs.chassis.service import NAMES
from libs.chassis.settings import ROOT
from tools.charts import releases
from tools.charts.helm import helm
from tools.local_platform.problems import CannotRun

_SERVICE = click.option("--service", "services", multiple=True, type=click.Choice(NAMES), help="Default: all.")
_ENVIRONMENT = click.option(
    "--env", "environments", multiple=True, type=click.Choice(releases.ENVIRONMENTS), help="Default: all."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The chart of a service: what a release would send to a cluster."""


@main.command()
@_SERVICE
@_ENVIRONMENT
@click.option("--tag", default="unreleased", show_default=True, help="The image's tag, or its digest (sha256:…).")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "build" / "helm", show_default="build/helm")
def render(services: tuple[str, ...], environments: tuple[str, ...], tag: str, out: Path) -> None:
    """Write the manifests of each service and environment to OUT/<environment>/<service>.yaml."""
    for environment in environments or releases.ENVIRONMENTS:
        for service in services or NAMES:
            file = out / environment / f"{service}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(releases.render(service, environment, tag))
            click.echo(file)


@main.command()
@_SERVICE
@_ENVIRONMENT
def lint(services: tuple[str, ...], environments: tuple[str, ...]) -> None:
    """Let helm look at the chart with the values of each service and environment."""
    for environment in environments or releases.ENVIRONMENTS:
        for service in services or NAMES:
            arguments = releases.arguments_of(service, environment, "unreleased")
            helm("lint", str(releases.CHART), "--strict", "--quiet", *arguments)
    click.echo("The chart has no fault with any service's values in any environment.")


@main.command()
@click.argument("service", type=click.Choice(NAMES))
@click.argument("environment", type=click.Choice(releases.ENVIRONMENTS))
@click.argument("tag")
def release(service: str, environment: str, tag: str) -> None:
    """Install or upgrade SERVICE to the image TAG in the current context's cluster; a failure is rolled back."""
    waits = ("--wait", "--timeout", "10m", "--rollback-on-failure", "--history-max", "10")
    arguments = releases.arguments_of(service, environment, tag, *waits)
    click.echo(helm("upgrade", "--install", service, str(releases.CHART), *arguments, seconds=1500))


if __name__ == "__main__":
    try:
        main()
    except CannotRun as reason:
        print(reason, file=sys.stderr)  # noqa: T201
        sys.exit(reason.exit_code)
