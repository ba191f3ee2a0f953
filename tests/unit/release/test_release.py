"""Cutting a release: what stands in its way, what it writes, and that it does nothing unless told to."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.release.repositories import Repository
from tools.release import release
from tools.release.__main__ import main
from tools.release.project import ReleaseError, last_release, version

EVENT = '{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}'


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.write("setup.cfg", "[metadata]\nname = reclothes\nversion = 0.1.0\n")
    made.write("openapi/events/coat.v1.json", EVENT)
    for service in ("auth", "customer", "shopping", "billing", "admin", "locker"):
        made.write(f"services/{service}/migrations/versions/__init__.py", "")
    made.commit("Coats can be sold")
    return made


def released(repository: Repository, number: str) -> None:
    release.cut(release.plan(number, repository.folder), repository.folder)


def test_a_release_is_a_number_notes_a_commit_and_a_tag(repository: Repository) -> None:
    assert last_release(repository.folder) is None
    released(repository, "0.1.0")
    assert last_release(repository.folder) == "v0.1.0"
    repository.write("a", "")
    repository.commit("Hats too")
    repository.git("commit", "--allow-empty", "--quiet", "--message", "Merge branch 'hats'")
    released(repository, "0.2.0")
    assert version(repository.folder) == "0.2.0"
    assert repository.git("status", "--porcelain") == ""
    notes = (repository.folder / "CHANGELOG.md").read_text()
    assert notes.startswith("# Releases\n\n## 0.2.0 (")
    assert notes.index("- Hats too") < notes.index("## 0.1.0") < notes.index("- Coats can be sold")
    assert "Merge" not in notes
    assert "- Hats too" in repository.git("tag", "--list", "v0.2.0", "--format", "%(contents)")


@pytest.mark.parametrize(
    ("number", "told"),
    [("1.0", "three numbers"), ("01.0.0", "three numbers"), ("0.0.9", "older than the version in setup.cfg")],
)
def test_a_number_that_cannot_be_is_refused(number: str, told: str, repository: Repository) -> None:
    with pytest.raises(ReleaseError, match=told):
        release.plan(number, repository.folder)


def test_what_is_released_is_not_released_again(repository: Repository) -> None:
    released(repository, "0.1.0")
    with pytest.raises(ReleaseError) as refused:
        release.plan("0.1.0", repository.folder)
    assert "there is a tag v0.1.0 already" in str(refused.value)
    assert "not newer than v0.1.0" in str(refused.value)
    with pytest.raises(ReleaseError, match="nothing has changed"):
        release.plan("0.1.1", repository.folder)


def test_a_tree_with_changes_is_refused(repository: Repository) -> None:
    repository.write("half-done", "")
    with pytest.raises(ReleaseError, match="the tree is not clean"):
        release.plan("0.1.0", repository.folder)


def test_what_breaks_callers_needs_a_number_that_says_so(repository: Repository) -> None:
    released(repository, "1.0.0")
    repository.write("openapi/events/coat.v1.json", EVENT.replace('"required": ["id"], ', ""))
    repository.commit("The id can be absent")
    with pytest.raises(ReleaseError, match=r"1\.1\.0 may break nothing"):
        release.plan("1.1.0", repository.folder)
    found = release.plan("2.0.0", repository.folder)
    assert found.breaks == ["coat.v1/id: can be absent, which subscribers of the last release do not expect"]


def test_a_migration_that_the_last_release_would_not_survive_is_refused(repository: Repository) -> None:
    released(repository, "1.0.0")
    drop = 'from alembic import op\n\n\ndef upgrade():\n    op.drop_table("coats")\n'
    repository.write("services/shopping/migrations/versions/0002_drop.py", drop)
    repository.commit("Coats are gone")
    with pytest.raises(ReleaseError, match="drops the table coats"):
        release.plan("1.1.0", repository.folder)


def test_without_confirmation_nothing_happens(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = release.plan("0.1.0", repository.folder)
    monkeypatch.setattr(release, "plan", lambda _: ready)
    monkeypatch.setattr(release, "cut", lambda _: pytest.fail("it was cut"))
    answer = CliRunner().invoke(main, ["release", "0.1.0"])
    assert "- Coats can be sold" in answer.output
    assert "CONFIRM=1" in answer.output
