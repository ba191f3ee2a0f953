"""The command `reclothes`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from tools.errors import ToolError
from tools.local_platform.layout import Layout
from tools.local_platform.layout_json import saved
from tools.project import ROOT

# Connexion imports what Starlette will give up.
warnings.filterwarnings("ignore", message="Using `httpx` with")

_RUN_DIR = click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    default=ROOT / ".run",
    show_default=".run",
    help="Where data, secrets and logs of this platform are.",
)


def _console() -> Console:
    return Console(soft_wrap=False)


_PORT = click.IntRange(1, 65_535)


class _Commands(click.Group):
    """Commands that end with one sentence and its exit code when the platform cannot run."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ToolError as reason:
            Console(stderr=True).print(
                f"[red]Cannot run:[/] {escape(str(reason))}", highlight=False, soft_wrap=True
            )
            sys.exit(reason.exit_code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """ReClothes on one machine: run it, look at it, play with it."""


@main.command()
@_RUN_DIR
@click.option("--external-port", type=_PORT, default=8443, show_default=True, help="Port of the external gateway.")
@click.option("--internal-port", type=_PORT, default=9443, show_default=True, help="Port of the internal gateway.")
@click.option(
    "--port-base",
    type=click.IntRange(1024, 65_500),
    default=17000,
    show_default=True,
    help="Everything else is on the ports after it.",
)
@click.option("--database-url", help="MySQL instead of SQLite: a URL with {service} in the database's name.")
@click.option("--redis-url", help="A Redis server instead of the embedded one.")
@click.option("--web-workers", default=2, show_default=True, help="Web processes of each service.")
@click.option("--waf", is_flag=True, help="A web application firewall before the external gateway (from Debian).")
@click.option("--images", type=click.Path(exists=True), help="Run the services from images (see make demo-images).")
@click.option(
    "--environment",
    type=click.Choice(["local", "production"]),
    default="local",
    show_default=True,
    help="What the services believe to run in; in production they check no answer of theirs.",
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
    """Start the whole platform and keep it up until Ctrl-C."""
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
    _refuse_same_ports(layout)
    Platform(layout, _console()).run(demo_data=demo_data)


def _refuse_same_ports(layout: Layout) -> None:
    ports: dict[int, str] = {}
    for name, port in layout.used_ports():
        if port in ports:
            raise click.UsageError(f"{ports[port]} and {name} would both have port {port}; choose another for one.")
        ports[port] = name


@main.command()
@_RUN_DIR
def status(run_dir: Path) -> None:
    """Say what is up, since when, and how much memory it takes."""
    from tools.local_platform import status as module

    sys.exit(module.show(saved(run_dir), _console()))


@main.command()
@_RUN_DIR
def stop(run_dir: Path) -> None:
    """Stop the platform that runs in another shell, and wait until it is stopped."""
    from tools.local_platform import run_lock

    if not run_lock.stop_holder(Layout(run_dir.resolve())):
        click.echo(f"Nothing runs in {run_dir}.")
        sys.exit(2)
    click.echo("It is stopped.")


def _refuse_unless_up(layout: Layout) -> None:
    from tools.local_platform import run_lock

    if not (layout.ready_file.exists() and run_lock.is_held(layout)):
        click.echo("The platform is not up. Start it with `make run` and wait until it is ready.", err=True)
        sys.exit(2)


@main.command()
@_RUN_DIR
def demo(run_dir: Path) -> None:
    """Play a donation and its sale through both gateways of the running platform; exit code 1 when a step fails."""
    from tools.demo import story

    layout = saved(run_dir)
    _refuse_unless_up(layout)
    external, internal = layout.url_of_gateway("external"), layout.url_of_gateway("internal")
    sys.exit(story.main(external, internal, layout.ca_file, layout.maildir))


@main.command()
@_RUN_DIR
@click.option("--location", default="Rossio", show_default=True, help="Which location's boxes.")
@click.option("--list", "only_list", is_flag=True, help="List the locations instead.")
def box(run_dir: Path, location: str, only_list: bool) -> None:
    """Act as the box controller of a location: show its QR code, and open and close its doors by commands."""
    from tools.box_simulator import screen

    layout = saved(run_dir)
    _refuse_unless_up(layout)
    if only_list:
        sys.exit(screen.show_locations(layout, _console()))
    sys.exit(screen.run(layout, location, _console()))


@main.command()
@_RUN_DIR
@click.option("--to", default="", help="Only mails to this address.")
@click.option("--limit", default=10, show_default=True, help="How many, newest first.")
@click.option("--raw", is_flag=True, help="With all headers.")
def mail(run_dir: Path, to: str, limit: int, raw: bool) -> None:
    """Show the mails that the platform sent."""
    from tools.local_platform import mail as module

    sys.exit(module.show(saved(run_dir).maildir, _console(), to, limit, raw=raw))


@main.command()
def stories() -> None:
    """Say which user stories have a passing test, from the last test run."""
    from tools.local_platform import stories as module

    sys.exit(module.show(_console()))


if __name__ == "__main__":
    main()
