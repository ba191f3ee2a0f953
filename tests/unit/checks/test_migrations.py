"""Migrations that are compatible with the last release, and those that are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.repository import Repository
from tools.checks.migrations import check, findings, phase
from tools.errors import ToolError

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
def test_adding_is_compatible(line: str) -> None:
    assert findings(migration(line)) == []


@pytest.mark.parametrize(
    ("line", "problem", "removes"),
    [
        ('op.drop_table("coats")', "drops the table coats", "coats"),
        ('op.rename_table("coats", "jackets")', "renames the table coats", "coats"),
        ('op.drop_column("coats", "note")', "drops the column coats.note", "note"),
        ('op.alter_column("coats", "note", new_column_name="remark")', "renames the column coats.note", "note"),
        ('op.alter_column("coats", "note", nullable=False)', "makes coats.note NOT NULL", None),
        ('op.alter_column("coats", "n", type_=sa.BigInteger())', "changes the type of coats.n", None),
        ('op.add_column("coats", sa.Column("n", sa.Integer(), nullable=False))',
         "adds coats.n as NOT NULL without a server_default", None),
        ('op.create_unique_constraint("uq", "coats", ["note"])',
         "adds a constraint to coats that the last release may violate (create_unique_constraint)", None),
        ('op.create_index("ix", "coats", ["note"], unique=True)',
         "adds a constraint to coats that the last release may violate (unique index)", None),
        ('op.execute("ALTER TABLE coats DROP COLUMN note")', "runs the SQL 'ALTER TABLE COATS DROP'", None),
        ('op.execute(sa.text("drop table coats"))', "runs the SQL 'DROP TABLE'", None),
    ],
)  # fmt: skip
def test_incompatible_step_is_found(line: str, problem: str, removes: str | None) -> None:
    [finding] = findings(migration("pass", line))
    assert (finding.problem, finding.removes, finding.line) == (problem, removes, 9)


def test_steps_of_a_batch_are_checked() -> None:
    [finding] = findings(migration('with op.batch_alter_table("coats") as table:', '    table.drop_column("note")'))
    assert finding.problem == "drops the column coats.note"
    assert findings(
        migration('with op.batch_alter_table("coats") as table:', '    table.add_column(sa.Column("a", sa.Text()))')
    ) == []  # fmt: skip


def test_constraint_on_a_table_of_the_same_migration_is_compatible() -> None:
    assert (
        findings(migration('op.create_table("coats")', 'op.create_unique_constraint("uq", "coats", ["a"])')) == []
    )


def test_functions_called_by_upgrade_are_checked_but_not_downgrade() -> None:
    source = migration("_clean()") + '\n\ndef _clean():\n    op.drop_column("coats", "note")\n'
    assert [finding.problem for finding in findings(source)] == ["drops the column coats.note"]


def test_unknown_phase_is_rejected() -> None:
    assert phase(migration("pass")) == "expand"
    assert phase(HEAD + 'phase = "contract"\n') == "contract"
    with pytest.raises(ToolError, match="'shrink'"):
        phase(HEAD + 'phase = "shrink"\n')


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A release whose code uses the column `note`, and not `remark`."""
    repository = Repository(tmp_path)
    repository.write("services/shopping/migrations/versions/0001_first.py", migration('op.drop_table("before_us")'))
    repository.write("services/shopping/models.py", 'note = column("note")\n')
    repository.commit("One")
    repository.git("tag", "v1.0.0")
    return repository


CONTRACT = HEAD + 'phase = "contract"\n'


def second(repository: Repository, *lines: str, head: str = HEAD, name: str = "0002_next.py") -> list[str]:
    repository.write(f"services/shopping/migrations/versions/{name}", migration(*lines, head=head))
    return check("v1.0.0", repository.folder)


def test_released_migrations_are_not_checked(repository: Repository) -> None:
    assert check("v1.0.0", repository.folder) == []
    assert check(None, repository.folder) == []


def test_expansion_must_not_drop(repository: Repository) -> None:
    [problem] = second(repository, 'op.drop_column("coats", "remark")')
    assert problem.endswith("0002_next.py: line 8: drops the column coats.remark, but the last release needs it")


def test_contraction_may_drop_what_the_last_release_does_not_use(repository: Repository) -> None:
    assert second(repository, 'op.drop_column("coats", "remark")', head=CONTRACT) == []
    [problem] = second(repository, 'op.drop_column("coats", "note")', head=CONTRACT)
    assert problem.endswith("drops the column coats.note, but the code of v1.0.0 uses note")


def test_both_phases_in_one_release_are_rejected(repository: Repository) -> None:
    second(repository, 'op.drop_column("coats", "remark")', head=CONTRACT)
    [problem] = second(repository, 'op.create_table("hats")', name="0003_more.py")
    assert "has expand and contract migrations" in problem
