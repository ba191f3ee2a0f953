"""Look for known vulnerabilities in the locked packages, by pip-audit; fails for what it found and nothing else.

pip-audit says "none found" of a package that the advisory data do not name, which is all of them where the data
cannot be reached. What was not looked up is said here, loudly, and is no all-clear.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ASK = ("pip-audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json", "-r")
NAMED = 10  # of the packages that were not looked up


@dataclass(frozen=True)
class Report:
    """What is known of the packages: findings by package, who is clear, and who was not looked up."""

    findings: dict[str, list[str]]
    clear: int
    skipped: list[str]

    @classmethod
    def from_json(cls, text: str) -> Report:
        """From pip-audit's report; ValueError when it is none."""
        dependencies: list[dict[str, Any]] = json.loads(text)["dependencies"]
        known = [one for one in dependencies if "skip_reason" not in one]
        findings = {
            f"{one['name']} {one['version']}": [_finding(vulnerability) for vulnerability in one["vulns"]]
            for one in known
            if one["vulns"]
        }
        skipped = [one["name"] for one in dependencies if "skip_reason" in one]
        return cls(findings, len(known) - len(findings), skipped)

    def lines(self) -> list[str]:
        """What a person is told."""
        told = [f"{package}: {finding}" for package, found in self.findings.items() for finding in found]
        if self.skipped and not self.clear and not self.findings:
            return [f"NOT AUDITED: the advisory data name none of the {len(self.skipped)} packages.", ADVICE]
        told.append(f"{len(self.findings)} packages with known vulnerabilities, {self.clear} without.")
        if self.skipped:
            more = ", …" if len(self.skipped) > NAMED else ""
            names = ", ".join(self.skipped[:NAMED]) + more
            told.append(f"NOT AUDITED: {len(self.skipped)} packages that the advisory data do not name: {names}")
        return told


ADVICE = "They cannot be reached from here, it seems. Run `make audit` where PyPI can be reached."


def _finding(vulnerability: dict[str, Any]) -> str:
    mended = ", ".join(vulnerability.get("fix_versions") or ()) or "no version yet"
    return f"{vulnerability['id']}, mended in {mended}"


def judge(output: str, errors: str) -> tuple[int, list[str]]:
    """The exit status and what to print, of what pip-audit said."""
    try:
        report = Report.from_json(output)
    except (ValueError, KeyError, TypeError):
        reason = errors.strip().splitlines()[-1:] or ["it said nothing"]
        return 0, [f"NOT AUDITED: pip-audit made no report ({reason[0]}).", ADVICE]
    return (1 if report.findings else 0), report.lines()


def main() -> int:
    sys.stdout.write("Asking for known vulnerabilities of the locked packages; this takes a minute …\n")
    sys.stdout.flush()
    program = str(Path(sys.executable).with_name(ASK[0]))
    command = [program, *ASK[1:], "requirements.lock"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    status, lines = judge(said.stdout, said.stderr)
    sys.stdout.write("\n".join(lines) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
