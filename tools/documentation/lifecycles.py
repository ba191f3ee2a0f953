"""Draw the lifecycles of the domain into `docs/lifecycles.md` (`make lifecycles`).

Every `LIFECYCLE` of a service is a `StateMachine`; its diagram is Mermaid, which GitHub and most editors render.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from libs.chassis.service import NAMES
from libs.chassis.settings import ROOT
from libs.chassis.state_machine import StateMachine

FILE = ROOT / "docs" / "lifecycles.md"
INTRODUCTION = """# Lifecycles

The states of everything that has a life of its own, and the transitions between them. Generated from the code by
`make lifecycles`; a test compares both. How each of them is used stands in the module named beside it.
"""


def lifecycles() -> Iterator[tuple[str, StateMachine]]:
    """Each module that defines a LIFECYCLE, with it, in the order of the services."""
    for service in NAMES:
        package = importlib.import_module(f"services.{service}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("rules"):
                continue
            machine = getattr(importlib.import_module(found.name), "LIFECYCLE", None)
            if isinstance(machine, StateMachine):
                yield found.name, machine


def document() -> str:
    """The text of `docs/lifecycles.md`."""
    parts = [INTRODUCTION]
    for module, machine in lifecycles():
        path = Path(*module.split(".")).with_suffix(".py").as_posix()
        title = machine.name.capitalize()
        parts.append(f"\n## {title}\n\n[`{path}`](../{path})\n\n```mermaid\n{machine.to_mermaid()}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    FILE.write_text(document())
