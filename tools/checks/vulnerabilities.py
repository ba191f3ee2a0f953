"""Known vulnerabilities of the locked packages, found by pip-audit; only a vulnerability is a failure.

pip-audit reports "none found" for packages that its advisory data do not contain, which is every package when the
data cannot be reached. These packages are listed as NOT AUDITED.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.project import ROOT

OPTIONS = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json")
MAX_LISTED = 10  # names of packages that were not audited
ADVICE = "The advisory data could not be reached. Run `make audit` on a machine that can reach PyPI."


@dataclass(frozen=True)
class Report:
    """The findings by package, the number of packages without one, and the packages that were not audited."""

    findings: dict[str, list[str]]
    clean: int
    skipped: list[str]

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Parse pip-audit's report; ValueError when it is not one."""
        dependencies: list[dict[str, Any]] = json.loads(text)["dependencies"]
        audited = [one for one in dependencies if "skip_reason" not in one]
        findings = {
            f"{one['name']} {one['version']}": [_finding(vulnerability) for vulnerability in one["vulns"]]
            for one in audited
            if one["vulns"]
        }
        skipped = [one["name"] for one in dependencies if "skip_reason" in one]
        return cls(findings, len(audited) - len(findings), skipped)

    def lines(self) -> list[str]:
        if self.skipped and not self.clean and not self.findings:
            return [f"NOT AUDITED: the advisory data contain none of the {len(self.skipped)} packages.", ADVICE]
        lines = [f"{package}: {finding}" for package, findings in self.findings.items() for finding in findings]
        lines.append(f"{len(self.findings)} packages with known vulnerabilities, {self.clean} without.")
        if self.skipped:
            more = ", …" if len(self.skipped) > MAX_LISTED else ""
            names = ", ".join(self.skipped[:MAX_LISTED]) + more
            lines.append(
                f"NOT AUDITED: {len(self.skipped)} packages that the advisory data do not contain: {names}"
            )
        return lines


def _finding(vulnerability: dict[str, Any]) -> str:
    fixed = ", ".join(vulnerability.get("fix_versions") or ()) or "no version yet"
    return f"{vulnerability['id']}, fixed in {fixed}"


def evaluate(output: str, errors: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines to print for the output of pip-audit."""
    try:
        report = Report.from_json(output)
    except (ValueError, KeyError, TypeError):
        reason = errors.strip().splitlines()[-1:] or ["no error message"]
        return 0, [f"NOT AUDITED: pip-audit wrote no report ({reason[0]}).", ADVICE]
    return (1 if report.findings else 0), report.lines()


def audit() -> int:
    """Print a report; exit code 1 when a package has a known vulnerability."""
    sys.stdout.write("Looking up vulnerabilities of the locked packages; this takes a minute …\n")
    sys.stdout.flush()
    command = [str(Path(sys.executable).with_name("pip-audit")), *OPTIONS, "-r", "requirements.lock"]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    status, lines = evaluate(completed.stdout, completed.stderr)
    sys.stdout.write("\n".join(lines) + "\n")
    return status
