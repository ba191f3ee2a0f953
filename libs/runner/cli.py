"""The command `reclothes`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import click
from rich.console import Console

from libs.runner.layout import ROOT, Layout

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


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
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
@click.option("--web-workers", default=1, show_default=True, help="Web processes of each service.")
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
    from libs.runner.platform import Platform
    from libs.runner.problems import CannotRun

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
    save(layout)
    try:
        Platform(layout, _console()).run(demo_data=demo_data)
    except CannotRun as reason:
        Console(stderr=True).print(f"[red]Cannot run:[/] {reason}", highlight=False, soft_wrap=True)
        sys.exit(reason.exit_code)


def _refuse_same_ports(layout: Layout) -> None:
    ports: dict[int, str] = {}
    for name, port in layout.used_ports():
        if port in ports:
            raise click.UsageError(f"{ports[port]} and {name} would both have port {port}; choose another for one.")
        ports[port] = name


def save(layout: Layout) -> None:
    """Remember the layout for the other commands."""
    from libs.runner import layout_json

    layout.run_dir.mkdir(parents=True, exist_ok=True)
    [text] = layout_json.to_environment(layout).values()
    (layout.run_dir / "layout.json").write_text(text)


def saved(run_dir: Path) -> Layout:
    """The layout of the platform that was last started in `run_dir`."""
    import json

    path = run_dir.resolve() / "layout.json"
    if not path.exists():
        return Layout(run_dir.resolve())
    values = json.loads(path.read_text())
    return Layout(**{**values, "run_dir": Path(values["run_dir"])})


@main.command()
@_RUN_DIR
def status(run_dir: Path) -> None:
    """Say what is up, since when, and how much memory it takes."""
    from libs.runner import status as module

    sys.exit(module.show(saved(run_dir), _console()))


@main.command()
@_RUN_DIR
def stop(run_dir: Path) -> None:
    """Stop the platform that runs in another shell, and wait until it is stopped."""
    import os
    import signal
    import time

    lock_file = saved(run_dir).lock_file
    pid = lock_file.read_text().strip() if lock_file.exists() else ""
    if not pid or not Path(f"/proc/{pid}").exists():
        click.echo(f"Nothing runs in {run_dir}.")
        sys.exit(2)
    os.kill(int(pid), signal.SIGTERM)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.1)
    click.echo("It is stopped.")


def _refuse_unless_up(layout: Layout) -> None:
    if not (layout.run_dir / "ready").exists():
        click.echo("The platform is not up. Start it with `make run` and wait until it says so.", err=True)
        sys.exit(2)


@main.command()
@_RUN_DIR
def demo(run_dir: Path) -> None:
    """Play a donation and its sale through both gateways of the running platform; exit code 1 when a step fails."""
    from libs.runner import demo_story

    layout = saved(run_dir)
    _refuse_unless_up(layout)
    external, internal = layout.url_of_gateway("external"), layout.url_of_gateway("internal")
    sys.exit(demo_story.main(external, internal, layout.ca_file, layout.maildir))


@main.command()
@_RUN_DIR
@click.option("--location", default="Rossio", show_default=True, help="Which location's boxes.")
@click.option("--list", "only_list", is_flag=True, help="List the locations instead.")
def box(run_dir: Path, location: str, only_list: bool) -> None:
    """Be the box controller of a location: its QR code on the screen, its doors by typed commands."""
    from libs.runner import box_screen

    layout = saved(run_dir)
    _refuse_unless_up(layout)
    if only_list:
        sys.exit(box_screen.show_locations(layout, _console()))
    sys.exit(box_screen.run(layout, location, _console()))


@main.command()
@_RUN_DIR
@click.option("--to", default="", help="Only mails to this address.")
@click.option("--limit", default=10, show_default=True, help="How many, newest first.")
@click.option("--raw", is_flag=True, help="With all headers.")
def mail(run_dir: Path, to: str, limit: int, raw: bool) -> None:
    """Show the mails that the platform sent."""
    from libs.runner import mail as module

    sys.exit(module.show(saved(run_dir).maildir, _console(), to, limit, raw=raw))


@main.command()
def stories() -> None:
    """Say which user stories have a passing test, from the last test run."""
    from libs.runner import stories as module

    sys.exit(module.show(_console()))


if __name__ == "__main__":
    main()
