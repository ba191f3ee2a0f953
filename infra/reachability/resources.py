"""The resources of all templates of an environment in one dictionary, with the references between them resolved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Resource:
    """One resource. A reference in its properties is the id of what it refers to."""

    id: str
    type: str
    properties: Mapping[str, Any]

    def changed(self, **properties: Any) -> Resource:
        """The same with other properties; None takes one away."""
        merged = {**self.properties, **properties}
        return replace(self, properties={name: value for name, value in merged.items() if value is not None})

    @property
    def stack(self) -> str:
        return self.id.partition("/")[0]

    @property
    def tags(self) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.properties.get("Tags", ())}


Resources = Mapping[str, Resource]


def load(folder: Path) -> dict[str, Resource]:
    """All resources of the templates in a folder, by `stack/logical id`."""
    templates = {file.name.removesuffix(".template.json"): json.loads(file.read_text()) for file in _files(folder)}
    if not templates:
        raise FileNotFoundError(f"no templates in {folder}; `make infra` makes them")
    exports = {
        output["Export"]["Name"]: (stack, output["Value"])
        for stack, template in templates.items()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }
    found = {}
    for stack, template in templates.items():
        for name, resource in template["Resources"].items():
            properties = _resolve(resource.get("Properties", {}), stack, exports)
            found[f"{stack}/{name}"] = Resource(f"{stack}/{name}", resource["Type"], properties)
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.template.json"))


def _resolve(value: Any, stack: str, exports: Mapping[str, tuple[str, Any]]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, stack, exports) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(name, argument)] = value.items()
        if name == "Ref":
            return f"{stack}/{argument}"
        if name == "Fn::GetAtt":
            return _attribute(stack, *argument)
        if name == "Fn::ImportValue" and isinstance(argument, str):
            exporter, exported = exports[argument]
            return _resolve(exported, exporter, exports)
    return {name: _resolve(item, stack, exports) for name, item in value.items()}


def _attribute(stack: str, name: str, attribute: str) -> str:
    """Attributes that are ids stand for the resource itself."""
    identity = attribute.endswith("Id") or attribute in ("Id", "Arn")
    return f"{stack}/{name}" if identity else f"{stack}/{name}.{attribute}"
