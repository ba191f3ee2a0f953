"""Secrets are found where git tracks them, and what the baseline knows is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.unit.release.repositories import Repository
from tools.release.project import ROOT
from tools.release.secrets_scan import BASELINE, find_secrets

# Put together here, so that this file holds none.
KEY = "-----BEGIN " + "RSA PRIVATE KEY-----\n"
AMAZON = "AKIA" + "QWERTYUIOPASDFGH"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    shutil.copy(ROOT / BASELINE, tmp_path)
    made.write("settings.py", "url = 'https://api.reclothes.example'\n")
    return made


@pytest.mark.parametrize(("text", "kind"), [(KEY, "Private Key"), (f"id = '{AMAZON}'\n", "AWS Access Key")])
def test_a_secret_is_told_with_its_place_and_not_shown(text: str, kind: str, repository: Repository) -> None:
    repository.commit("One")
    assert find_secrets(repository.folder) is None
    repository.write("notes.txt", f"\n{text}")
    repository.commit("Two")
    found = find_secrets(repository.folder)
    assert found is not None
    assert kind in found
    assert "notes.txt:2" in found
    assert AMAZON not in found


def test_what_git_does_not_track_is_not_looked_at(repository: Repository) -> None:
    repository.write(".gitignore", ".run/\n")
    repository.write(".run/secrets/key.pem", KEY)
    repository.commit("One")
    assert find_secrets(repository.folder) is None


def test_a_known_example_may_move_to_another_line(repository: Repository) -> None:
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
