"""The published contracts of one gateway, from which the documentation and the SDKs are built.

They contain only operations that the gateway exposes, with the components that these need. References to shared
files become components of the document, and extensions are removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tools.gateway.build import CONFIG_DIR, GatewayName, read_gateway
from tools.gateway.model import Exposed, Gateway
from tools.project import CONTRACTS, read_yaml, version

Json = dict[str, Any]
OWN = "#/components/"
AUDIENCES = {
    "external": "customers, box controllers and applications, from the internet",
    "internal": "staff, from the company's network",
}


@cache  # parsing all contracts takes seconds, and documentation and SDKs use the same documents
def published_documents(
    gateway: GatewayName, config_dir: Path = CONFIG_DIR, contracts_dir: Path = CONTRACTS
) -> dict[str, Json]:
    """Return one OpenAPI document for each service with exposed operations."""
    resolved = read_gateway(gateway, config_dir, contracts_dir)
    by_domain: dict[str, list[Exposed]] = {}
    for exposed in resolved.exposed:
        by_domain.setdefault(exposed.operation.service, []).append(exposed)
    return {domain: _document(resolved, domain, by_domain[domain], contracts_dir) for domain in sorted(by_domain)}


def merged_document(gateway: GatewayName, documents: Mapping[str, Json]) -> Json:
    """Return one document for all services. Different components of one name get the service's name as prefix."""
    merged: Json = {
        "openapi": "3.0.3",
        "info": {
            "title": f"ReClothes {gateway}",
            "version": version(),
            "description": f"Everything for {AUDIENCES[gateway]}.",
        },
        "servers": next(iter(documents.values()))["servers"],
        "tags": [],
        "paths": {},
        "components": {},
    }
    for domain, renamed in _rename_conflicts(documents).items():
        merged["tags"] += [{"name": domain, "description": renamed["info"]["description"]}]
        merged["paths"] |= _set_tags(renamed["paths"], domain)
        for section, components in renamed["components"].items():
            existing = merged["components"].setdefault(section, {})
            join = _merge_schemes if section == "securitySchemes" else dict.__or__
            merged["components"][section] = join(existing, components)
    return merged


def _document(gateway: Gateway, domain: str, exposed: Iterable[Exposed], contracts_dir: Path) -> Json:
    bundler = _Bundler(contracts_dir / f"{domain}.yaml")
    contract = bundler.contract
    paths: Json = {}
    scopes: set[str] = set()
    for one in exposed:
        operation = one.operation
        item = contract["paths"][operation.path]
        path = paths.setdefault(operation.path, bundler.shared_by_path(item))
        path[operation.method.lower()] = bundler.embed(item[operation.method.lower()])
        scopes |= set(operation.scopes)
    used = {tag for path in paths.values() for operation in _operations(path) for tag in operation.get("tags", ())}
    return {
        "openapi": contract["openapi"],
        "info": contract["info"],
        "servers": [{"url": f"https://{gateway.host_names[0]}", "description": f"For {AUDIENCES[gateway.name]}"}],
        "tags": [tag for tag in contract.get("tags", ()) if tag["name"] in used],
        "paths": paths,
        "components": {**bundler.components, "securitySchemes": bundler.security_schemes(scopes)},
    }


class _Bundler:
    """Copies parts of one contract, and the components to which they refer."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.contract: Json = read_yaml(file)
        self.components: dict[str, Json] = {}
        self._files: dict[Path, Json] = {file: self.contract}

    def shared_by_path(self, item: Json) -> Json:
        """Return the parameters that all operations of a path share."""
        return {"parameters": self.embed(item["parameters"])} if "parameters" in item else {}

    def embed(self, part: Any, file: Path | None = None) -> Any:
        """Return `part` of `file` with references to components and without extensions."""
        file = file or self.file
        if isinstance(part, list):
            return [self.embed(one, file) for one in part]
        if not isinstance(part, dict):
            return part
        if isinstance(part.get("$ref"), str):
            return {"$ref": self._component(part["$ref"], file)}
        return {key: self.embed(value, file) for key, value in part.items() if not str(key).startswith("x-")}

    def security_schemes(self, scopes: set[str]) -> Json:
        """Return the security schemes of the contract with only these scopes."""
        schemes: Json = self.embed(self.contract["components"]["securitySchemes"])
        for scheme in schemes.values():
            for flow in scheme.get("flows", {}).values():
                flow["scopes"] = {scope: text for scope, text in flow["scopes"].items() if scope in scopes}
        return schemes

    def _component(self, reference: str, file: Path) -> str:
        place, _, pointer = reference.partition("#")
        target = (file.parent / place).resolve() if place else file
        steps = pointer.strip("/").split("/")
        # In a contract "#/components/schemas/Cart"; in a shared file "#/Money", whose section is the file's name.
        section = steps[1] if steps[0] == "components" else target.stem
        name = steps[-1]
        components = self.components.setdefault(section, {})
        if name not in components:
            components[name] = {}  # exists already when the component refers to itself
            component = self._read(target)
            for step in steps:
                component = component[step]
            components[name] = self.embed(component, target)
        return f"{OWN}{section}/{name}"

    def _read(self, file: Path) -> Json:
        if file not in self._files:
            self._files[file] = read_yaml(file)
        return self._files[file]


def _operations(path: Json) -> list[Json]:
    return [operation for method, operation in path.items() if method != "parameters"]


def _rename_conflicts(documents: Mapping[str, Json]) -> dict[str, Json]:
    """Rename components until no name has two definitions; renaming also changes the referring components."""
    conflicts: set[tuple[str, str]] = set()
    while True:
        renamed = {domain: _rename(one, conflicts, domain.capitalize()) for domain, one in documents.items()}
        new = _conflicts(renamed.values())
        if not new:
            return renamed
        conflicts |= new


def _conflicts(documents: Iterable[Json]) -> set[tuple[str, str]]:
    """Return the components (section, name) that differ between services."""
    seen: dict[tuple[str, str], Json] = {}
    conflicts = set()
    for document in documents:
        for section, components in document["components"].items():
            for name, component in components.items():
                if section != "securitySchemes" and seen.setdefault((section, name), component) != component:
                    conflicts.add((section, name))
    return conflicts


def _rename(document: Json, conflicts: set[tuple[str, str]], prefix: str) -> Json:
    new_names = {f"{OWN}{section}/{name}": f"{OWN}{section}/{prefix}{name}" for section, name in conflicts}

    def follow(part: Any) -> Any:
        if isinstance(part, list):
            return [follow(one) for one in part]
        if not isinstance(part, dict):
            return part
        if isinstance(part.get("$ref"), str):
            return {"$ref": new_names.get(part["$ref"], part["$ref"])}
        return {key: follow(value) for key, value in part.items()}

    renamed: Json = follow(document)
    renamed["components"] = {
        section: {prefix + name if (section, name) in conflicts else name: one for name, one in components.items()}
        for section, components in renamed["components"].items()
    }
    return renamed


def _set_tags(paths: Json, domain: str) -> Json:
    """Tag all operations with their service, since SDKs have one module for each tag."""
    for path in paths.values():
        for operation in _operations(path):
            operation["tags"] = [domain]
    return paths


def _merge_schemes(first: Json, second: Json) -> Json:
    """Merge the security schemes of two services: each scheme gets the scopes of both."""
    merged = dict(first)
    for name, scheme in second.items():
        if name not in merged:
            merged[name] = scheme
            continue
        for flow, settings in scheme["flows"].items():
            merged[name]["flows"][flow]["scopes"] |= settings["scopes"]
    return merged
