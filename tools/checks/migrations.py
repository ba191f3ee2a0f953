"""Migrations must be compatible with the code of the last release: expand first, contract later.

During a roll-out the last release still runs on the same database. So a migration only adds (expand): no drop, no
rename, no constraint that writes of the last release may violate. A later migration with `phase = "contract"`
removes what the last release no longer uses. The check reads the source of the migrations.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.errors import ToolError
from tools.project import ROOT, SERVICES
from tools.repository import git

PHASES = ("expand", "contract")
DESTRUCTIVE_SQL = re.compile(
    r"\b(drop\s+(?:table|column)|truncate|rename\s+(?:table|column|to)|change\s+column|alter\s+table\b[^;]*\bdrop\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Finding:
    """A step of a migration that is incompatible with the last release. `removes` is a table or column."""

    line: int
    problem: str
    removes: str | None = None


def findings(source: str) -> list[Finding]:
    """Return the steps of `upgrade` and of the functions that it may call which do more than add."""
    module = ast.parse(source)
    steps = [node for node in module.body if not (isinstance(node, ast.FunctionDef) and node.name == "downgrade")]
    calls = [node for step in steps for node in ast.walk(step) if isinstance(node, ast.Call)]
    new_tables = {_text(call, 0) for call in calls if _name(call) == "create_table"}
    batches = _tables_of_batches(steps)
    relevant = [call for call in calls if _table(call, batches) not in new_tables]
    return sorted((one for call in relevant for one in _check_call(call, batches)), key=lambda one: one.line)


def phase(source: str) -> str:
    """Return the phase that a migration declares; the default is expand."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["phase"]:
            declared = ast.literal_eval(node.value)
            if declared not in PHASES:
                raise ToolError(f"line {node.lineno}: phase must be {' or '.join(PHASES)}, not {declared!r}")
            return str(declared)
    return "expand"


def check(since: str | None, root: Path = ROOT) -> list[str]:
    """Return a sentence for each problem of the migrations that are new since a release; None: no release yet."""
    if since is None:
        return []
    problems: list[str] = []
    for service in SERVICES:
        new = _new_migrations(service, since, root)
        phases = {phase(file.read_text()) for file in new}
        if len(phases) > 1:
            problems.append(
                f"services/{service}: has expand and contract migrations. Move the latter to the next release."
            )
        for file in new:
            problems += [f"{file.relative_to(root)}: {one}" for one in _problems(file, service, since, root)]
    return problems


def _problems(file: Path, service: str, since: str, root: Path) -> Iterator[str]:
    source = file.read_text()
    is_contract = phase(source) == "contract"
    for finding in findings(source):
        if not is_contract:
            yield f"line {finding.line}: {finding.problem}, but the last release needs it"
        elif finding.removes and _is_used(finding.removes, service, since, root):
            yield f"line {finding.line}: {finding.problem}, but the code of {since} uses {finding.removes}"


def _new_migrations(service: str, since: str, root: Path) -> list[Path]:
    folder = f"services/{service}/migrations/versions"
    released = set(git("ls-tree", "-r", "--name-only", since, "--", folder, root=root).splitlines())
    files = sorted((root / folder).glob("[0-9]*.py"))
    return [file for file in files if file.relative_to(root).as_posix() not in released]


def _is_used(name: str, service: str, since: str, root: Path) -> bool:
    """Whether the service's code in the release contains the name of a table or column."""
    places = [f"services/{service}", f":(exclude)services/{service}/migrations"]
    try:
        return bool(git("grep", "--word-regexp", "--name-only", name, since, "--", *places, root=root))
    except ToolError:
        return False  # git grep fails when it finds nothing


def _check_call(call: ast.Call, batches: dict[str, str]) -> Iterator[Finding]:
    name, table = _name(call), _table(call, batches)
    in_batch = _is_in_batch(call, batches)
    column = _text(call, 0 if in_batch else 1)
    if name == "drop_table":
        yield Finding(call.lineno, f"drops the table {table}", table)
    elif name == "rename_table":
        yield Finding(call.lineno, f"renames the table {table}", table)
    elif name == "drop_column":
        yield Finding(call.lineno, f"drops the column {table}.{column}", column)
    elif name == "alter_column":
        yield from _check_alteration(call, f"{table}.{column}", column)
    elif name == "add_column":
        yield from _check_addition(call, table, 0 if in_batch else 1)
    elif name in ("create_unique_constraint", "create_check_constraint", "create_foreign_key"):
        yield Finding(call.lineno, f"adds a constraint to {table} that the last release may violate ({name})")
    elif name == "create_index" and _keyword(call, "unique") is True:
        yield Finding(call.lineno, f"adds a constraint to {table} that the last release may violate (unique index)")
    elif name == "execute":
        for text in (node.value for node in ast.walk(call) if isinstance(node, ast.Constant)):
            if isinstance(text, str) and (match := DESTRUCTIVE_SQL.search(text)):
                yield Finding(call.lineno, f"runs the SQL {match[0].upper()!r}")


def _check_alteration(call: ast.Call, where: str, column: str | None) -> Iterator[Finding]:
    if any(keyword.arg == "new_column_name" for keyword in call.keywords):
        yield Finding(call.lineno, f"renames the column {where}", column)
    if _keyword(call, "nullable") is False:
        yield Finding(call.lineno, f"makes {where} NOT NULL")
    if any(keyword.arg == "type_" for keyword in call.keywords):
        yield Finding(call.lineno, f"changes the type of {where}")


def _check_addition(call: ast.Call, table: str | None, position: int) -> Iterator[Finding]:
    column = call.args[position] if len(call.args) > position else None
    if not isinstance(column, ast.Call) or _keyword(column, "nullable") is not False:
        return
    if not any(keyword.arg in ("server_default", "computed") for keyword in column.keywords):
        where = f"{table}.{_text(column, 0)}"
        yield Finding(call.lineno, f"adds {where} as NOT NULL without a server_default")


def _tables_of_batches(steps: list[ast.stmt]) -> dict[str, str]:
    """Return the tables by the names that `with op.batch_alter_table("table") as name` binds."""
    return {
        item.optional_vars.id: _text(item.context_expr, 0) or "?"
        for step in steps
        for node in ast.walk(step)
        if isinstance(node, ast.With)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name)
        and isinstance(item.context_expr, ast.Call)
        and _name(item.context_expr) == "batch_alter_table"
    }


def _is_in_batch(call: ast.Call, batches: dict[str, str]) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id in batches
    )


def _table(call: ast.Call, batches: dict[str, str]) -> str | None:
    if (
        _is_in_batch(call, batches)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
    ):
        return batches[call.func.value.id]
    position = 1 if _name(call) in ("create_index", "create_unique_constraint", "create_check_constraint",
                                    "create_foreign_key") else 0  # fmt: skip
    return _text(call, position)


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _text(call: ast.Call, position: int) -> str | None:
    value = call.args[position] if len(call.args) > position else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _keyword(call: ast.Call, name: str) -> object:
    for keyword in call.keywords:
        if keyword.arg == name and isinstance(keyword.value, ast.Constant):
            return keyword.value.value
    return None
