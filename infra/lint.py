"""The templates before the tests: cfn-lint without an error, checkov with a reason for each check that is left out.

`python -m infra.lint`; exit code 1 when something is found. cdk-nag is in `infra/tests/test_nag.py`.
"""

# ruff: noqa: T201 a command prints

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from infra import environment as environments
from infra.synth import OUT

ROOT = Path(__file__).resolve().parents[1]
CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"
CHECKOV_REASONS = Path(__file__).parent / "checkov.yaml"
CFN_LINT_REASONS = Path(__file__).parent / "cfn-lint.yaml"
LONGEST_SECONDS = 900
PRODUCTION = "prod"


def reasons(file: Path) -> dict[str, str]:
    """Checks that are left out, each with its reason."""
    found: dict[str, str] = yaml.safe_load(file.read_text()) or {}
    return found


def templates_of(environment: str) -> list[Path]:
    found = sorted((OUT / environment).glob("*.template.json"))
    if not found:
        raise SystemExit(f"There are no templates in {OUT / environment}; `make infra` makes them.")
    return found


def cfn_lint(environment: str) -> list[str]:
    """The command; informational rules are not asked for, warnings count like errors.

    The gateways' templates are long and differ by names only, so production's stand for all.
    """
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--format", "parseable"]
    for rule in reasons(CFN_LINT_REASONS):
        command += ["--ignore-checks", rule]
    long = () if environment == PRODUCTION else ("gateway.template.json",)
    return [*command, "--", *(str(file) for file in templates_of(environment) if not file.name.endswith(long))]


def checkov(environment: str) -> list[str]:
    """The command; it stays off-line, since nothing is downloaded without an account."""
    command = [str(CHECKOV), "--framework", "cloudformation", "--compact", "--quiet", "--skip-download"]
    for check in reasons(CHECKOV_REASONS):
        command += ["--skip-check", check]
    for template in templates_of(environment):
        command += ["--file", str(template)]
    return command


def passes(title: str, command: list[str]) -> bool:
    """Run it with a line of progress; what it found is printed."""
    started = time.monotonic()
    print(f"{title} …", end=" ", flush=True)
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS, cwd=ROOT)
    print(f"{'clean' if answer.returncode == 0 else 'FOUND SOMETHING'}, {time.monotonic() - started:.0f} s")
    if answer.returncode:
        print(answer.stdout[-20_000:], answer.stderr[-4_000:], sep="\n", file=sys.stderr)
    return answer.returncode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    known = environments.names()
    parser = argparse.ArgumentParser(prog="python -m infra.lint", description=__doc__)
    parser.add_argument("environments", nargs="*", help=f"which ones (default: {', '.join(known)})")
    chosen = parser.parse_args(arguments).environments or known
    found = [passes(f"cfn-lint, {name}", cfn_lint(name)) for name in chosen]
    # The environments differ by sizes and switches only; production has everything switched on.
    found.append(passes(f"checkov, {PRODUCTION}", checkov(PRODUCTION)))
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
