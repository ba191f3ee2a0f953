"""Run the tests that a change can have broken, found through the imports: `make test-changed`.

A test file is run when the change touches a file that it imports, directly or not. What imports cannot show is in
BY_FOLDER. Acceptance tests import no service, they run all of them: `make test` is for those.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

import grimp

from tools.errors import ToolError
from tools.images.inputs import changed_files
from tools.project import ROOT, SERVICES
from tools.repository import git

# Files that tests read without an import: pattern of changed files -> test folders or files.
BY_FOLDER = (
    *((f"services/{name}/*", (f"tests/unit/{name}", f"tests/integration/{name}")) for name in SERVICES),
    *((f"openapi/{name}.yaml", (f"tests/integration/{name}",)) for name in SERVICES),
    ("openapi/*", ("tests/contract", "tests/unit/gateway")),
    ("openapi/components/*", ("tests",)),
    ("openapi/events/*", ("tests",)),
    ("setup.cfg", ("tests",)),
    ("requirements.lock", ("tests",)),
    ("gateway-config/*", ("tests/contract", "tests/unit/gateway", "tests/integration/gateway")),
    ("services/*/api/*", ("tests/contract",)),
    ("services/*/*/api.py", ("tests/contract",)),
    ("services/*/events.py", ("tests/contract",)),
    ("services/*/migrations/*", ("tests/integration/test_migrations.py",)),
    ("helm/*", ("tests/helm",)),
    ("Makefile", ("tests/unit/release",)),
    ("Jenkinsfile", ("tests/unit/release", "tests/integration/checks")),
)
LEFT_OUT = ("tests/acceptance", "tests/security", "tests/attacks", "tests/images")


def test_files() -> list[str]:
    """All test files that this command may run, as paths from the root."""
    found = (path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py"))
    return sorted(path for path in found if not path.startswith(LEFT_OUT))


def selected(changed: Iterable[str]) -> list[str]:
    """The test files that these changed files can break."""
    files, changed = test_files(), set(changed)
    by_folder = {
        place
        for pattern, places in BY_FOLDER
        if any(fnmatch(path, pattern) for path in changed)
        for place in places
    }
    graph = grimp.build_graph("libs", "services", "tools", "tests")
    modules = {module for path in changed for module in _modules_of(path, graph.modules)}
    affected = modules.union(*(graph.find_downstream_modules(module) for module in modules))
    services = {
        f"tests/integration/{name}" for name in SERVICES if any(_is_of(module, name) for module in affected)
    }
    places = by_folder | services
    return [path for path in files if _is_in(path, places) or affected & _modules_of_test(path)]


def _modules_of(path: str, known: set[str]) -> set[str]:
    """The module of a changed file; of a file that is no module, all modules of its package."""
    if path.endswith(".py"):
        return {_module(path)} & known
    package = _module(path.rpartition("/")[0])
    return {module for module in known if module.startswith(f"{package}.")} if package in known else set()


def _is_of(module: str, service: str) -> bool:
    """Whether a module is one of a service; its integration tests load all of them by their names."""
    return module.startswith(f"services.{service}.")


def _is_in(path: str, places: set[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _modules_of_test(path: str) -> set[str]:
    """The module of a test file, and the conftest modules that pytest loads for it."""
    folders = Path(path).parents
    return {_module(path)} | {_module((folder / "conftest.py").as_posix()) for folder in folders}


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the tests that the changes since a commit can have broken.")
    parser.add_argument("--since", default="main", help="a commit or branch; the point where this branch left it")
    parser.add_argument("--list", action="store_true", help="print the test files and run nothing")
    options = parser.parse_args()
    try:
        changed = changed_files(git("merge-base", options.since, "HEAD").strip())
    except ToolError as error:
        print(error, file=sys.stderr)
        return 2
    tests = selected(changed)
    print(f"{len(changed)} changed files, {len(tests)} of {len(test_files())} test files can notice them.")
    if options.list or not tests:
        print("\n".join(tests))
        return 0
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadscope", "-q", "-m", "not full", *tests]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    return 0 if status == 5 else status  # 5: all selected tests are for `make test-full`


if __name__ == "__main__":
    sys.exit(main())
