"""All contracts and events of this tree against those of a commit."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.gateway.contracts import read_contract
from tools.release.compatibility.contracts import broken_operations
from tools.release.compatibility.events import broken_events
from tools.release.project import ROOT, SERVICES, ReleaseError, git_bytes


def breaking_changes(since: str, root: Path = ROOT) -> list[str]:
    """A sentence for each thing that the tree under `root` breaks for whoever relies on the commit `since`."""
    with tempfile.TemporaryDirectory() as folder:
        _extract(since, root, Path(folder))
        return list(_breaks(Path(folder) / "openapi", root / "openapi"))


def _extract(commit: str, root: Path, folder: Path) -> None:
    archive = git_bytes("archive", "--format=tar", commit, "openapi", root=root)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def _breaks(old: Path, new: Path) -> Iterator[str]:
    for service in SERVICES:
        before, after = old / f"{service}.yaml", new / f"{service}.yaml"
        if before.exists() and not after.exists():
            raise ReleaseError(f"{after} is gone; a domain cannot be taken away in one release")
        if before.exists() and not _are_the_same(old, new, service):
            for fault in broken_operations(read_contract(before), read_contract(after)):
                yield f"{service}: {fault}"
    yield from broken_events(_event_schemas(old), _event_schemas(new))


def _are_the_same(old: Path, new: Path, service: str) -> bool:
    """Whether neither the contract nor a shared file has changed: following references takes seconds."""
    files = [Path(f"{service}.yaml"), *(file.relative_to(new) for file in sorted((new / "components").glob("*")))]
    return all((old / file).exists() and (old / file).read_bytes() == (new / file).read_bytes() for file in files)


def _event_schemas(contracts: Path) -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text()) for file in sorted((contracts / "events").glob("*.json"))}
