"""`python -m tools.release`: everything between a commit and a release, one command each; make calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from tools.release.project import BUILD, ENVIRONMENTS, SERVICES, ReleaseError, last_release

if TYPE_CHECKING:
    from tools.release.smoke import Smoke

SINCE = click.option("--since", default=None, help="A commit or tag; default: the last release.")
ENVIRONMENT = click.argument("environment", type=click.Choice(ENVIRONMENTS))
FILE = click.Path(dir_okay=False, path_type=Path)


class _Commands(click.Group):
    """Says what stands in the way in one sentence, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ReleaseError as error:
            click.echo(str(error), err=True)
            sys.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """From a commit to a release."""


@main.command()
@click.option("--out", type=click.Path(path_type=Path), default=BUILD / "docs", show_default="build/docs")
def docs(out: Path) -> None:
    """Write the documentation: one site for the world, one for staff and developers."""
    from tools.release.site import build_site

    pages = build_site(out)
    click.echo(
        f"{len(pages)} pages; begin with {out / 'external' / 'index.html'} or {out / 'internal' / 'index.html'}"
    )


@main.command()
@click.option("--out", type=click.Path(path_type=Path), default=BUILD / "sdk", show_default="build/sdk")
def sdk(out: Path) -> None:
    """Make the Python and TypeScript SDKs of both gateways, and check their types."""
    from tools.release.sdk import build_sdks, check_types

    for package in build_sdks(out.resolve()):
        if package.parent.name == "typescript":
            check_types(package)
        click.echo(package)


@main.command()
@SINCE
def compatibility(since: str | None) -> None:
    """Say what contracts and events break for those who rely on the last release; exit code 1 when they do."""
    from tools.release.compatibility import breaking_changes

    release = since or last_release()
    if release is None:
        click.echo("There is no release yet, so nothing can be broken. (--since COMMIT compares with a commit.)")
        return
    _tell_faults(breaking_changes(release), f"Contracts and events keep what {release} promised.")


@main.command()
@SINCE
def migrations(since: str | None) -> None:
    """Say which new migrations the code of the last release would not survive; exit code 1 when there are some."""
    from tools.release.migration_rules import check

    release = since or last_release()
    if release is None:
        click.echo("There is no release yet, so no old code runs. (--since COMMIT compares with a commit.)")
        return
    _tell_faults(check(release), f"The code of {release} can go on while the new migrations run.")


def _tell_faults(faults: list[str], otherwise: str) -> None:
    click.echo("\n".join(faults) or otherwise)
    if faults:
        sys.exit(1)


@main.command()
def secrets() -> None:
    """Look for secrets in what git tracks; exit code 1 when there is one."""
    from tools.release.secrets_scan import BASELINE, find_secrets

    found = find_secrets()
    if found:
        click.echo(f"{found}\nIs it none? Add it: detect-secrets scan --baseline {BASELINE} FILE", err=True)
        sys.exit(1)
    click.echo("No secret in what git tracks.")


@main.command()
@click.option("--since", default=None, help="Only services that have changed since this commit.")
def tags(since: str | None) -> None:
    """Print each service and the commit that its image is of."""
    from tools.release.image_inputs import tag_of
    from tools.release.images import concerned

    for service in concerned(since):
        click.echo(f"{service} {tag_of(service)}")


@main.command("build-images")
@click.option("--since", default=None, help="Only what has changed since this commit; default: all.")
def build_images(since: str | None) -> None:
    """Build the images of services whose inputs have changed."""
    from tools.release.images import build

    build(since, click.echo)


@main.command("push-images")
@click.option("--since", default=None, help="Only what has changed since this commit; default: all.")
@click.option("--registry", required=True, help="host[:port]")
def push_images(since: str | None, registry: str) -> None:
    """Push the images of services whose inputs have changed, under the commit that each is of."""
    from tools.release.images import push

    push(since, registry, click.echo)


@main.command()
@ENVIRONMENT
@click.option("--service", "services", multiple=True, type=click.Choice(SERVICES), help="Default: all.")
@click.option("--rendered", type=click.Path(path_type=Path), help="Releases as files here, not in the clusters.")
@click.option("--helm", default="helm", show_default=True, help="The program.")
@click.option("--smoke", default=None, help="A command that must succeed afterwards.")
@click.option("--prometheus", default=None, help="Its URL: the error rate is watched for three minutes.")
def deploy(
    environment: str,
    services: tuple[str, ...],
    rendered: Path | None,
    helm: str,
    smoke: str | None,
    prometheus: str | None,
) -> None:
    """Bring services to their newest images; everything goes back when the smoke test or the error rate says so."""
    from tools.release import error_rate, rollout
    from tools.release.image_inputs import tag_of
    from tools.release.releases import HelmReleases, RenderedReleases, rendered_by_chart

    chosen = services or SERVICES
    releases: rollout.Releases = HelmReleases(environment, helm)
    if rendered is not None:
        releases = RenderedReleases(rendered / environment, rendered_by_chart(environment))

    def check() -> str | None:
        if smoke and subprocess.run(smoke, shell=True, check=False).returncode:  # noqa: S602 ours, from the Makefile
            return "the smoke test failed"
        return error_rate.watch(prometheus, chosen) if prometheus else None

    try:
        rollout.roll_out({service: tag_of(service) for service in chosen}, releases, check, click.echo)
    except rollout.RolledBack as reason:
        raise ReleaseError(f"{environment} is as it was before: {reason}") from reason
    except rollout.StuckBetween as reason:
        raise ReleaseError(f"{environment} needs a person now: {reason}") from reason
    click.echo(f"{environment} runs {', '.join(chosen)}.")


@main.command()
@click.argument("url")
@click.option("--internal-url", help="The internal gateway, where this machine may reach it.")
@click.option("--ca-file", type=FILE, help="Who signed the gateways' certificates, if no public authority did.")
def smoke(url: str, internal_url: str | None, ca_file: Path | None) -> None:
    """Ask a running platform at URL real things; exit code 1 when one check fails.

    With SMOKE_USER and SMOKE_PASSWORD in the environment it also logs in.
    """
    from tools.release.smoke import Account, Smoke

    user, password = os.environ.get("SMOKE_USER"), os.environ.get("SMOKE_PASSWORD")
    account = Account(user, password) if user and password else None
    sys.exit(_tell_smoke(Smoke(url, internal_url=internal_url, ca_file=ca_file, account=account)))


@main.command("smoke-here")
def smoke_here() -> None:
    """The smoke test against a platform that it starts for that on this machine."""
    from tools.demo.people import DEMO_PASSWORD
    from tools.release import platform_here
    from tools.release.smoke import Account, Smoke

    with platform_here.running(BUILD / "smoke") as layout:
        external, internal = layout.url_of_gateway("external"), layout.url_of_gateway("internal")
        account = Account("buyer@reclothes.example", DEMO_PASSWORD)
        failed = _tell_smoke(Smoke(external, internal_url=internal, ca_file=layout.ca_file, account=account))
    sys.exit(failed)


def _tell_smoke(checks: Smoke) -> int:
    results = checks.run()
    for result in results:
        click.echo(f"{'ok    ' if result.fault is None else 'FAILED'} {result.check}{_because(result.fault)}")
    failed = sum(result.fault is not None for result in results)
    click.echo(f"{len(results) - failed} of {len(results)} checks passed.")
    return 1 if failed else 0


def _because(fault: str | None) -> str:
    return f": {fault}" if fault else ""


@main.command()
@ENVIRONMENT
@click.option("--outputs", type=FILE, help="What the infrastructure tells; default: build/outputs/ENVIRONMENT.json")
@click.option("--out", type=click.Path(path_type=Path), help="Default: build/kops/ENVIRONMENT")
def clusters(environment: str, outputs: Path | None, out: Path | None) -> None:
    """Write what kOps takes for the clusters of an environment."""
    from tools.release.clusters import read_outputs, write_manifests

    told = read_outputs(outputs or BUILD / "outputs" / f"{environment}.json")
    if told.environment != environment:
        raise ReleaseError(f"these are the outputs of {told.environment}, not of {environment}")
    for file in write_manifests(told, out or BUILD / "kops" / environment):
        click.echo(file)


@main.command("outputs")
@ENVIRONMENT
@click.argument("told", type=FILE)
@click.argument("out", type=FILE)
def write_outputs(environment: str, told: Path, out: Path) -> None:
    """Turn what `cdk deploy --outputs-file TOLD` wrote into the file OUT that the clusters are made from."""
    from tools.release.clusters import from_cdk, read_outputs

    facts = from_cdk(environment, json.loads(told.read_text()))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(facts, indent=1) + "\n")
    read_outputs(out)
    click.echo(out)


@main.command()
@click.argument("version")
@click.option("--confirm", is_flag=True, help="Do it; without this it only shows what it would do.")
def release(version: str, confirm: bool) -> None:
    """Cut the release VERSION: its number, its notes from the history, a commit and a tag. Nothing is pushed."""
    from tools.release.release import cut, plan

    found = plan(version)
    click.echo(found.notes)
    for fault in found.breaks:
        click.echo(f"breaks: {fault}")
    if not confirm:
        click.echo(f"Nothing is done yet. `make release VERSION={version} CONFIRM=1` commits and tags {found.tag}.")
        return
    cut(found)
    click.echo(f"{found.tag} is committed and tagged here; `git push --follow-tags` sends it.")


@main.command()
@click.option("--only", default="", help="Names of stages, with commas.")
@click.option("--skip", default="", help="Names of stages to leave out, with commas.")
@click.option("--keep-going", is_flag=True, help="Run the others too when a stage has failed.")
@click.option("--list", "only_list", is_flag=True, help="List the stages and what each of them makes.")
@click.option("--registry", default=None, help="Push there; default: a registry of its own while it runs.")
def pipeline(only: str, skip: str, keep_going: bool, only_list: bool, registry: str | None) -> None:
    """Run the stages of the Jenkinsfile once on this machine; exit code 1 when one fails."""
    from tools.release import pipeline as module

    stages = module.chosen(_names(only), _names(skip))
    console = Console()
    if only_list:
        _show(console, ("stage", "what", "make"), [(one.name, one.title, module.made_by(one)) for one in stages])
        return
    outcomes = module.run_locally(stages, console.print, keep_going=keep_going, registry=registry)
    rows = [(one.stage.name, one.stage.title, one.status, f"{one.seconds:.0f} s") for one in outcomes]
    _show(console, ("stage", "what", "", "time"), rows)
    sys.exit(1 if any(outcome.status != "passed" for outcome in outcomes) else 0)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _show(console: Console, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
