"""Which services a change concerns: those whose image holds a changed file.

Python files are followed along the imports (grimp's graph, the one behind the import rules), everything else by the
folder it lies in. What belongs to nobody in particular (the lock, the Dockerfile) concerns all services.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

import grimp

from libs.delivery.project import SERVICES, git

# What never gets into an image.
OUTSIDE = ("docs/", "tests/", "infra/", "helm/", "kops/", "tools/", "gateway-config/", ".ci/", "libs/runner/",
           "libs/gateway/", "libs/delivery/", "libs/images/")  # fmt: skip
OUTSIDE_FILES = {"README.md", "CHANGELOG.md", "Jenkinsfile", "Makefile", "ruff.toml", "cliff.toml", ".gitignore",
                 ".pre-commit-config.yaml", ".secrets.baseline"}  # fmt: skip


def changed_files(since: str) -> list[str]:
    """What differs between the commit `since` and this tree; new files too, which git does not know yet."""
    known = git("diff", "--name-only", "--no-renames", since, "--").splitlines()
    return sorted({*known, *git("ls-files", "--others", "--exclude-standard").splitlines()})


def affected_services(files: Iterable[str]) -> dict[str, str]:
    """Service → the first of `files` that concerns it; services that none concerns are absent."""
    graph = grimp.build_graph("libs", "services")
    reasons: dict[str, str] = {}
    for file in files:
        for service in _concerned(file, graph):
            reasons.setdefault(service, file)
    return {service: reasons[service] for service in SERVICES if service in reasons}


def _concerned(file: str, graph: grimp.ImportGraph) -> Iterable[str]:
    if file.startswith(OUTSIDE) or file in OUTSIDE_FILES:
        return ()
    path = PurePosixPath(file)
    if path.parts[0] == "services" and len(path.parts) > 2:
        return (path.parts[1],)
    if path.parts[0] == "openapi":
        # A contract goes into its own service; components and events are read by all.
        return (path.stem,) if path.stem in SERVICES and len(path.parts) == 2 else SERVICES
    if path.parent.parts == ("images", "locks") and path.stem in SERVICES:
        return (path.stem,)
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    if path.suffix == ".py" and module in graph.modules:
        # The entry of every container is in the chassis and finds the service by its name, not by an import.
        importers = graph.find_downstream_modules(module)
        entry = "libs.chassis.__main__"
        if module == entry or entry in importers:
            return SERVICES
        return {name.split(".")[1] for name in importers if name.startswith("services.") and name.count(".") > 0}
    return SERVICES
