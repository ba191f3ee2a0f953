"""Lints the templates: cfn-lint on all of them, checkov on those of prod: `python -m infra.lint`.

checkov lives in an environment of its own (`make checkov-setup`). What it finds and we leave stands with a reason
in `infra/checkov.yaml`; a line there that explains nothing is an error too. Exit codes: 0 clean, 1 findings.
"""

# ruff: noqa: T201 a command prints

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra import environment as environments
from infra.environment import OUT

ROOT = Path(__file__).parents[1]
ACCEPTED = Path(__file__).parent / "checkov.yaml"
CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"
CFN_LINT = Path(sys.executable).parent / "cfn-lint"
LINTED = "prod"
# Rules of cfn-lint that are left out, and why; no rule of errors (E…) may stand here.
IGNORED = {
    "W3005": "The CDK states some dependencies twice, by reference and by DependsOn.",
    "W3010": "Subnets stay in the zones of the settings file, also when an account numbers them differently.",
    "W3045": "CloudFront and S3 deliver access logs by a canned ACL, into buckets that are closed otherwise.",
}
# The gateways' templates are long and differ by names only: those of LINTED stand for all.
LONG = "-gateway.template.json"


@dataclass(frozen=True)
class Finding:
    """What a rule reports about a resource of a template."""

    rule: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.where}: {self.text}"


@dataclass(frozen=True)
class Accepted:
    """A rule of checkov that we leave for the resources that the pattern names, and why."""

    rule: str
    where: str
    reason: str

    def explains(self, found: Finding) -> bool:
        return self.rule == found.rule and re.fullmatch(self.where, found.where) is not None


def cfn_lint(environment: str) -> list[str]:
    """What cfn-lint finds in one environment's templates."""
    found = sorted((OUT / environment).glob("*.template.json"))
    files = [str(file) for file in found if environment == LINTED or not file.name.endswith(LONG)]
    region = environments.load(environment).region
    command = [str(CFN_LINT), "--regions", region, "--format", "parseable", "--ignore-checks", *IGNORED, "--"]
    answer = subprocess.run([*command, *files], capture_output=True, text=True, timeout=600, check=False)
    if answer.returncode and not answer.stdout:
        raise RuntimeError(f"cfn-lint did not work: {answer.stderr[-800:]}")
    return answer.stdout.splitlines()


def checkov(environment: str) -> list[Finding]:
    """What checkov finds in one environment's templates."""
    # Paths are relative: checkov also scans file names for secrets, and takes a path of 40 letters for a key.
    names = [str(file.relative_to(ROOT)) for file in sorted((OUT / environment).glob("*.template.json"))]
    files = [part for name in names for part in ("-f", name)]
    command = [str(CHECKOV), "--framework", "cloudformation", "--output", "json", "--compact", "--quiet"]
    command += ["--skip-download", "--skip-results-upload", "--soft-fail", *files]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, cwd=ROOT)
    try:
        report: dict[str, Any] = json.loads(answer.stdout)
        failed, summary = report["results"]["failed_checks"], report["summary"]
        complete = summary["resource_count"] > 0 and summary["parsing_errors"] == 0
    except (ValueError, KeyError, TypeError):
        complete = False
    if not complete:
        raise RuntimeError(f"checkov did not work: {(answer.stderr or answer.stdout)[-800:]}")
    return [_finding(found) for found in failed]


def _finding(found: dict[str, Any]) -> Finding:
    stack = Path(found["file_path"]).name.removesuffix(".template.json")
    return Finding(found["check_id"], f"{stack}/{found['resource'].split('.', 1)[1]}", found["check_name"])


def accepted() -> list[Accepted]:
    """The findings that we leave, with their reasons."""
    return [Accepted(**entry) for entry in yaml.safe_load(ACCEPTED.read_text()) or ()]


def complaints_of(found: list[Finding], reasons: list[Accepted]) -> list[str]:
    """Findings without a reason, and reasons without a finding."""
    unexplained = [str(one) for one in found if not any(reason.explains(one) for reason in reasons)]
    stale = [reason for reason in reasons if not any(reason.explains(one) for one in found)]
    return unexplained + [f"{ACCEPTED.name}: {one.rule} at {one.where} explains nothing" for one in stale]


def main() -> int:
    names = environments.names()
    with ThreadPoolExecutor(2) as pool:
        scanning = pool.submit(checkov, LINTED)
        complaints = []
        for name in names:
            print(f"cfn-lint: {name} …", flush=True)
            complaints += pool.submit(cfn_lint, name).result()
        print(f"checkov: {LINTED} …", flush=True)
        complaints += complaints_of(scanning.result(), accepted())
    print(*complaints, sep="\n", end="\n" if complaints else "")
    print(f"{len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
