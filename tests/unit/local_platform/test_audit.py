"""`make audit` fails for findings only, and never calls clear what was not looked up."""

from __future__ import annotations

import json
from typing import Any

from tools.local_platform.audit import judge

CLEAR = {"name": "flask", "version": "3.1.3", "vulns": []}
UNKNOWN = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI and could not be audited"}
HOLED = {
    "name": "requests",
    "version": "2.0.0",
    "vulns": [{"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"]}, {"id": "GHSA-1", "fix_versions": []}],
}


def of(*dependencies: dict[str, Any], errors: str = "") -> tuple[int, str]:
    status, lines = judge(json.dumps({"dependencies": dependencies, "fixes": []}), errors)
    return status, "\n".join(lines)


def test_all_clear_is_said_with_the_number() -> None:
    assert of(CLEAR, CLEAR | {"name": "werkzeug"}) == (0, "0 packages with known vulnerabilities, 2 without.")


def test_a_finding_fails_and_says_where_it_is_mended() -> None:
    status, told = of(CLEAR, HOLED, UNKNOWN)
    assert status == 1
    assert "requests 2.0.0: PYSEC-2018-28, mended in 2.20.0" in told
    assert "requests 2.0.0: GHSA-1, mended in no version yet" in told
    assert "1 packages with known vulnerabilities, 1 without." in told
    assert "NOT AUDITED: 1 packages that the advisory data do not name: jinja2" in told


def test_without_the_advisory_data_it_fails_nothing_and_clears_nothing() -> None:
    status, told = of(UNKNOWN, UNKNOWN | {"name": "flask"})
    assert status == 0
    assert told.startswith("NOT AUDITED: the advisory data name none of the 2 packages.")
    assert "without" not in told


def test_what_broke_the_look_up_is_said() -> None:
    status, lines = judge("", "ERROR:pip_audit: Could not connect to PyPI's vulnerability feed\n")
    assert status == 0
    assert "Could not connect to PyPI's vulnerability feed" in lines[0]
    assert judge("", "")[1][0].startswith("NOT AUDITED")
