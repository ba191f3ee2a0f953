"""Which migrations may go out in one release: expand first, contract later.

While a release rolls out, the last one still runs on the same database. So a migration only adds (expand): no drop,
no rename, nothing that old code's writes would break. What is left over goes in a later release by a migration
that says `phase = "contract"`, when the last release does not name it any more. The checks read the source, since
a migration that is run shows what it did to one database only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.release.project import ROOT, SERVICES, ReleaseError, git

PHASES = ("expand", "contract")
HARMFUL_SQL = re.compile(
    r"\b(drop\s+(?:table|column)|truncate|rename\s+(?:table|column|to)|change\s+column|alter\s+table\b[^;]*\bdrop\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Finding:
    """A line of a migration that the code of the last release would not survive. `removes` is a table or column."""

    line: int
    what: str
    removes: str | None = None


def findings(source: str) -> list[Finding]:
    """What in `upgrade` (and in what it may call) is not an expansion."""
    module = ast.parse(source)
    steps = [node for node in module.body if not (isinstance(node, ast.FunctionDef) and node.name == "downgrade")]
    calls = [node for step in steps for node in ast.walk(step) if isinstance(node, ast.Call)]
    fresh = {_text(call, 0) for call in calls if _name(call) == "create_table"}
    batches = _tables_of_batches(steps)
    found = [one for call in calls for one in _judge(call, batches) if _table(call, batches) not in fresh]
    return sorted(found, key=lambda one: one.line)


def phase(source: str) -> str:
    """The phase that a migration declares; expand unless it says otherwise."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["phase"]:
            declared = ast.literal_eval(node.value)
            if declared not in PHASES:
                raise ReleaseError(f"line {node.lineno}: phase is one of {' and '.join(PHASES)}, not {declared!r}")
            return str(declared)
    return "expand"


def check(since: str | None, root: Path = ROOT) -> list[str]:
    """A sentence for each fault of the migrations that the release `since` does not have; None: no release yet."""
    if since is None:
        return []
    faults: list[str] = []
    for service in SERVICES:
        new = _new_migrations(service, since, root)
        phases = {phase(file.read_text()) for file in new}
        if len(phases) > 1:
            faults.append(
                f"services/{service}: expand and contract in one release; the contract waits for the next"
            )
        for file in new:
            faults += [f"{file.relative_to(root)}: {fault}" for fault in _faults(file, service, since, root)]
    return faults


def _faults(file: Path, service: str, since: str, root: Path) -> Iterator[str]:
    source = file.read_text()
    is_contract = phase(source) == "contract"
    for finding in findings(source):
        if not is_contract:
            yield f"line {finding.line}: {finding.what}; the last release still needs it"
        elif finding.removes and _is_named(finding.removes, service, since, root):
            yield f"line {finding.line}: {finding.what}; {since} still names {finding.removes}"


def _new_migrations(service: str, since: str, root: Path) -> list[Path]:
    folder = f"services/{service}/migrations/versions"
    released = set(git("ls-tree", "-r", "--name-only", since, "--", folder, root=root).splitlines())
    files = sorted((root / folder).glob("[0-9]*.py"))
    return [file for file in files if file.relative_to(root).as_posix() not in released]


def _is_named(name: str, service: str, since: str, root: Path) -> bool:
    """Whether the service's code in the release names a table or column."""
    places = [f"services/{service}", f":(exclude)services/{service}/migrations"]
    try:
        return bool(git("grep", "--word-regexp", "--name-only", name, since, "--", *places, root=root))
    except ReleaseError:
        return False  # git grep ends with 1 when there is nothing


def _judge(call: ast.Call, batches: dict[str, str]) -> Iterator[Finding]:
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
        yield from _judge_alteration(call, f"{table}.{column}", column)
    elif name == "add_column":
        yield from _judge_addition(call, table, 0 if in_batch else 1)
    elif name in ("create_unique_constraint", "create_check_constraint", "create_foreign_key"):
        yield Finding(call.lineno, f"demands of {table} what old code may not keep ({name})")
    elif name == "create_index" and _keyword(call, "unique") is True:
        yield Finding(call.lineno, f"demands of {table} what old code may not keep (a unique index)")
    elif name == "execute":
        for text in (node.value for node in ast.walk(call) if isinstance(node, ast.Constant)):
            if isinstance(text, str) and (harm := HARMFUL_SQL.search(text)):
                yield Finding(call.lineno, f"runs SQL that says {harm[0].upper()!r}")


def _judge_alteration(call: ast.Call, where: str, column: str | None) -> Iterator[Finding]:
    if any(keyword.arg == "new_column_name" for keyword in call.keywords):
        yield Finding(call.lineno, f"renames the column {where}", column)
    if _keyword(call, "nullable") is False:
        yield Finding(call.lineno, f"makes {where} refuse NULL")
    if any(keyword.arg == "type_" for keyword in call.keywords):
        yield Finding(call.lineno, f"changes the type of {where}")


def _judge_addition(call: ast.Call, table: str | None, position: int) -> Iterator[Finding]:
    column = call.args[position] if len(call.args) > position else None
    if not isinstance(column, ast.Call) or _keyword(column, "nullable") is not False:
        return
    if not any(keyword.arg in ("server_default", "computed") for keyword in column.keywords):
        where = f"{table}.{_text(column, 0)}"
        yield Finding(call.lineno, f"adds {where}, which refuses NULL and has no server_default")


def _tables_of_batches(steps: list[ast.stmt]) -> dict[str, str]:
    """The names that `with op.batch_alter_table("t") as name` gives, and their tables."""
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
