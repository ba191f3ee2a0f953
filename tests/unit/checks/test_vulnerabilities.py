"""`make audit` fails for vulnerabilities only, and reports packages that could not be audited."""

from __future__ import annotations

import json
from typing import Any

from tools.checks.vulnerabilities import evaluate

CLEAN = {"name": "flask", "version": "3.1.3", "vulns": []}
SKIPPED = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI and could not be audited"}
VULNERABLE = {
    "name": "requests",
    "version": "2.0.0",
    "vulns": [{"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"]}, {"id": "GHSA-1", "fix_versions": []}],
}


def evaluate_report(*dependencies: dict[str, Any], errors: str = "") -> tuple[int, str]:
    status, lines = evaluate(json.dumps({"dependencies": dependencies, "fixes": []}), errors)
    return status, "\n".join(lines)


def test_report_without_findings_counts_the_packages() -> None:
    assert evaluate_report(CLEAN, CLEAN | {"name": "werkzeug"}) == (
        0,
        "0 packages with known vulnerabilities, 2 without.",
    )


def test_finding_fails_and_names_the_fixed_version() -> None:
    status, text = evaluate_report(CLEAN, VULNERABLE, SKIPPED)
    assert status == 1
    assert "requests 2.0.0: PYSEC-2018-28, fixed in 2.20.0" in text
    assert "requests 2.0.0: GHSA-1, fixed in no version yet" in text
    assert "1 packages with known vulnerabilities, 1 without." in text
    assert "NOT AUDITED: 1 packages that the advisory data do not contain: jinja2" in text


def test_missing_advisory_data_is_reported_and_no_failure() -> None:
    status, text = evaluate_report(SKIPPED, SKIPPED | {"name": "flask"})
    assert status == 0
    assert text.startswith("NOT AUDITED: the advisory data contain none of the 2 packages.")
    assert "without" not in text


def test_error_of_pip_audit_is_reported() -> None:
    status, lines = evaluate("", "ERROR:pip_audit: Could not connect to PyPI's vulnerability feed\n")
    assert status == 0
    assert "Could not connect to PyPI's vulnerability feed" in lines[0]
    assert evaluate("", "")[1][0].startswith("NOT AUDITED")
