"""The catalogue of events, read from `openapi/asyncapi.yaml` and `openapi/events/`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.project import read_yaml

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One field of an event's data: its path, type and restrictions."""

    path: str
    type: str
    restrictions: str
    is_required: bool


@dataclass(frozen=True)
class Event:
    """One event type with its publishers, subscribers and fields."""

    type: str
    summary: str
    publishers: tuple[str, ...]
    subscribers: tuple[str, ...]
    fields: tuple[Field, ...]
    example: str

    @property
    def domain(self) -> str:
        return self.type.partition(".")[0]


def read_events(contracts_dir: Path) -> list[Event]:
    """Read all events of the catalogue, sorted by type."""
    catalogue = read_yaml(contracts_dir / "asyncapi.yaml")
    messages = catalogue["components"]["messages"]
    events = [_event(key, message, catalogue, contracts_dir) for key, message in messages.items()]
    return sorted(events, key=lambda event: event.type)


def _event(key: str, message: Json, catalogue: Json, contracts_dir: Path) -> Event:
    _, specific = message["payload"]["allOf"]
    schema = json.loads((contracts_dir / specific["properties"]["data"]["$ref"]).read_text())
    publishers: set[str] = set()
    subscribers: set[str] = set()
    for name, operation in catalogue["operations"].items():
        if key in _messages_of(operation, catalogue):
            (publishers if operation["action"] == "send" else subscribers).add(name)
    return Event(
        type=message["name"],
        summary=message["summary"],
        publishers=tuple(sorted(name.removeprefix("publish_").removesuffix("_events") for name in publishers)),
        subscribers=tuple(sorted(name.rpartition("_in_")[2] for name in subscribers)),
        fields=tuple(_fields(schema, "")),
        example=json.dumps(schema["examples"][0], indent=2, ensure_ascii=False),
    )


def _messages_of(operation: Json, catalogue: Json) -> set[str]:
    """Return the keys of an operation's messages: those that it lists, or all of its channel."""
    channel = catalogue["channels"][operation["channel"]["$ref"].rpartition("/")[2]]
    listed = [reference["$ref"].rpartition("/")[2] for reference in operation.get("messages", ())]
    return {channel["messages"][name]["$ref"].rpartition("/")[2] for name in listed or channel["messages"]}


def _fields(schema: Json, prefix: str) -> Iterator[Field]:
    for name, inner in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield Field(path, _type(inner), _restrictions(inner), name in schema.get("required", ()))
        yield from _fields(inner, f"{path}.")
        if isinstance(inner.get("items"), Mapping):
            yield from _fields(inner["items"], f"{path}[].")


def _type(schema: Json) -> str:
    schema_type = schema.get("type", "enum" if "enum" in schema else "const" if "const" in schema else "any")
    return " or ".join(schema_type) if isinstance(schema_type, list) else str(schema_type)


def _restrictions(schema: Json) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    keywords = (
        "const",
        "format",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    )
    return ", ".join(f"{name} {schema[name]}" for name in keywords if name in schema)
