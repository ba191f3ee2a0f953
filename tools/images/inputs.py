"""The inputs of a service's image, and the commit that its tag names.

The tag is the last commit that changed an input, so a commit builds only the images that it changes, and a tag
identifies what runs. Python files are found through the imports (grimp's graph, as import-linter uses it); the
other inputs are the service's folder, its contract, and the files that build the image.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import grimp

from tools.errors import ToolError
from tools.project import ROOT, SERVICES
from tools.repository import git

# Inputs of every image (git pathspecs; missing ones are ignored).
SHARED_INPUTS = (
    "Dockerfile",
    ".dockerignore",
    "tools/images/build_steps/*.*",
    "tools/images/build_steps/locks/chassis.lock",
    "tools/images/build_steps/locks/tools.lock",
    "openapi/components",
    "openapi/events",
    "openapi/scopes.yaml",
    "services/__init__.py",
)


def image_inputs(service: str) -> list[str]:
    """Return the files of the repository from which a service's image is built, sorted."""
    if service not in SERVICES:
        raise ToolError(f"There is no service {service!r}. Choose one of {', '.join(SERVICES)}.")
    lock = f"tools/images/build_steps/locks/{service}.lock"
    own = [f"services/{service}", f"openapi/{service}.yaml", lock]
    return sorted(set(git("ls-files", "--", *own, *SHARED_INPUTS, *_python_files(service)).splitlines()))


def affected_services(files: Iterable[str]) -> list[str]:
    """Return the services that have one of these files among their inputs, in the order of SERVICES."""
    changed = set(files)
    return [service for service in SERVICES if changed & set(image_inputs(service))]


def changed_services(since: str) -> list[str]:
    """Return the services whose image differs from that of the commit `since`."""
    return affected_services(changed_files(since))


def image_tag(service: str) -> str:
    """Return the last commit that changed an input of a service's image."""
    inputs = image_inputs(service)
    if changed := git("status", "--porcelain", "--", *inputs).splitlines():
        raise ToolError(
            f"{changed[0][3:]} has uncommitted changes, so the image of {service} has no tag. Commit or stash them."
        )
    return git("log", "-1", "--format=%H", "--", *inputs).strip()


def changed_files(since: str) -> list[str]:
    """Return the files that differ between the commit `since` and the working tree, also untracked ones."""
    tracked = git("diff", "--name-only", "--no-renames", since, "--").splitlines()
    return sorted({*tracked, *git("ls-files", "--others", "--exclude-standard").splitlines()})


def _python_files(service: str) -> list[str]:
    graph = _import_graph()
    modules = {name for name in graph.modules if name.startswith(f"services.{service}.")} | _entry_points()
    needed = modules.union(*(graph.find_upstream_modules(name) for name in modules))
    return [_file(module) for module in needed]


@cache
def _import_graph() -> grimp.ImportGraph:
    return grimp.build_graph("libs", "services")


@cache
def _entry_points() -> set[str]:
    """Modules of the chassis that are not imported: containers of every service start them by name."""
    graph = _import_graph()
    chassis = {name for name in graph.modules if name.startswith("libs.chassis")}
    return {name for name in chassis if not graph.find_modules_that_directly_import(name)}


def _file(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"
