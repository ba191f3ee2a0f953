"""`python -m tools.release`: create a release, and run the delivery pipeline on this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from tools.errors import CommandGroup
from tools.release import pipeline, versioning


@click.group(cls=CommandGroup)
def main() -> None:
    """Create a release, and run the delivery pipeline."""


@main.command()
@click.argument("version")
@click.option("--confirm", is_flag=True, help="Create the release; without this it is only shown.")
def release(version: str, confirm: bool) -> None:
    """Create the release VERSION: version number, release notes from the history, a commit and a tag."""
    plan = versioning.plan(version)
    click.echo(plan.notes)
    for change in plan.breaking_changes:
        click.echo(f"breaking change: {change}")
    if not confirm:
        click.echo(f"Nothing was changed. `make release VERSION={version} CONFIRM=1` commits and tags {plan.tag}.")
        return
    versioning.create(plan)
    click.echo(f"{plan.tag} is committed and tagged. Publish it with `git push --follow-tags`.")


@main.command("pipeline")
@click.option("--only", default="", help="Names of stages to run, separated by commas.")
@click.option("--skip", default="", help="Names of stages to skip, separated by commas.")
@click.option("--keep-going", is_flag=True, help="Run the other stages too when one has failed.")
@click.option("--list", "only_list", is_flag=True, help="List the stages and their make targets.")
@click.option("--registry", default=None, help="Push to this registry; default: a temporary one on this machine.")
def run_pipeline(only: str, skip: str, keep_going: bool, only_list: bool, registry: str | None) -> None:
    """Run the stages of the Jenkinsfile once on this machine; exit code 1 when one fails."""
    stages = pipeline.choose(_names(only), _names(skip))
    console = Console()
    if only_list:
        _print_table(console, ("stage", "title", "make"), [(one.name, one.title, one.commands()) for one in stages])
        return
    outcomes = pipeline.run_locally(stages, console.print, keep_going=keep_going, registry=registry)
    rows = [(one.stage.name, one.stage.title, one.status, f"{one.seconds:.0f} s") for one in outcomes]
    _print_table(console, ("stage", "title", "status", "time"), rows)
    sys.exit(1 if any(outcome.status != "passed" for outcome in outcomes) else 0)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _print_table(console: Console, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
