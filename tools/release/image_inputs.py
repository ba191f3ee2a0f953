"""What goes into a service's image, and so which commit its image is of.

An image's tag is the last commit that changed one of its inputs. So a commit builds only the images that it
changes, and a tag says what runs. Python files are found along the imports (grimp's graph, the one behind the
import rules); the other inputs are the service's own folder, its contract, and what builds the image.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import grimp

from tools.release.project import ROOT, SERVICES, ReleaseError, git

# Whatever lies there builds all images, or is read by all services (git pathspecs; what is not there is left out).
OF_ALL_SERVICES = (
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
ALONE = "requirements.lock"  # where services have no locks of their own, all depend on this one


def inputs_of(service: str) -> list[str]:
    """The files of the repository that a service's image is made of, sorted."""
    if service not in SERVICES:
        raise ReleaseError(f"no service is called {service!r}; there are {', '.join(SERVICES)}")
    own_lock = f"tools/images/build_steps/locks/{service}.lock"
    lock = own_lock if (ROOT / own_lock).exists() else ALONE
    places = [f"services/{service}", f"openapi/{service}.yaml", lock, *OF_ALL_SERVICES]
    tracked = git("ls-files", "--", *places, *_python_files(service)).splitlines()
    return sorted(set(tracked))


def affected_services(files: Iterable[str]) -> list[str]:
    """The services whose image holds one of these files, in the order of the platform."""
    changed = set(files)
    return [service for service in SERVICES if changed & set(inputs_of(service))]


def tag_of(service: str) -> str:
    """The commit that a service's image is of: the last one that changed an input."""
    inputs = inputs_of(service)
    if changed := git("status", "--porcelain", "--", *inputs).splitlines():
        raise ReleaseError(
            f"an image is of a commit, and {changed[0][3:]} is changed but not committed; commit or stash it first"
        )
    return git("log", "-1", "--format=%H", "--", *inputs).strip()


def changed_files(since: str) -> list[str]:
    """What differs between the commit `since` and this tree; new files too, which git does not know yet."""
    known = git("diff", "--name-only", "--no-renames", since, "--").splitlines()
    return sorted({*known, *git("ls-files", "--others", "--exclude-standard").splitlines()})


def _python_files(service: str) -> list[str]:
    graph = _graph()
    modules = {name for name in graph.modules if name.startswith(f"services.{service}.")} | _started_by_name()
    needed = modules.union(*(graph.find_upstream_modules(name) for name in modules))
    return [_file(module) for module in needed]


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph("libs", "services")


@cache
def _started_by_name() -> set[str]:
    """Modules of the chassis that nothing imports: containers start them by their names, whatever the service."""
    graph = _graph()
    chassis = {name for name in graph.modules if name.startswith("libs.chassis")}
    return {name for name in chassis if not graph.find_modules_that_directly_import(name)}


def _file(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"
