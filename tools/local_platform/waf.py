"""The configuration of the web application firewall, from the external gateway's model and the contracts.

The templates and our own rules are in `gateway-config/waf/`; this module replaces the names in angle brackets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from connexion.spec import Specification

from libs.chassis import problems
from libs.chassis.problems import MEDIA_TYPE, TYPE_BASE
from tools.gateway.build import CONFIG_DIR, read_gateway
from tools.gateway.envoy.headers import DEFAULT_HEADERS, SECURITY_HEADERS
from tools.gateway.envoy.listener import TLS_1_2_CIPHERS
from tools.gateway.envoy.replies import REPLIES, Reply, shared_reply
from tools.gateway.model import Gateway
from tools.local_platform.layout import HOST, Layout
from tools.local_platform.waf_packages import WafPrograms
from tools.project import CONTRACTS

OWN_RULES = CONFIG_DIR / "waf"
# Files of the core rule set that are not used: rules for other applications, and rules about reputation and floods,
# which need data about clients.
EXCLUDED_RULES = ("REQUEST-903", "REQUEST-910", "REQUEST-912")
MAX_BUFFER_BYTES = 1024 * 1024
MAX_BYTES_PER_CHARACTER = 4
# Events of the payment provider have longer texts than our contracts.
MIN_FIELD_BYTES = 4096
BLOCKED = Reply(
    403,
    "request-blocked",
    "The request was blocked",
    "The firewall classified this request as an attack. If it is not, send us the request id.",
)
# nginx has its own status for headers that are too large.
NGINX_STATUS = {431: 494}
FIREWALL_REPLIES = (
    Reply(414, "uri-too-long", "The URI is too long", "The path and the query are too long."),
    shared_reply(problems.UnsupportedMediaType, "No operation accepts this content type."),
    Reply(500, "internal-error", "Internal error", "The firewall could not check this request."),
    Reply(505, "version-not-supported", "The HTTP version is not supported", "Use HTTP/1.1 or HTTP/2."),
)
# Other errors of nginx have the documents of the gateway.
SHARED_STATUSES = (400, 405, 408, 413, 429, 431, 501, 502, 503, 504)


def write(layout: Layout, programs: WafPrograms) -> None:
    """Write nginx's and ModSecurity's configuration into the platform's run directory.

    ModSecurity accepts no path with a space, not even quoted. So its paths are relative to the folder of the
    configuration, in which nginx is started, and use symbolic links.
    """
    folder = layout.config_dir / "waf"
    for path in (folder, layout.waf_dir / "tmp"):
        path.mkdir(parents=True, exist_ok=True)
    _link(folder / "tmp", layout.waf_dir / "tmp")
    _link(folder / "own", OWN_RULES)
    _link(folder / "crs", programs.rules)
    _link(folder / "unicode.mapping", programs.unicode_map)
    values = _layout_values(layout) | _gateway_values(read_gateway("external")) | _program_values(programs, folder)
    for name in ("nginx.conf", "modsecurity.conf"):
        (folder / name).write_text(fill_template((OWN_RULES / name).read_text(), values))
    (folder / "programs.json").write_text(json.dumps({"prefix": str(programs.prefix)}))


def _link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def fill_template(template: str, values: Mapping[str, str]) -> str:
    """Replace each <<name>> in the template; KeyError for a name without a value."""
    return re.sub(r"<<(\w+)>>", lambda match: values[match[1]], template)


def _layout_values(layout: Layout) -> dict[str, str]:
    return {
        "listen_address": f"{HOST}:{layout.port('waf')}",
        "listen_host": HOST,
        "gateway_address": f"{HOST}:{layout.port('external-gateway')}",
        "gateway_name": "localhost",
        "tls_cert": str(layout.secrets_dir / "server.pem"),
        "tls_key": str(layout.secrets_dir / "server-key.pem"),
        "ca_file": str(layout.ca_file),
    }


def _gateway_values(gateway: Gateway) -> dict[str, str]:
    timeouts, limits = gateway.timeouts, gateway.limits
    methods = allowed_methods(gateway)
    body_bytes = max(gateway.unmatched_body_limit_bytes, *(each.body_limit_bytes for each in gateway.exposed))
    return {
        "tls_1_2_ciphers": ":".join(TLS_1_2_CIPHERS),
        "worker_connections": str(2 * limits.connections + 64),
        "connections_per_address": str(limits.connections_per_address),
        "header_kilobytes": str(limits.header_kilobytes),
        "body_bytes": str(body_bytes),
        "field_bytes": str(max_field_bytes(gateway)),
        "body_buffer_bytes": str(min(body_bytes, MAX_BUFFER_BYTES)),
        "client_headers_seconds": f"{timeouts.client_headers_seconds:g}",
        "client_request_seconds": f"{timeouts.client_request_seconds:g}",
        "client_idle_seconds": f"{timeouts.client_idle_seconds:g}",
        "upstream_idle_seconds": f"{timeouts.client_idle_seconds / 2:g}",
        # Longer than the gateway waits, so that the error comes from the gateway.
        "response_seconds": f"{timeouts.client_request_seconds + timeouts.service_response_seconds:g}",
        "methods": " ".join(methods),
        "media_types": " ".join(f"|{media_type}|" for media_type in request_media_types(gateway)),
        "problems": "\n".join(_problem(reply, methods) for reply in replies()),
    }


def _program_values(programs: WafPrograms, folder: Path) -> dict[str, str]:
    rule_files = [
        path for path in sorted(programs.rules.glob("REQUEST-9*.conf")) if not path.name.startswith(EXCLUDED_RULES)
    ]
    return {
        "modules": str(programs.modules),
        "rules_file": str(folder / "modsecurity.conf"),
        "crs_includes": "\n".join(f"Include crs/{path.name}" for path in rule_files),
    }


def allowed_methods(gateway: Gateway) -> list[str]:
    """Return the methods of the gateway's operations, and OPTIONS for CORS preflights."""
    return sorted({exposed.operation.method for exposed in gateway.exposed} | {"OPTIONS"})


def request_media_types(gateway: Gateway, contracts_dir: Path = CONTRACTS) -> list[str]:
    """Return the media types of the request bodies of the gateway's operations."""
    return sorted({name for operation in _declared(gateway, contracts_dir) for name in _content(operation)})


def max_field_bytes(gateway: Gateway, contracts_dir: Path = CONTRACTS) -> int:
    """Return the length of the longest text in a parameter or field of a body, in bytes of UTF-8."""
    lengths = {length for operation in _declared(gateway, contracts_dir) for length in _lengths(operation)}
    return max(MAX_BYTES_PER_CHARACTER * max(lengths, default=0), MIN_FIELD_BYTES)


def _declared(gateway: Gateway, contracts_dir: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the gateway's operations from the contracts, with all references resolved."""
    for operation in (exposed.operation for exposed in gateway.exposed):
        document = _document(contracts_dir / f"{operation.service}.yaml")
        yield document["paths"][operation.path][operation.method.lower()]


@lru_cache(maxsize=6)
def _document(contract: Path) -> Specification:
    return Specification.load(contract)


def _content(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    content: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    return content


def _lengths(operation: Mapping[str, Any]) -> Iterator[int]:
    schemas = [parameter.get("schema", {}) for parameter in operation.get("parameters", [])]
    schemas += [media_type["schema"] for media_type in _content(operation).values()]
    for schema in schemas:
        yield from _lengths_in(schema)


def _lengths_in(part: Any) -> Iterator[int]:
    """Yield every `maxLength` in a schema."""
    if isinstance(part, Mapping):
        if isinstance(part.get("maxLength"), int):
            yield part["maxLength"]
        for inner in part.values():
            yield from _lengths_in(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _lengths_in(inner)


def replies() -> list[Reply]:
    """Return the error responses of the firewall itself; shared ones are those of the gateway."""
    shared = [reply for reply in REPLIES if reply.status in SHARED_STATUSES and reply.reason is None]
    return sorted([BLOCKED, *shared, *FIREWALL_REPLIES], key=lambda reply: reply.status)


def _problem(reply: Reply, methods: list[str]) -> str:
    """Return the nginx location that responds to a status with a problem document."""
    document = {
        "type": TYPE_BASE + reply.slug,
        "title": reply.title,
        "status": reply.status,
        "detail": reply.detail,
        "instance": "urn:reclothes:request:$request_id",
    }
    lines = [
        f"error_page {NGINX_STATUS.get(reply.status, reply.status)} ={reply.status} @problem_{reply.status};",
        f"location @problem_{reply.status} {{",
        "    modsecurity off;",
        f"    default_type {MEDIA_TYPE};",
        *(f"    add_header {name} {_quoted(value)} always;" for name, value in _headers(reply, methods).items()),
        f"    return {reply.status} {_quoted(json.dumps(document))};",
        "}",
    ]
    return "\n".join(f"        {line}" for line in lines)


def _headers(reply: Reply, methods: list[str]) -> dict[str, str]:
    """Return the headers of an error response."""
    by_status = {405: {"allow": ", ".join(methods)}, 429: {"retry-after": "1"}}
    specific = by_status.get(reply.status, dict(reply.headers))
    return {**SECURITY_HEADERS, **DEFAULT_HEADERS, "x-request-id": "$request_id", **specific}


def _quoted(text: str) -> str:
    """Quote a string for nginx's configuration."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
