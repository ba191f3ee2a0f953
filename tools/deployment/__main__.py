"""`python -m tools.deployment`: render charts, deploy services, and check what runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from tools.deployment import charts, error_rate, rollout
from tools.deployment.charts import CHART, CHART_ENVIRONMENTS, UPGRADE
from tools.deployment.helm import helm as run_helm
from tools.deployment.smoke import Account, SmokeTest
from tools.deployment.targets import HelmClusters, ReleaseFiles
from tools.errors import CommandGroup, ToolError
from tools.project import BUILD, ENVIRONMENTS, SERVICES

_SERVICES = click.option("--service", "services", multiple=True, type=click.Choice(SERVICES), help="Default: all.")
_CHART_ENVIRONMENTS = click.option(
    "--env", "environments", multiple=True, type=click.Choice(CHART_ENVIRONMENTS), help="Default: all."
)
_ENVIRONMENT = click.argument("environment", type=click.Choice(ENVIRONMENTS))
_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(path_type=Path)


@click.group(cls=CommandGroup)
def main() -> None:
    """Deploy services to clusters, and check the deployment."""


@main.command()
@_SERVICES
@_CHART_ENVIRONMENTS
@click.option("--tag", default="unreleased", show_default=True, help="The image's tag or digest (sha256:…).")
@click.option("--out", type=_FOLDER, default=BUILD / "helm", show_default="build/helm")
def render(services: tuple[str, ...], environments: tuple[str, ...], tag: str, out: Path) -> None:
    """Write the manifests of each service and environment to OUT/<environment>/<service>.yaml."""
    for environment in environments or CHART_ENVIRONMENTS:
        for service in services or SERVICES:
            file = out / environment / f"{service}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(charts.render(service, environment, tag))
            click.echo(file)


@main.command()
@_SERVICES
@_CHART_ENVIRONMENTS
def lint(services: tuple[str, ...], environments: tuple[str, ...]) -> None:
    """Lint the chart with the values of each service and environment."""
    for environment in environments or CHART_ENVIRONMENTS:
        for service in services or SERVICES:
            arguments = charts.release_arguments(service, environment, "unreleased")
            run_helm("lint", str(CHART), "--strict", "--quiet", *arguments)
    click.echo("The chart is valid with the values of every service and environment.")


@main.command()
@click.argument("service", type=click.Choice(SERVICES))
@click.argument("environment", type=click.Choice(CHART_ENVIRONMENTS))
@click.argument("tag")
def release(service: str, environment: str, tag: str) -> None:
    """Install or upgrade SERVICE to the image TAG in the cluster of the current context."""
    arguments = charts.release_arguments(service, environment, tag, *UPGRADE)
    click.echo(run_helm("upgrade", "--install", service, str(CHART), *arguments, seconds=1500))


@main.command()
@_ENVIRONMENT
@_SERVICES
@click.option("--rendered", type=_FOLDER, help="Deploy to files in this folder instead of clusters.")
@click.option("--helm", default="helm", show_default=True, help="The Helm program.")
@click.option("--smoke", default=None, help="A command that must succeed after the upgrades.")
@click.option("--prometheus", default=None, help="URL of Prometheus; the error rate is watched for three minutes.")
def deploy(
    environment: str,
    services: tuple[str, ...],
    rendered: Path | None,
    helm: str,
    smoke: str | None,
    prometheus: str | None,
) -> None:
    """Upgrade services to their newest images; roll all back if the smoke test or the error rate fails."""
    from tools.images.inputs import image_tag

    chosen = services or SERVICES
    target: rollout.Target = HelmClusters(environment, helm)
    if rendered is not None:
        target = ReleaseFiles(rendered / environment, lambda name, tag: charts.render(name, environment, tag))

    def check() -> str | None:
        if smoke and subprocess.run(smoke, shell=True, check=False).returncode:  # noqa: S602 ours, from the Makefile
            return "the smoke test failed"
        return error_rate.watch(prometheus, chosen) if prometheus else None

    rollout.roll_out({service: image_tag(service) for service in chosen}, target, check, click.echo)
    click.echo(f"{environment} runs {', '.join(chosen)}.")


@main.command()
@click.argument("url")
@click.option("--internal-url", help="URL of the internal gateway, if this machine can reach it.")
@click.option(
    "--ca-file", type=_FILE, help="The authority of the gateways' certificates, if it is not a public one."
)
def smoke(url: str, internal_url: str | None, ca_file: Path | None) -> None:
    """Send requests to the platform at URL; exit code 1 when a check fails.

    With SMOKE_USER and SMOKE_PASSWORD in the environment it also logs in.
    """
    user, password = os.environ.get("SMOKE_USER"), os.environ.get("SMOKE_PASSWORD")
    account = Account(user, password) if user and password else None
    sys.exit(_run_smoke(SmokeTest(url, internal_url=internal_url, ca_file=ca_file, account=account)))


@main.command("smoke-here")
def smoke_here() -> None:
    """Start a platform on this machine for the smoke test, and stop it afterwards."""
    from tools.demo.people import DEMO_PASSWORD
    from tools.local_platform import temporary
    from tools.local_platform.layout import Layout

    with tempfile.TemporaryDirectory(prefix="reclothes-smoke-") as folder:
        layout = Layout(Path(folder) / "run").on_free_ports()
        external, internal = layout.gateway_url("external"), layout.gateway_url("internal")
        account = Account("buyer@reclothes.example", DEMO_PASSWORD)
        with temporary.running(layout):
            smoke_test = SmokeTest(external, internal_url=internal, ca_file=layout.ca_file, account=account)
            failed = _run_smoke(smoke_test)
    sys.exit(failed)


def _run_smoke(smoke_test: SmokeTest) -> int:
    results = smoke_test.run()
    for result in results:
        status, problem = ("ok    ", "") if result.problem is None else ("FAILED", f": {result.problem}")
        click.echo(f"{status} {result.check}{problem}")
    failed = sum(result.problem is not None for result in results)
    click.echo(f"{len(results) - failed} of {len(results)} checks passed.")
    return 1 if failed else 0


@main.command()
@_ENVIRONMENT
@click.option("--outputs", type=_FILE, help="The infrastructure's outputs; default: build/outputs/ENVIRONMENT.json")
@click.option("--out", type=_FOLDER, help="Default: build/kops/ENVIRONMENT")
def clusters(environment: str, outputs: Path | None, out: Path | None) -> None:
    """Write the kOps manifests of an environment's clusters."""
    from tools.deployment.clusters import read_outputs, write_manifests

    read = read_outputs(outputs or BUILD / "outputs" / f"{environment}.json")
    if read.environment != environment:
        raise ToolError(f"The outputs are those of {read.environment}, not of {environment}. Pass --outputs.")
    for file in write_manifests(read, out or BUILD / "kops" / environment):
        click.echo(file)


@main.command("outputs")
@_ENVIRONMENT
@click.argument("cdk_outputs", type=_FILE)
@click.argument("out", type=_FILE)
def write_outputs(environment: str, cdk_outputs: Path, out: Path) -> None:
    """Convert the file of `cdk deploy --outputs-file CDK_OUTPUTS` to the outputs file OUT."""
    from tools.deployment.clusters import from_cdk, read_outputs

    document = from_cdk(environment, json.loads(cdk_outputs.read_text()))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=1) + "\n")
    read_outputs(out)
    click.echo(out)


if __name__ == "__main__":
    main()
