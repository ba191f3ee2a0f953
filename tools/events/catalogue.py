"""The parts of `openapi/asyncapi.yaml` that follow from the schemas and from the services' event handlers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from libs.chassis.events import EventRegistry, schema_file

Json = dict[str, Any]

HEADER = """\
# The events of all domains. `make events` generates `tags`, `channels`, `operations` and `components.messages`
# from the schemas in events/ and from the services' event handlers; write only the other parts by hand.
"""


def render(catalogue: Json, schemas: Mapping[str, Json], registries: Mapping[str, EventRegistry]) -> str:
    """Return the catalogue with its generated parts replaced."""
    messages: Json = {}
    channels: Json = {}
    operations: Json = {}
    for domain, registry in registries.items():
        own = {_key(event_type): event_type for event_type in sorted(registry.published)}
        messages |= {key: _message(domain, event_type, schemas) for key, event_type in own.items()}
        channels[f"{domain}_events"] = {
            "address": f"reclothes-{domain}-events",
            "description": f"SNS topic of {domain}; each subscriber has its own SQS queue, filtered by event type.",
            "messages": {key: _reference("components/messages", key) for key in own},
        }
        operations[f"publish_{domain}_events"] = {
            "action": "send",
            "channel": _reference("channels", f"{domain}_events"),
            "summary": f"Events published by {domain}",
            "description": f"The outbox relay of {domain} sends each event at least once.",
        }
    for subscriber, registry in registries.items():
        for publisher in sorted({event_type.partition(".")[0] for event_type in registry.handlers}):
            name = f"handle_{publisher}_events_in_{subscriber}"
            operations[name] = _subscription(subscriber, publisher, registry)
    info = catalogue["info"] | {"tags": [{"name": name, "description": f"Events of {name}"} for name in registries]}
    components = catalogue["components"] | {"messages": messages}
    generated = {"info": info, "channels": channels, "operations": operations, "components": components}
    return HEADER + yaml.safe_dump(catalogue | generated, sort_keys=False, allow_unicode=True, width=110)


def _subscription(subscriber: str, publisher: str, registry: EventRegistry) -> Json:
    types = sorted(event_type for event_type in registry.handlers if event_type.startswith(f"{publisher}."))
    channel = f"{publisher}_events"
    return {
        "action": "receive",
        "channel": _reference("channels", channel),
        "summary": f"Events of {publisher} handled by {subscriber}",
        "description": f"Through the queue reclothes-{subscriber}-inbox; {subscriber} handles each event once.",
        "messages": [_reference(f"channels/{channel}/messages", _key(event_type)) for event_type in types],
    }


def _message(domain: str, event_type: str, schemas: Mapping[str, Json]) -> Json:
    file = schema_file(event_type)
    properties = {"type": {"const": event_type}, "data": {"$ref": f"events/{file.name}"}}
    return {
        "name": event_type,
        "title": event_type,
        "summary": schemas[file.stem]["description"],
        "tags": [{"name": domain}],
        "payload": {
            "allOf": [_reference("components/schemas", "CloudEvent"), {"type": "object", "properties": properties}]
        },
    }


def _key(event_type: str) -> str:
    return event_type.replace(".", "_")


def _reference(folder: str, key: str) -> Json:
    return {"$ref": f"#/{folder}/{key}"}
