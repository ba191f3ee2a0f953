"""The pages that mails and log-ins link to: docs/development.md lists each with its operations."""

from __future__ import annotations

import re
from pathlib import Path

from tools.gateway.build import GATEWAYS, read_gateway

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\{(?:base|auth_settings\(\)\.\w+_base_url)\}/([a-z-]+)")
ROW = re.compile(r"^\| `/([a-z-]+)[^`]*` \|.*\|(.*)\|$", re.MULTILINE)


def documented() -> dict[str, list[str]]:
    """Page to the operations in its row."""
    text = (ROOT / "docs/development.md").read_text()
    section = text.partition("## Pages that links lead to")[2].partition("\n## ")[0]
    return {page: re.findall(r"`(\w+)`", calls) for page, calls in ROW.findall(section)}


def test_every_linked_page_is_documented() -> None:
    used = {page for file in (ROOT / "services").rglob("*.py") for page in LINK.findall(file.read_text())}
    assert used - {"auth"} == documented().keys()  # /auth/v1/… is an operation


def test_the_operations_of_a_page_are_exposed() -> None:
    reachable = {one.operation.operation_id for name in GATEWAYS for one in read_gateway(name).exposed}
    for page, calls in documented().items():
        assert calls, page
        assert set(calls) <= reachable, page
