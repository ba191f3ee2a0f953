"""Creating a release: what prevents it, what it writes, and that it needs a confirmation."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.repository import Repository
from tools.errors import ToolError
from tools.project import version
from tools.release import versioning
from tools.release.__main__ import main
from tools.repository import last_release

EVENT = '{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}'


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path)
    repository.write("setup.cfg", "[metadata]\nname = reclothes\nversion = 0.1.0\n")
    repository.write("openapi/events/coat.v1.json", EVENT)
    for service in ("auth", "customer", "shopping", "billing", "admin", "locker"):
        repository.write(f"services/{service}/migrations/versions/__init__.py", "")
    repository.commit("Coats can be sold")
    return repository


def create(repository: Repository, number: str) -> None:
    versioning.create(versioning.plan(number, repository.folder), repository.folder)


def test_release_has_version_notes_commit_and_tag(repository: Repository) -> None:
    assert last_release(repository.folder) is None
    create(repository, "0.1.0")
    assert last_release(repository.folder) == "v0.1.0"
    repository.write("a", "")
    repository.commit("Hats too")
    repository.git("commit", "--allow-empty", "--quiet", "--message", "Merge branch 'hats'")
    create(repository, "0.2.0")
    assert version(repository.folder) == "0.2.0"
    assert repository.git("status", "--porcelain") == ""
    notes = (repository.folder / "CHANGELOG.md").read_text()
    assert notes.startswith("# Releases\n\n## 0.2.0 (")
    assert notes.index("- Hats too") < notes.index("## 0.1.0") < notes.index("- Coats can be sold")
    assert "Merge" not in notes
    assert "- Hats too" in repository.git("tag", "--list", "v0.2.0", "--format", "%(contents)")


@pytest.mark.parametrize(
    ("number", "message"),
    [("1.0", "three numbers"), ("01.0.0", "three numbers"), ("0.0.9", "older than the version in setup.cfg")],
)
def test_invalid_version_is_rejected(number: str, message: str, repository: Repository) -> None:
    with pytest.raises(ToolError, match=message):
        versioning.plan(number, repository.folder)


def test_existing_version_is_rejected(repository: Repository) -> None:
    create(repository, "0.1.0")
    with pytest.raises(ToolError) as error:
        versioning.plan("0.1.0", repository.folder)
    assert "The tag v0.1.0 already exists" in str(error.value)
    assert "not newer than v0.1.0" in str(error.value)
    with pytest.raises(ToolError, match=r"no commit since v0\.1\.0"):
        versioning.plan("0.1.1", repository.folder)


def test_uncommitted_changes_prevent_a_release(repository: Repository) -> None:
    repository.write("half-done", "")
    with pytest.raises(ToolError, match="uncommitted changes"):
        versioning.plan("0.1.0", repository.folder)


def test_breaking_change_needs_a_new_major_version(repository: Repository) -> None:
    create(repository, "1.0.0")
    repository.write("openapi/events/coat.v1.json", EVENT.replace('"required": ["id"], ', ""))
    repository.commit("The id can be absent")
    with pytest.raises(ToolError, match=r"1\.1\.0 allows no breaking changes"):
        versioning.plan("1.1.0", repository.folder)
    plan = versioning.plan("2.0.0", repository.folder)
    assert plan.breaking_changes == [
        "coat.v1/id: can be absent, which subscribers of the last release do not expect"
    ]


def test_incompatible_migration_prevents_a_release(repository: Repository) -> None:
    create(repository, "1.0.0")
    drop = 'from alembic import op\n\n\ndef upgrade():\n    op.drop_table("coats")\n'
    repository.write("services/shopping/migrations/versions/0002_drop.py", drop)
    repository.commit("Coats are gone")
    with pytest.raises(ToolError, match="drops the table coats"):
        versioning.plan("1.1.0", repository.folder)


def test_release_needs_a_confirmation(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = versioning.plan("0.1.0", repository.folder)
    monkeypatch.setattr(versioning, "plan", lambda _: plan)
    monkeypatch.setattr(versioning, "create", lambda _: pytest.fail("it was created"))
    result = CliRunner().invoke(main, ["release", "0.1.0"])
    assert "- Coats can be sold" in result.output
    assert "CONFIRM=1" in result.output
