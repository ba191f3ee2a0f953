"""Write the generated files of the events: `python -m tools.events`, or `make events`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from libs.chassis.events import SCHEMAS
from libs.chassis.service import NAMES, load_service
from libs.chassis.settings import ROOT
from tools.events import catalogue, types

CATALOGUE = ROOT / "openapi" / "asyncapi.yaml"
TYPES = ROOT / "libs" / "chassis" / "event_types.py"


def render() -> Iterator[tuple[Path, str]]:
    """Yield each generated file with its content."""
    schemas = {path.stem: json.loads(path.read_text()) for path in sorted(SCHEMAS.glob("*.json"))}
    registries = {name: load_service(name).events for name in NAMES}
    yield CATALOGUE, catalogue.render(yaml.safe_load(CATALOGUE.read_text()), schemas, registries)
    yield TYPES, types.render(schemas)


def main() -> None:
    for path, content in render():
        path.write_text(content)
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
