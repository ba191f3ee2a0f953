"""All contracts and events of the working tree compared with those of a commit."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.checks.compatibility.contracts import breaking_operations
from tools.checks.compatibility.events import breaking_events
from tools.errors import ToolError
from tools.gateway.contracts import read_contract
from tools.project import ROOT, SERVICES
from tools.repository import git_bytes


def breaking_changes(since: str, root: Path = ROOT) -> list[str]:
    """Return a sentence for each change since the commit `since` that breaks clients or subscribers."""
    with tempfile.TemporaryDirectory() as folder:
        archive = git_bytes("archive", "--format=tar", since, "openapi", root=root)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        return list(_compare(Path(folder) / "openapi", root / "openapi"))


def _compare(old: Path, new: Path) -> Iterator[str]:
    for service in SERVICES:
        before, after = old / f"{service}.yaml", new / f"{service}.yaml"
        if before.exists() and not after.exists():
            raise ToolError(f"{after} is missing. A contract cannot be removed in one release; restore it.")
        if before.exists() and not _is_unchanged(old, new, service):
            for change in breaking_operations(read_contract(before), read_contract(after)):
                yield f"{service}: {change}"
    yield from breaking_events(_event_schemas(old), _event_schemas(new))


def _is_unchanged(old: Path, new: Path, service: str) -> bool:
    """Whether the contract and the shared files are identical: resolving references takes seconds."""
    files = [Path(f"{service}.yaml"), *(file.relative_to(new) for file in sorted((new / "components").glob("*")))]
    return all((old / file).exists() and (old / file).read_bytes() == (new / file).read_bytes() for file in files)


def _event_schemas(contracts: Path) -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text()) for file in sorted((contracts / "events").glob("*.json"))}
