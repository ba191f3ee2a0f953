"""Structure that import rules cannot state: who opens transactions, and that documents name files that exist."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from libs.chassis.settings import ROOT
from tools.documentation import lifecycles

# Use cases and commands own their transactions; rules, tables and stores do not. The token exchange is an ASGI
# application beside the contract, so it is its own use case; `normalize_emails` is a command.
OWNERS = ("api", "events", "jobs", "demo", "token_exchange", "normalize_emails")
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "services").rglob("*.py"))
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED_FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|yaml|json|md|cfg|sh|lua|css|html|conf))(?::[^`]*)?`")
NOT_TRACKED = ("build/", ".run/", ".venv")


def _opens_transactions(path: Path) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    names = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
    return bool(names & {"unit_of_work", "commit", "rollback"})


def test_only_use_cases_open_transactions() -> None:
    opening = [path for path in MODULES if _opens_transactions(ROOT / path)]
    assert opening
    assert [path.as_posix() for path in opening if path.stem not in OWNERS] == []


def test_the_diagrams_in_the_docs_are_those_of_the_code() -> None:
    assert lifecycles.FILE.read_text() == lifecycles.document(), "run `make lifecycles` and commit the result"


@pytest.fixture(scope="module")
def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [f"/{name}" for name in listed.stdout.splitlines()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_document_names_only_files_that_exist(document: Path, tracked_files: list[str]) -> None:
    names = {name for name in NAMED_FILE.findall(document.read_text()) if not name.startswith(NOT_TRACKED)}
    assert {name for name in names if not any(file.endswith(f"/{name}") for file in tracked_files)} == set()
