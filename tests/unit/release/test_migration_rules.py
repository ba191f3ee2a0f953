"""Expand first, contract later: which migrations may go out while the last release still runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.release.repositories import Repository
from tools.release.migration_rules import check, findings, phase
from tools.release.project import ReleaseError

HEAD = 'import sqlalchemy as sa\nfrom alembic import op\n\nrevision = "0002"\n'


def migration(*lines: str, head: str = HEAD) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f'{head}\n\ndef upgrade():\n{body}\n\n\ndef downgrade():\n    op.drop_table("coats")\n'


@pytest.mark.parametrize(
    "line",
    [
        'op.create_table("coats", sa.Column("id", sa.String(36), nullable=False))',
        'op.add_column("coats", sa.Column("note", sa.Text(), nullable=True))',
        'op.add_column("coats", sa.Column("n", sa.Integer(), nullable=False, server_default="0"))',
        'op.create_index("ix", "coats", ["note"])',
        'op.drop_index("ix", "coats")',
        'op.alter_column("coats", "note", existing_type=sa.Text(), nullable=True)',
        "op.execute(\"UPDATE coats SET note = 'dropped in the box'\")",
    ],
)
def test_what_only_adds_is_an_expansion(line: str) -> None:
    assert findings(migration(line)) == []


@pytest.mark.parametrize(
    ("line", "told", "removes"),
    [
        ('op.drop_table("coats")', "drops the table coats", "coats"),
        ('op.rename_table("coats", "jackets")', "renames the table coats", "coats"),
        ('op.drop_column("coats", "note")', "drops the column coats.note", "note"),
        ('op.alter_column("coats", "note", new_column_name="remark")', "renames the column coats.note", "note"),
        ('op.alter_column("coats", "note", nullable=False)', "makes coats.note refuse NULL", None),
        ('op.alter_column("coats", "n", type_=sa.BigInteger())', "changes the type of coats.n", None),
        ('op.add_column("coats", sa.Column("n", sa.Integer(), nullable=False))',
         "adds coats.n, which refuses NULL and has no server_default", None),
        ('op.create_unique_constraint("uq", "coats", ["note"])',
         "demands of coats what old code may not keep (create_unique_constraint)", None),
        ('op.create_index("ix", "coats", ["note"], unique=True)',
         "demands of coats what old code may not keep (a unique index)", None),
        ('op.execute("ALTER TABLE coats DROP COLUMN note")', "runs SQL that says 'ALTER TABLE COATS DROP'", None),
        ('op.execute(sa.text("drop table coats"))', "runs SQL that says 'DROP TABLE'", None),
    ],
)  # fmt: skip
def test_what_the_last_release_would_not_survive_is_found(line: str, told: str, removes: str | None) -> None:
    [finding] = findings(migration("pass", line))
    assert (finding.what, finding.removes, finding.line) == (told, removes, 9)


def test_a_batch_is_looked_into() -> None:
    [finding] = findings(migration('with op.batch_alter_table("coats") as table:', '    table.drop_column("note")'))
    assert finding.what == "drops the column coats.note"
    assert findings(
        migration('with op.batch_alter_table("coats") as table:', '    table.add_column(sa.Column("a", sa.Text()))')
    ) == []  # fmt: skip


def test_a_table_that_the_same_migration_makes_is_nobodys_yet() -> None:
    assert (
        findings(migration('op.create_table("coats")', 'op.create_unique_constraint("uq", "coats", ["a"])')) == []
    )


def test_helpers_of_upgrade_count_and_downgrade_does_not() -> None:
    source = migration("_clean()") + '\n\ndef _clean():\n    op.drop_column("coats", "note")\n'
    assert [finding.what for finding in findings(source)] == ["drops the column coats.note"]


def test_a_phase_that_is_none_is_refused() -> None:
    assert phase(migration("pass")) == "expand"
    assert phase(HEAD + 'phase = "contract"\n') == "contract"
    with pytest.raises(ReleaseError, match="'shrink'"):
        phase(HEAD + 'phase = "shrink"\n')


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A release whose code still names the column `note`, and no longer `remark`."""
    made = Repository(tmp_path)
    made.write("services/shopping/migrations/versions/0001_first.py", migration('op.drop_table("before_us")'))
    made.write("services/shopping/models.py", 'note = column("note")\n')
    made.commit("One")
    made.git("tag", "v1.0.0")
    return made


CONTRACT = HEAD + 'phase = "contract"\n'


def second(repository: Repository, *lines: str, head: str = HEAD, name: str = "0002_next.py") -> list[str]:
    repository.write(f"services/shopping/migrations/versions/{name}", migration(*lines, head=head))
    return check("v1.0.0", repository.folder)


def test_what_was_released_is_not_judged_again(repository: Repository) -> None:
    assert check("v1.0.0", repository.folder) == []
    assert check(None, repository.folder) == []


def test_an_expansion_may_not_drop(repository: Repository) -> None:
    [fault] = second(repository, 'op.drop_column("coats", "remark")')
    assert fault.endswith("0002_next.py: line 8: drops the column coats.remark; the last release still needs it")


def test_a_contraction_may_drop_what_the_last_release_no_longer_names(repository: Repository) -> None:
    assert second(repository, 'op.drop_column("coats", "remark")', head=CONTRACT) == []
    [fault] = second(repository, 'op.drop_column("coats", "note")', head=CONTRACT)
    assert fault.endswith("drops the column coats.note; v1.0.0 still names note")


def test_both_phases_in_one_release_are_refused(repository: Repository) -> None:
    second(repository, 'op.drop_column("coats", "remark")', head=CONTRACT)
    [fault] = second(repository, 'op.create_table("hats")', name="0003_more.py")
    assert "expand and contract in one release" in fault
