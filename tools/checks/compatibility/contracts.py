"""Two versions of one OpenAPI contract, both with all references resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.checks.compatibility.schemas import mismatches

Contract = Mapping[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
NOT_ACCEPTED = "which is no longer accepted"
NOT_DOCUMENTED = "which was not documented"


def breaking_operations(old: Contract, new: Contract) -> Iterator[str]:
    """Yield a sentence for each change that breaks clients of `old`."""
    for path, method, operation in _operations(old):
        name = f"{method.upper()} {path}"
        successor = new["paths"].get(path, {}).get(method)
        if successor is None:
            yield f"{name}: was removed"
            continue
        if operation["operationId"] != successor["operationId"]:
            yield f"{name}: was renamed from {operation['operationId']} to {successor['operationId']}"
        for compare in (_compare_security, _compare_parameters, _compare_bodies, _compare_responses):
            for change in compare(operation, successor):
                yield f"{name}: {change}"


def _operations(contract: Contract) -> Iterator[tuple[str, str, Contract]]:
    for path, item in contract["paths"].items():
        for method in METHODS:
            if method in item:
                parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
                yield path, method, {**item[method], "parameters": parameters}


def _compare_security(old: Contract, new: Contract) -> Iterator[str]:
    before, after = _scopes(old), _scopes(new)
    if before is None and after is not None:
        yield "now requires a token"
    elif before is not None and after is not None and after - before:
        yield f"now requires the scopes {', '.join(sorted(after - before))}"


def _scopes(operation: Contract) -> set[str] | None:
    requirements = operation.get("security") or []
    return {scope for one in requirements for scopes in one.values() for scope in scopes} if requirements else None


def _compare_parameters(old: Contract, new: Contract) -> Iterator[str]:
    before = {(one["in"], one["name"]): one for one in old.get("parameters", ())}
    after = {(one["in"], one["name"]): one for one in new.get("parameters", ())}
    for key, parameter in after.items():
        if key not in before and parameter.get("required"):
            yield f"{' '.join(key)} is now required"
    for key, parameter in before.items():
        name = " ".join(key)
        if key not in after:
            yield f"{name} was removed"
            continue
        if after[key].get("required") and not parameter.get("required"):
            yield f"{name} is now required"
        for mismatch in mismatches(parameter["schema"], after[key]["schema"], name):
            yield f"{mismatch}, {NOT_ACCEPTED}"


def _compare_bodies(old: Contract, new: Contract) -> Iterator[str]:
    before, after = old.get("requestBody"), new.get("requestBody")
    if after is None:
        if before is not None:
            yield "no longer accepts a body"
        return
    if after.get("required") and not (before and before.get("required")):
        yield "now requires a body"
    for media_type, content in before["content"].items() if before else ():
        if media_type not in after["content"]:
            yield f"no longer accepts {media_type}"
            continue
        for mismatch in mismatches(content["schema"], after["content"][media_type]["schema"], "body"):
            yield f"{mismatch}, {NOT_ACCEPTED}"


def _compare_responses(old: Contract, new: Contract) -> Iterator[str]:
    """A response keeps its fields and may get more, since clients ignore unknown fields."""
    for status, response in old["responses"].items():
        successor = new["responses"].get(status)
        if successor is None:
            if status < "400":
                yield f"no longer responds with {status}"
            continue
        for media_type, content in response.get("content", {}).items():
            if media_type not in successor.get("content", {}):
                yield f"{status} is no longer {media_type}"
                continue
            documented = allow_unknown_fields(content["schema"])
            for mismatch in mismatches(successor["content"][media_type]["schema"], documented, status):
                if not mismatch.endswith("can be present"):
                    yield f"{mismatch}, {NOT_DOCUMENTED}"
    for status in sorted(new["responses"].keys() - old["responses"].keys()):
        if status < "400":
            yield f"can respond with {status}, {NOT_DOCUMENTED}"


def allow_unknown_fields(schema: Any) -> Any:
    """Return a schema without `additionalProperties: false`, as clients read it."""
    if isinstance(schema, list):
        return [allow_unknown_fields(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: allow_unknown_fields(value)
        for key, value in schema.items()
        if (key, value) != ("additionalProperties", False)
    }
