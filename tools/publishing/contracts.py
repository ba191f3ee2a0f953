"""The contracts as the callers of one gateway may see them: what the published docs and the SDKs are made from.

Only operations that the gateway exposes are left, with the components they need. References to the shared files
become components of the document, and extensions that speak of our code are taken out.
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


@cache  # reading all contracts takes seconds, and docs and SDKs are made of the same
def published_documents(
    gateway: GatewayName, config_dir: Path = CONFIG_DIR, contracts_dir: Path = CONTRACTS
) -> dict[str, Json]:
    """One OpenAPI document for each domain that the gateway exposes something of."""
    resolved = read_gateway(gateway, config_dir, contracts_dir)
    by_domain: dict[str, list[Exposed]] = {}
    for exposed in resolved.exposed:
        by_domain.setdefault(exposed.operation.service, []).append(exposed)
    return {domain: _document(resolved, domain, by_domain[domain], contracts_dir) for domain in sorted(by_domain)}


def merged_document(gateway: GatewayName, documents: Mapping[str, Json]) -> Json:
    """All domains of a gateway in one document. Components of one name but two contents get their domain's name."""
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
    for domain, renamed in _without_clashes(documents).items():
        merged["tags"] += [{"name": domain, "description": renamed["info"]["description"]}]
        merged["paths"] |= _tagged(renamed["paths"], domain)
        for section, components in renamed["components"].items():
            known = merged["components"].setdefault(section, {})
            join = _schemes_together if section == "securitySchemes" else dict.__or__
            merged["components"][section] = join(known, components)
    return merged


def _document(gateway: Gateway, domain: str, exposed: Iterable[Exposed], contracts_dir: Path) -> Json:
    bundler = _Bundler(contracts_dir / f"{domain}.yaml")
    written = bundler.written
    paths: Json = {}
    scopes: set[str] = set()
    for one in exposed:
        operation = one.operation
        item = written["paths"][operation.path]
        path = paths.setdefault(operation.path, bundler.shared_by_path(item))
        path[operation.method.lower()] = bundler.embed(item[operation.method.lower()])
        scopes |= set(operation.scopes)
    used = {tag for path in paths.values() for operation in _operations(path) for tag in operation.get("tags", ())}
    return {
        "openapi": written["openapi"],
        "info": written["info"],
        "servers": [{"url": f"https://{gateway.host_names[0]}", "description": f"For {AUDIENCES[gateway.name]}"}],
        "tags": [tag for tag in written.get("tags", ()) if tag["name"] in used],
        "paths": paths,
        "components": {**bundler.components, "securitySchemes": bundler.security_schemes(scopes)},
    }


class _Bundler:
    """Copies parts of one contract, and brings what they refer to into `components`."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.written: Json = read_yaml(file)
        self.components: dict[str, Json] = {}
        self._files: dict[Path, Json] = {file: self.written}

    def shared_by_path(self, item: Json) -> Json:
        """What a path says for all its operations."""
        return {"parameters": self.embed(item["parameters"])} if "parameters" in item else {}

    def embed(self, part: Any, file: Path | None = None) -> Any:
        """`part` of `file` with its references pointing at components, and without extensions."""
        file = file or self.file
        if isinstance(part, list):
            return [self.embed(one, file) for one in part]
        if not isinstance(part, dict):
            return part
        if isinstance(part.get("$ref"), str):
            return {"$ref": self._component(part["$ref"], file)}
        return {key: self.embed(value, file) for key, value in part.items() if not str(key).startswith("x-")}

    def security_schemes(self, scopes: set[str]) -> Json:
        """The schemes of the contract, with only the scopes that are asked for here."""
        schemes: Json = self.embed(self.written["components"]["securitySchemes"])
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
        known = self.components.setdefault(section, {})
        if name not in known:
            known[name] = {}  # stands there already when the component refers to itself
            found = self._read(target)
            for step in steps:
                found = found[step]
            known[name] = self.embed(found, target)
        return f"{OWN}{section}/{name}"

    def _read(self, file: Path) -> Json:
        if file not in self._files:
            self._files[file] = read_yaml(file)
        return self._files[file]


def _operations(path: Json) -> list[Json]:
    return [operation for method, operation in path.items() if method != "parameters"]


def _without_clashes(documents: Mapping[str, Json]) -> dict[str, Json]:
    """The documents, renamed until no name means two things; who refers to a renamed component changes with it."""
    clashes: set[tuple[str, str]] = set()
    while True:
        renamed = {domain: _renamed(one, clashes, domain.capitalize()) for domain, one in documents.items()}
        found = _clashes(renamed.values())
        if not found:
            return renamed
        clashes |= found


def _clashes(documents: Iterable[Json]) -> set[tuple[str, str]]:
    """Components (section, name) that mean different things in different domains."""
    seen: dict[tuple[str, str], Json] = {}
    clashes = set()
    for document in documents:
        for section, components in document["components"].items():
            for name, component in components.items():
                if section != "securitySchemes" and seen.setdefault((section, name), component) != component:
                    clashes.add((section, name))
    return clashes


def _renamed(document: Json, clashes: set[tuple[str, str]], prefix: str) -> Json:
    new_names = {f"{OWN}{section}/{name}": f"{OWN}{section}/{prefix}{name}" for section, name in clashes}

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
        section: {prefix + name if (section, name) in clashes else name: one for name, one in components.items()}
        for section, components in renamed["components"].items()
    }
    return renamed


def _tagged(paths: Json, domain: str) -> Json:
    """SDKs make one module for a tag; a domain is what a caller looks for."""
    for path in paths.values():
        for operation in _operations(path):
            operation["tags"] = [domain]
    return paths


def _schemes_together(known: Json, more: Json) -> Json:
    """Security schemes of two domains: the same scheme with the scopes of both."""
    together = dict(known)
    for name, scheme in more.items():
        if name not in together:
            together[name] = scheme
            continue
        for flow, facts in scheme["flows"].items():
            together[name]["flows"][flow]["scopes"] |= facts["scopes"]
    return together
