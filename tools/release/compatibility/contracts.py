"""Two versions of one OpenAPI contract, both with every reference followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.release.compatibility.schemas import escapes

Contract = Mapping[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def broken_operations(old: Contract, new: Contract) -> Iterator[str]:
    """A sentence for each thing that a caller of `old` could do and that `new` breaks."""
    for path, method, operation in _operations(old):
        where = f"{method.upper()} {path}"
        successor = new["paths"].get(path, {}).get(method)
        if successor is None:
            yield f"{where}: is gone"
            continue
        if operation["operationId"] != successor["operationId"]:
            yield f"{where}: SDKs know it as {operation['operationId']}, not as {successor['operationId']}"
        for check in (_broken_security, _broken_parameters, _broken_body, _broken_answers):
            for fault in check(operation, successor):
                yield f"{where}: {fault}"


def _operations(contract: Contract) -> Iterator[tuple[str, str, Contract]]:
    for path, item in contract["paths"].items():
        for method in METHODS:
            if method in item:
                shared = item.get("parameters", [])
                yield path, method, {**item[method], "parameters": [*shared, *item[method].get("parameters", [])]}


def _broken_security(old: Contract, new: Contract) -> Iterator[str]:
    before, after = _scopes(old), _scopes(new)
    if before is None and after is not None:
        yield "needs a token now"
    elif before is not None and after is not None and after - before:
        yield f"needs the scopes {', '.join(sorted(after - before))} too"


def _scopes(operation: Contract) -> set[str] | None:
    requirements = operation.get("security") or []
    return {scope for one in requirements for scopes in one.values() for scope in scopes} if requirements else None


def _broken_parameters(old: Contract, new: Contract) -> Iterator[str]:
    before = {(one["in"], one["name"]): one for one in old.get("parameters", ())}
    after = {(one["in"], one["name"]): one for one in new.get("parameters", ())}
    for key, parameter in after.items():
        if key not in before and parameter.get("required"):
            yield f"{key[0]} {key[1]} is demanded now"
    for key, parameter in before.items():
        where = f"{key[0]} {key[1]}"
        if key not in after:
            yield f"{where} is gone"
            continue
        if after[key].get("required") and not parameter.get("required"):
            yield f"{where} is demanded now"
        for fault in escapes(parameter["schema"], after[key]["schema"], where):
            yield f"{fault}, which is not taken any more"


def _broken_body(old: Contract, new: Contract) -> Iterator[str]:
    before, after = old.get("requestBody"), new.get("requestBody")
    if before is None:
        if after is not None and after.get("required"):
            yield "a body is demanded now"
        return
    if after is None:
        yield "no body is taken any more"
        return
    if after.get("required") and not before.get("required"):
        yield "a body is demanded now"
    for kind, content in before["content"].items():
        if kind not in after["content"]:
            yield f"{kind} is not taken any more"
            continue
        for fault in escapes(content["schema"], after["content"][kind]["schema"], "body"):
            yield f"{fault}, which is not taken any more"


def _broken_answers(old: Contract, new: Contract) -> Iterator[str]:
    """An answer keeps its fields; it may get more of them, since callers leave aside what they do not know."""
    for status, answer in old["responses"].items():
        successor = new["responses"].get(status)
        if successor is None:
            if status < "400":
                yield f"never answers {status} any more"
            continue
        for kind, content in answer.get("content", {}).items():
            if kind not in successor.get("content", {}):
                yield f"{status} is no {kind} any more"
                continue
            promised, given = opened(content["schema"]), successor["content"][kind]["schema"]
            for fault in escapes(given, promised, f"{status}"):
                if not fault.endswith("can be there"):
                    yield f"{fault}, which was not promised"
    for status in sorted(new["responses"].keys() - old["responses"].keys()):
        if status < "400":
            yield f"can answer {status}, which was not promised"


def opened(schema: Any) -> Any:
    """A schema without `additionalProperties: false`: a reader leaves aside what it does not know."""
    if isinstance(schema, list):
        return [opened(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: opened(value) for key, value in schema.items() if (key, value) != ("additionalProperties", False)}
