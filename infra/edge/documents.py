"""The import document of a gateway, as `infra/inputs.py` wrote it, with this environment's resources filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z:]+)\}")


@dataclass(frozen=True)
class GatewayInputs:
    """The import document of one gateway, and the settings of its stage."""

    name: str
    text: str
    stage: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path, name: str) -> GatewayInputs:
        """Read from `folder`; FileNotFoundError when the inputs were not made (`make infra` makes them)."""
        stage = json.loads((folder / f"{name}-stage.json").read_text())
        return cls(name, (folder / f"{name}.json").read_text(), stage)

    def document(self, values: Mapping[str, str]) -> dict[str, Any]:
        """The document with every placeholder replaced; KeyError names one that has no value.

        Stage variables have the form `${stageVariables.name}`: the point keeps them out of this.
        """
        filled = _PLACEHOLDER.sub(lambda found: json.dumps(values[found[1]])[1:-1], self.text)
        document: dict[str, Any] = json.loads(filled)
        return document

    @property
    def services(self) -> list[str]:
        """Whose operations the gateway exposes."""
        return [name.removesuffix("Link") for name in self.stage["stageVariables"] if name.endswith("Link")]
