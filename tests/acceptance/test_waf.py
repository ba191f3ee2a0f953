"""The web application firewall in front of the external gateway blocks attacks and lets ordinary text through.

These tests run on the platform that has the firewall; all other acceptance tests pass through it there too.
"""

from __future__ import annotations

import http.client
import json
import shutil
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.acceptance.test_restarts import kill_and_wait
from tests.contract.documents import operations, schemas_in
from tests.support.platform import RunningPlatform
from tools.demo.people import wait_for
from tools.gateway.build import read_gateway
from tools.gateway.contracts import Operation
from tools.local_platform import processes
from tools.local_platform.readiness import is_ready
from tools.project import ROOT

SQL = (
    "' OR '1'='1",
    "1' UNION SELECT user_name, password FROM users--",
    "1 AND SLEEP(5)",
    "1; DROP TABLE users--",
)
MARKUP = (
    "<script>alert(1)",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "<iframe src=javascript:alert(1)>",
)
PROBES = SQL + MARKUP
ORDINARY_TEXTS = (
    "My grandmother would select only the best wool; a union of style and comfort, from the table or the sofa.",
    "Select a size from the table, update the buttons, delete the tags, drop it off where you like.",
    "It's O'Brien's coat -- I'd wear it if 5 > 3 and 3 < 5; she said \"I <3 it\" & left.",
    "c++ & semi;colons; rock'n'roll; 50% off, 100% wool (size 38/40)",
    "Um casaco de lã que a minha avó comprou em Lisboa — não é só roupa, é uma história! 😀❤️🧥",
    "Dear {{name}}, ../../ was on the label; it cost 20$ (about 18€).",
    "Please ping me; cat hair on it, sorry. It's '70s style; 'twas \"vintage\" -- and/or retro.",
    "https://shop.example.org/coat?id=1&size=40#photos",
)
EXPOSED = read_gateway("external").exposed
EXTERNAL = tuple(exposed.operation for exposed in EXPOSED)
CONTRACTS = {
    declared["operationId"]: declared
    for service in {operation.service for operation in EXTERNAL}
    for declared in operations(service)
}
JSON_TYPE = "application/json"

pytestmark = pytest.mark.real_servers(only=True)


@pytest.fixture
def client(platform: RunningPlatform) -> Iterator[httpx.Client]:
    if not platform.layout.waf:
        pytest.skip("Debian's packages for the firewall are not available here")
    context = ssl.create_default_context(cafile=str(platform.ca_file))
    with httpx.Client(base_url=platform.external_url, verify=context, timeout=15) as opened:
        yield opened


def is_blocked(response: httpx.Response) -> bool:
    """Whether the response is the problem document of the firewall."""
    if response.status_code != 403 or response.headers["content-type"] != "application/problem+json":
        return False
    return bool(response.json()["type"].endswith("/request-blocked"))


def _probe_requests(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """Requests with a probe in one place each: the name of the place, and the arguments of httpx."""
    plain = operation.path.replace("{", "").replace("}", "")
    for probe in PROBES:
        basic: dict[str, Any] = {"method": operation.method, "url": plain}
        yield "query", basic | {"params": {"q": probe}}
        yield "name in the query", basic | {"params": {probe: "1"}}
        for name in ("User-Agent", "Referer"):
            yield name, basic | {"headers": {name: probe}}
        if "{" in operation.path:
            yield "path", basic | {"url": _with_parameters(operation.path, quote(probe, safe=""))}
        for media_type, pointer in _fields(operation):
            yield "body", basic | _body(media_type, pointer, probe)


def _with_parameters(path: str, value: str) -> str:
    parts = [value if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


def _fields(operation: Operation) -> Iterator[tuple[str, str]]:
    """Media type and pointer of each text in the body, and of a field that is not in the contract.

    Passwords may be any text and are excluded from the rules.
    """
    content = CONTRACTS[operation.operation_id].get("requestBody", {}).get("content", {})
    for media_type, declared in content.items():
        yield media_type, "/unknown"
        for pointer, schema in schemas_in(declared["schema"]):
            if pointer and schema.get("type") == "string" and "password" not in pointer:
                yield media_type, pointer


def _body(media_type: str, pointer: str, value: str) -> dict[str, Any]:
    if media_type != JSON_TYPE:
        return {"data": {pointer.removeprefix("/"): value}}
    document: Any = value
    for name in reversed(pointer.split("/")[1:]):
        document = [document] if name == "*" else {name: document}
    return {"content": json.dumps(document), "headers": {"Content-Type": media_type}}


def test_sql_and_markup_are_blocked_on_every_operation(
    client: httpx.Client, record_property: Callable[[str, object], None]
) -> None:
    sent: Counter[str] = Counter()
    passed = []
    for operation in EXTERNAL:
        for place, request in _probe_requests(operation):
            response = client.request(**request)
            sent[place] += 1
            if not is_blocked(response):
                passed.append((operation.operation_id, place, request, response.status_code))
    for place, count in sent.items():
        record_property(f"firewall probes, {place}", count)
    assert passed == []
    assert sent["body"]
    assert sent["path"]


@pytest.mark.parametrize("text", ORDINARY_TEXTS)
def test_ordinary_text_is_not_blocked(client: httpx.Client, text: str) -> None:
    for field in ("story", "reason", "notes"):
        for document in ({field: text}, {"items": [{field: text}]}):
            assert not is_blocked(client.patch("/customer/v1/profile", json=document)), document


@pytest.mark.parametrize("text", [text for text in ORDINARY_TEXTS if "../" not in text])
def test_ordinary_text_is_not_blocked_in_names_and_searches(client: httpx.Client, text: str) -> None:
    assert not is_blocked(client.patch("/customer/v1/profile", json={"full_name": text}))
    assert not is_blocked(client.get("/shopping/v1/products", params={"q": text}))


def test_a_password_may_be_any_text(client: httpx.Client) -> None:
    for probe in PROBES:
        body = {"user_name": "nobody@acceptance.example", "password": probe}
        assert not is_blocked(client.post("/auth/v1/logins", json=body))


def test_a_redirect_to_a_loopback_address_is_not_blocked(client: httpx.Client) -> None:
    query = {"redirect_uri": "http://127.0.0.1:51004/callback", "client_id": "x"}
    assert not is_blocked(client.get("/auth/v1/oauth/authorize", params=query))


@pytest.mark.parametrize(
    "path",
    [
        "/shopping/v1//products",
        "//shopping/v1/products",
        "/shopping/../shopping/v1/products",
        "/shopping/v1/./products",
        "/shopping/v1/products/..",
        "/shopping/%2e%2E/v1/products",
        "/shopping/.%2e/v1/products",
        "/shopping/..;/v1/products",
        "/shopping/v1%2Fproducts",
        "/shopping/v1%5cproducts",
        "/shopping\\v1\\products",
    ],
)
def test_an_ambiguous_path_is_rejected(platform: RunningPlatform, path: str) -> None:
    context = ssl.create_default_context(cafile=str(platform.ca_file))
    connection = http.client.HTTPSConnection("localhost", platform.layout.port("external"), context=context)
    connection.request("GET", path)
    response = connection.getresponse()
    document = json.load(response)
    connection.close()
    assert response.status == 400
    assert document["type"].endswith("/malformed-request")
    assert document["instance"].startswith("urn:reclothes:request:")


def test_a_query_may_contain_what_a_path_may_not(client: httpx.Client) -> None:
    assert client.get("/shopping/v1/products?brand=a//b%2Fc%5Cd").status_code != 400


@pytest.mark.parametrize(
    ("request_", "status", "slug"),
    [
        ({"method": "TRACE", "url": "/shopping/v1/products"}, 405, "method-not-allowed"),
        ({"method": "PROPFIND", "url": "/shopping/v1/products"}, 405, "method-not-allowed"),
        (
            {"method": "POST", "url": "/auth/v1/logins", "content": "x", "headers": {"Content-Type": "text/plain"}},
            415,
            "unsupported-media-type",
        ),
        (
            {"method": "POST", "url": "/auth/v1/logins", "content": '{"a', "headers": {"Content-Type": JSON_TYPE}},
            400,
            "malformed-request",
        ),
        ({"method": "POST", "url": "/auth/v1/logins", "json": {"a": "a" * 300_000}}, 413, "payload-too-large"),
        ({"method": "PATCH", "url": "/customer/v1/profile", "json": {"a": "<" * 50_000}}, 400, "malformed-request"),
        ({"method": "GET", "url": "/", "headers": {"X-Long": "a" * 20_000}}, 431, "headers-too-large"),
    ],
)
def test_other_rejections_are_problem_documents(
    client: httpx.Client, request_: dict[str, Any], status: int, slug: str
) -> None:
    response = client.request(**request_)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"].endswith("/" + slug)
    assert response.json()["status"] == status
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_gateway_ignores_forwarding_headers_of_clients(platform: RunningPlatform, client: httpx.Client) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9"}
    request_id = client.get("/shopping/v1/nowhere", headers=headers).headers["x-request-id"]
    entry = _access_log_entry(platform, "external-gateway", request_id)
    assert entry["client"] == "127.0.0.1"


def test_addresses_are_throttled_separately(platform: RunningPlatform) -> None:
    """All connections to the gateway come from the firewall, but each client has its own buckets."""
    context = ssl.create_default_context(cafile=str(platform.ca_file))

    def statuses(address: str, count: int) -> list[int]:
        transport = httpx.HTTPTransport(verify=context, local_address=address)
        with httpx.Client(base_url=platform.external_url, transport=transport) as other:
            return [other.post("/auth/v1/logins", json={}).status_code for _ in range(count)]

    [log_in] = [each for each in EXPOSED if each.operation.operation_id == "log_in_customer"]
    assert 429 in statuses("127.78.0.1", 2 * log_in.throttle.per_address.burst)
    assert 429 not in statuses("127.78.0.2", 5)


def _access_log_entry(platform: RunningPlatform, process: str, request_id: str) -> dict[str, Any]:
    """The entry of a request in the access log."""
    log = platform.layout.log_dir / f"{process}.log"

    def read() -> dict[str, Any] | None:
        lines = [line for line in log.read_text().splitlines() if request_id in line and '"status"' in line]
        return json.loads(lines[0]) if lines else None

    return wait_for("the request in the log", read)


def test_the_log_names_rule_and_field_and_contains_no_secret(
    platform: RunningPlatform, client: httpx.Client
) -> None:
    secret = "s3cr3t-of-the-client"
    response = client.post(
        "/auth/v1/logins",
        params={"token": secret},
        headers={"Authorization": f"Bearer {secret}", "Cookie": f"session={secret}"},
        json={"user_name": f"{secret}' OR '1'='1", "password": secret},
    )
    assert is_blocked(response)
    request_id = response.headers["x-request-id"]
    assert _access_log_entry(platform, "waf", request_id)["path"] == "/auth/v1/logins"
    lines = wait_for("the rules in the log", lambda: _matched_rule_lines(platform, request_id))
    entries = [json.loads(line) for line in lines]
    assert ("942100", "ARGS:json.user_name") in {(entry["rule"], entry["field"]) for entry in entries}
    assert {entry["event"] for entry in entries} == {"rule matched", "blocked"}
    assert "1'='1" not in "".join(lines)
    assert secret not in (platform.layout.log_dir / "waf.log").read_text()


def _matched_rule_lines(platform: RunningPlatform, request_id: str) -> list[str] | None:
    """The log lines of the rules that a request matched, once it is logged as blocked."""
    log = (platform.layout.log_dir / "waf.log").read_text()
    lines = [line for line in log.splitlines() if request_id in line and '"rule"' in line]
    return lines if any('"blocked"' in line for line in lines) else None


def test_the_rules_are_loaded(platform: RunningPlatform) -> None:
    entries = (json.loads(line) for line in (platform.layout.log_dir / "waf.log").read_text().splitlines())
    loaded = [entry["rules"] for entry in entries if entry.get("message") == "rules loaded"]
    assert min(loaded) > 400


@pytest.mark.parametrize("fault", ["no core rule set", "a rule file is missing", "rules are not loaded"])
def test_a_firewall_without_its_rules_does_not_start(platform: RunningPlatform, tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "config"
    shutil.copytree(platform.layout.config_dir / "waf", folder)
    (tmp_path / "prefix" / "tmp").mkdir(parents=True)
    rules, nginx = folder / "modsecurity.conf", folder / "nginx.conf"
    if fault == "no core rule set":
        rules.write_text("".join(line for line in rules.open() if not line.startswith("Include crs/")))
    elif fault == "a rule file is missing":
        rules.write_text(rules.read_text().replace("REQUEST-942", "REQUEST-000"))
    config = nginx.read_text().replace(str(platform.layout.config_dir / "waf"), str(folder))
    if fault == "rules are not loaded":
        config = "".join(line for line in config.splitlines(keepends=True) if "modsecurity_rules_file" not in line)
    nginx.write_text(config)
    command = [sys.executable, "-m", "tools.local_platform.waf_launcher", str(folder), str(tmp_path / "prefix")]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert process.returncode != 0
    assert "does not start" in process.stderr


def test_a_killed_firewall_is_restarted(platform: RunningPlatform) -> None:
    kill_and_wait(platform, "waf")
    [waf] = [process for process in processes.gateways(platform.layout) if process.name == "waf"]
    wait_for("the firewall to be ready", lambda: True if is_ready(platform.layout, waf) else None)


def test_the_response_is_a_problem_document_while_the_gateway_is_down(
    platform: RunningPlatform, client: httpx.Client
) -> None:
    kill_and_wait(platform, "external-gateway")

    def is_back() -> bool | None:
        response = client.get("/shopping/v1/products", params={"limit": 1})
        assert response.status_code in (200, 502, 503)
        assert response.status_code == 200 or response.headers["content-type"] == "application/problem+json"
        return True if response.status_code == 200 else None

    wait_for("the gateway to be back", is_back)
