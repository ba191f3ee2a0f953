"""`python -m tools.checks`: what must hold before a change is released."""

from __future__ import annotations

import sys

import click

from tools.checks import jenkinsfile, secret_scan, vulnerabilities
from tools.checks import migrations as migration_rules
from tools.checks.compatibility import breaking_changes
from tools.errors import CommandGroup
from tools.repository import last_release

_SINCE = click.option("--since", default=None, help="A commit or tag; default: the last release.")
_NO_RELEASE = "There is no release to compare with. Pass --since COMMIT to compare with a commit."


@click.group(cls=CommandGroup)
def main() -> None:
    """Check a change; each command ends with exit code 1 when it finds a problem."""


@main.command()
@_SINCE
def compatibility(since: str | None) -> None:
    """List the changes of contracts and events that break callers or subscribers of the last release."""
    release = since or last_release()
    if release is None:
        click.echo(_NO_RELEASE)
        return
    _report(breaking_changes(release), f"Contracts and events are compatible with {release}.")


@main.command()
@_SINCE
def migrations(since: str | None) -> None:
    """List the new migrations that the code of the last release cannot run with."""
    release = since or last_release()
    if release is None:
        click.echo(_NO_RELEASE)
        return
    _report(migration_rules.check(release), f"The code of {release} can run while the new migrations are applied.")


def _report(problems: list[str], success: str) -> None:
    click.echo("\n".join(problems) or success)
    if problems:
        sys.exit(1)


@main.command()
def secrets() -> None:
    """Search the files that git tracks for secrets."""
    if report := secret_scan.find_secrets():
        click.echo(
            f"{report}\nIf it is not a secret, run `detect-secrets scan --baseline {secret_scan.BASELINE} FILE`.",
            err=True,
        )
        sys.exit(1)
    click.echo("No secret in the files that git tracks.")


@main.command("vulnerabilities")
def list_vulnerabilities() -> None:
    """Look up known vulnerabilities of the locked packages (needs PyPI)."""
    sys.exit(vulnerabilities.audit())


@main.command("jenkinsfile")
def lint_jenkinsfile() -> None:
    """Lint the Jenkinsfile; installs Java from Debian if this is root on Debian."""
    jenkinsfile.lint()
    click.echo("The Jenkinsfile has no problem.")


if __name__ == "__main__":
    main()
