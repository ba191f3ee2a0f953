"""Read `gateway-config/<gateway>.yaml`, validate it against its schema and the contracts, and resolve it."""

from __future__ import annotations

import difflib
import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from tools.gateway.contracts import Operation
from tools.gateway.errors import GatewayConfigError
from tools.gateway.model import Authorizer, Cors, Exposed, Gateway, Limits, Rate, Throttle, Timeouts

SCHEMA_FILE = "gateway.schema.json"


class _UniqueKeyLoader(yaml.SafeLoader):
    """Rejects duplicate keys, of which YAML would use the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key!r}", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_gateway(name: str, config_dir: Path, operations: Mapping[str, Operation]) -> Gateway:
    """Return the gateway `name`; GatewayConfigError with a sentence for each problem."""
    file = config_dir / f"{name}.yaml"
    document = _read(file, config_dir / SCHEMA_FILE)
    problems = _validate(name, document, operations)
    if problems:
        raise GatewayConfigError(str(file), problems)
    return _gateway(document, operations)


def _read(file: Path, schema_file: Path) -> dict[str, Any]:
    try:
        document = yaml.load(file.read_text(), Loader=_UniqueKeyLoader)  # noqa: S506 a SafeLoader
        schema = json.loads(schema_file.read_text())
    except OSError as error:
        raise GatewayConfigError(str(file), [f"cannot read {error.filename}: {error.strerror}"]) from error
    except yaml.YAMLError as error:
        raise GatewayConfigError(str(file), [f"not valid YAML: {error}"]) from error
    errors = list(jsonschema_rs.validator_for(schema).iter_errors(document))
    if errors:
        raise GatewayConfigError(str(file), [f"{_pointer(error)}: {error.message}" for error in errors])
    return dict(document)


def _pointer(error: jsonschema_rs.ValidationError) -> str:
    return "/" + "/".join(str(part) for part in error.instance_path)


def _validate(name: str, document: Mapping[str, Any], operations: Mapping[str, Operation]) -> list[str]:
    problems = []
    if document["gateway"] != name:
        problems.append(f"/gateway: must be {name!r} as in the file name, not {document['gateway']!r}")
    for source in document["source_ranges"]:
        try:
            ipaddress.ip_network(source)
        except ValueError as error:
            problems.append(f"/source_ranges: {error}")
    if document["authorizer"]["timeout_seconds"] >= document["timeouts"]["client_request_seconds"]:
        # Envoy counts the token exchange as part of the request, so an outage of auth would become a 408.
        problems.append("/authorizer/timeout_seconds: must be shorter than /timeouts/client_request_seconds")
    problems += _unknown_classes("/unmatched", document["unmatched"], document)
    for operation_id, settings in document["operations"].items():
        settings = document["defaults"] | (settings or {})
        where = f"/operations/{operation_id}"
        class_problems = _unknown_classes(where, settings, document)
        problems += class_problems
        operation = operations.get(operation_id)
        if operation is None:
            problems.append(f"{where}: no contract has this operationId{_suggestion(operation_id, operations)}")
        elif not class_problems:
            problems += _validate_operation(where, operation, settings, document)
    return problems


def _validate_operation(
    where: str, operation: Operation, settings: Mapping[str, Any], document: Mapping[str, Any]
) -> list[str]:
    problems = []
    if operation.service_only:
        problems.append(f"{where}: is x-service-only in the contract, so no gateway may expose it")
    is_open = settings.get("open", False)
    if is_open and operation.needs_token:
        problems.append(f"{where}: is open here, but the contract requires a token")
    if not is_open and "per_token" not in document["throttles"][settings["throttle"]]:
        problems.append(
            f"{where}: requires a token, but its throttle class {settings['throttle']} has no per_token"
        )
    return problems


def _unknown_classes(where: str, settings: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    return [
        f"{where}/{setting}: there is no class {settings[setting]!r} in /{classes}"
        for setting, classes in (("throttle", "throttles"), ("body_limit", "body_limits"))
        if settings[setting] not in document[classes]
    ]


def _suggestion(operation_id: str, operations: Mapping[str, Operation]) -> str:
    close = difflib.get_close_matches(operation_id, operations, n=1)
    return f". Did you mean {close[0]}?" if close else ""


def _gateway(document: Mapping[str, Any], operations: Mapping[str, Operation]) -> Gateway:
    throttles = {name: _throttle(name, rates) for name, rates in document["throttles"].items()}
    limits = document["body_limits"]
    return Gateway(
        name=document["gateway"],
        host_names=tuple(document["host_names"]),
        source_ranges=tuple(document["source_ranges"]),
        authorizer=Authorizer(**document["authorizer"]),
        cors=Cors(tuple(document["cors"]["allowed_origins"]), document["cors"]["max_age_seconds"]),
        timeouts=Timeouts(**document["timeouts"]),
        limits=Limits(**document["limits"]),
        throttles=tuple(throttles.values()),
        unmatched_throttle=throttles[document["unmatched"]["throttle"]],
        unmatched_body_limit_bytes=limits[document["unmatched"]["body_limit"]],
        exposed=tuple(
            _exposed(operations[operation_id], document["defaults"] | (settings or {}), throttles, limits)
            for operation_id, settings in document["operations"].items()
        ),
    )


def _exposed(
    operation: Operation,
    settings: Mapping[str, Any],
    throttles: Mapping[str, Throttle],
    body_limits: Mapping[str, int],
) -> Exposed:
    return Exposed(
        operation=operation,
        needs_token=not settings.get("open", False),
        throttle=throttles[settings["throttle"]],
        body_limit_bytes=body_limits[settings["body_limit"]],
    )


def _throttle(name: str, rates: Mapping[str, Any]) -> Throttle:
    per_token = rates.get("per_token")
    return Throttle(name, Rate(**rates["per_address"]), Rate(**per_token) if per_token else None)
