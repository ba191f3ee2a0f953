"""Secrets are found in tracked files, except for those in the baseline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.repository import Repository
from tools.checks.secret_scan import BASELINE, find_secrets
from tools.project import ROOT

# Concatenated, so that this file contains no secret.
KEY = "-----BEGIN " + "RSA PRIVATE KEY-----\n"
AMAZON = "AKIA" + "QWERTYUIOPASDFGH"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path)
    shutil.copy(ROOT / BASELINE, tmp_path)
    repository.write("settings.py", "url = 'https://api.reclothes.example'\n")
    return repository


@pytest.mark.parametrize(("text", "kind"), [(KEY, "Private Key"), (f"id = '{AMAZON}'\n", "AWS Access Key")])
def test_secret_is_reported_with_file_and_line_but_not_printed(
    text: str, kind: str, repository: Repository
) -> None:
    repository.commit("One")
    assert find_secrets(repository.folder) is None
    repository.write("notes.txt", f"\n{text}")
    repository.commit("Two")
    found = find_secrets(repository.folder)
    assert found is not None
    assert kind in found
    assert "notes.txt:2" in found
    assert AMAZON not in found


def test_untracked_files_are_not_scanned(repository: Repository) -> None:
    repository.write(".gitignore", ".run/\n")
    repository.write(".run/secrets/key.pem", KEY)
    repository.commit("One")
    assert find_secrets(repository.folder) is None


def test_known_example_may_move_to_another_line(repository: Repository) -> None:
    file = next(iter(json.loads((ROOT / BASELINE).read_text())["results"]))
    lines = (ROOT / file).read_text().splitlines(keepends=True)
    before = (repository.folder / BASELINE).read_text()
    repository.write(file, "\n" * 7 + "".join(lines))
    repository.commit("One")
    assert find_secrets(repository.folder) is None
    assert (repository.folder / BASELINE).read_text() == before
    repository.write(file, "".join(lines) + KEY)
    repository.commit("Two")
    assert "Private Key" in (find_secrets(repository.folder) or "")
