"""What a test changes in a module exists there: a plain assignment to a renamed attribute would change nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "tests").rglob("*.py"))


def _modules(tree: ast.Module) -> set[str]:
    """The names under which a file imports modules of ours."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if _is_module(f"{node.module}.{alias.name}")
    }


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def silent_patches(source: str) -> Iterator[int]:
    """The lines that assign to an attribute of a module, or patch with raising=False."""
    tree = ast.parse(source)
    modules = _modules(tree)
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            if (
                isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id in modules
            ):
                yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr":
            yield from (node.lineno for keyword in node.keywords if keyword.arg == "raising")


def test_no_test_assigns_to_a_module() -> None:
    found = {path.relative_to(ROOT).as_posix(): list(silent_patches(path.read_text())) for path in FILES}
    silent = {path: lines for path, lines in found.items() if lines}
    assert not silent, "use monkeypatch.setattr in these lines: it fails when the attribute does not exist"


def test_both_kinds_are_found() -> None:
    source = "from libs.chassis import outbox_relay\noutbox_relay.BATCH_SIZE = 1\n"
    source += "patch.setattr(outbox_relay, 'x', 1, raising=False)\n"
    assert list(silent_patches(source)) == [2, 3]
