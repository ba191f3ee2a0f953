"""Envoy's configuration, both documents for Amazon API Gateway, and `gateway-config/` say the same.

Each set of (method, path, needs a token) is read from what was written for one of them, not from the model.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws
from openapi_spec_validator import validate

from tests.contract.documents import CONTRACTS, METHODS
from tools.gateway.amazon.replies import STATUS_OF_TYPE
from tools.gateway.build import CONFIG_DIR, GATEWAYS, GatewayName, write_amazon_documents, write_envoy_config
from tools.gateway.inputs import EnvoyInputs

Exposed = tuple[str, str, bool]  # method, path with nameless parameters, needs a token
MOST_RESOURCES = 300  # Amazon's default quota of one REST API
SERVICES = ("auth", "customer", "shopping", "billing", "admin", "locker")


def nameless(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "*", path)


@pytest.fixture(scope="module", params=GATEWAYS)
def gateway(request: pytest.FixtureRequest) -> GatewayName:
    name: GatewayName = request.param
    return name


@pytest.fixture(scope="module")
def amazon(gateway: GatewayName, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("amazon")
    write_amazon_documents(gateway, folder / "import.json", folder / "stage.json")
    document: dict[str, Any] = json.loads((folder / "import.json").read_text())
    return document | {"stage": json.loads((folder / "stage.json").read_text())}


@pytest.fixture(scope="module")
def envoy(gateway: GatewayName, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("envoy") / "envoy.json"
    inputs = EnvoyInputs(
        listen=("127.0.0.1", 8443),
        tls_cert=Path("cert.pem"),
        tls_key=Path("key.pem"),
        ca_file=Path("ca.pem"),
        upstreams={service: ("127.0.0.1", 9000 + number) for number, service in enumerate(SERVICES)},
        jwt_issuer="https://auth.test",
        admin=Path("admin.sock"),
    )
    write_envoy_config(gateway, out, inputs)
    document: dict[str, Any] = json.loads(out.read_text())
    return document


def of_configuration(gateway: GatewayName) -> set[Exposed]:
    """Read from the YAML files only."""
    document = yaml.safe_load((CONFIG_DIR / f"{gateway}.yaml").read_text())
    declared = {}
    for service in SERVICES:
        for path, item in yaml.safe_load((CONTRACTS / f"{service}.yaml").read_text())["paths"].items():
            for method in set(item) & set(METHODS):
                declared[item[method]["operationId"]] = (method.upper(), nameless(path))
    return {
        (*declared[name], not (settings or {}).get("open", False))
        for name, settings in document["operations"].items()
    }


def nodes(document: Any, key: str) -> Iterator[Any]:
    """The values of every member called `key`, however deep."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key:
                yield value
            yield from nodes(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from nodes(value, key)


def of_envoy(document: dict[str, Any]) -> set[Exposed]:
    """Every route to a service, except preflight requests, which the gateway answers."""
    found = set()
    for routes in nodes(document, "routes"):
        for route in routes:
            if "cluster" not in route.get("route", {}) or route["name"].startswith("preflight of "):
                continue
            match = route["match"]
            [template] = nodes(match, "path_template") if "path_match_policy" in match else [match["path"]]
            [method] = [header for header in match["headers"] if header["name"] == ":method"]
            filters = route.get("typed_per_filter_config", {})
            disabled = {
                filters.get(f"envoy.filters.http.{name}", {}).get("disabled") for name in ("ext_authz", "jwt_authn")
            }
            assert len(disabled) == 1, "both or neither"
            found.add((method["string_match"]["exact"], template, disabled != {True}))
    return found


def of_amazon(document: dict[str, Any]) -> set[Exposed]:
    return {
        (method.upper(), nameless(path), bool(item[method]["security"]))
        for path, item in document["paths"].items()
        for method in set(item) & set(METHODS)
    }


def test_all_three_gateways_expose_and_authorize_alike(
    gateway: GatewayName, envoy: dict[str, Any], amazon: dict[str, Any]
) -> None:
    wanted = of_configuration(gateway)
    assert len(wanted) > 20
    assert of_envoy(envoy) == wanted
    assert of_amazon(amazon) == wanted


def slashes_and_end(path: str) -> list[int]:
    return [found.start() for found in re.finditer("/", path[1:])] + [len(path)]


def test_the_document_is_openapi_that_amazon_imports(amazon: dict[str, Any]) -> None:
    document = {name: value for name, value in amazon.items() if name != "stage"}
    validate(document)
    assert document["openapi"] == "3.0.1"
    assert len(json.dumps(document)) < 6_000_000, "the most that the import takes"
    assert all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in document["components"]["schemas"])
    nodes_of_paths = {path[:end] for path in document["paths"] for end in slashes_and_end(path)}
    assert len(nodes_of_paths) + 1 <= MOST_RESOURCES, "the root and every part of a path is a resource"
    for path in document["paths"]:
        for segment in path.strip("/").split("/"):
            assert re.fullmatch(r"[A-Za-z0-9_.,:-]+|\{[a-z_]+\}", segment), path
        assert not path.startswith(("/ping", "/sping")), "Amazon's own"
    for reference in nodes(document, "$ref"):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]
    for model in document["components"]["schemas"].values():
        for keyword in (
            "$ref",
            "nullable",
            "additionalProperties",
            "anyOf",
            "oneOf",
            "example",
            "format",
            "discriminator",
        ):
            assert list(nodes(model, keyword)) == [], keyword


def test_only_the_host_name_of_the_gateway_is_accepted(amazon: dict[str, Any], gateway: GatewayName) -> None:
    """In OpenAPI 3.0 Amazon reads this in the server only."""
    hosts = yaml.safe_load((CONFIG_DIR / f"{gateway}.yaml").read_text())["host_names"]
    [server] = amazon["servers"]
    assert server["url"] == f"https://{hosts[0]}"
    assert server["x-amazon-apigateway-endpoint-configuration"] == {"disableExecuteApiEndpoint": True}
    assert "x-amazon-apigateway-endpoint-configuration" not in amazon


def test_only_json_bodies_have_models(amazon: dict[str, Any]) -> None:
    """Amazon would validate a form as JSON, and reject every one."""
    bodies = [body for path in amazon["paths"].values() for body in nodes(path, "requestBody")]
    media_types = {media_type for body in bodies for media_type in body["content"]}
    assert media_types
    assert all(media_type.endswith("json") for media_type in media_types)
    assert "requestBody" not in amazon["paths"]["/auth/v1/oauth/tokens"]["post"]


def test_opaque_tokens_and_forged_addresses_are_not_forwarded(amazon: dict[str, Any]) -> None:
    for path, item in amazon["paths"].items():
        for method in set(item) & set(METHODS):
            integration = item[method]["x-amazon-apigateway-integration"]
            mapped = integration["requestParameters"]
            assert mapped["integration.request.header.X-Forwarded-For"] == "context.identity.sourceIp"
            sent = mapped.get("integration.request.header.Authorization")
            if item[method]["security"]:
                assert sent == "context.authorizer.authorization", path
            else:
                assert sent == "''" or path.startswith(("/auth/", "/.well-known/")), path
            for name in re.findall(r"\{([a-z_]+)\}", path):
                assert mapped[f"integration.request.path.{name}"] == f"method.request.path.{name}"
            assert 50 <= integration["timeoutInMillis"] <= 29_000


def test_amazons_own_responses_are_problem_documents(amazon: dict[str, Any]) -> None:
    answers = amazon["x-amazon-apigateway-gateway-responses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", *STATUS_OF_TYPE} == set(answers)
    for name, answer in answers.items():
        assert answer["responseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        body = json.loads(answer["responseTemplates"]["application/json"].replace("$context.status", "400"))
        assert {"type", "title", "status", "instance"} <= body.keys()
        assert body["status"] == STATUS_OF_TYPE.get(name, 400)
    challenge = answers["UNAUTHORIZED"]["responseParameters"]["gatewayresponse.header.www-authenticate"]
    assert challenge.startswith("'Bearer")
    assert answers["THROTTLED"]["responseParameters"]["gatewayresponse.header.retry-after"] == "'1'"
    for name, answer in answers.items():
        assert answer.get("statusCode", "") == str(STATUS_OF_TYPE.get(name, "")), (
            "a text, and none for the defaults"
        )
        headers = answer["responseParameters"]
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'", "web pages read why"


def test_a_preflight_request_is_answered_for_any_case_of_origin(
    gateway: GatewayName, amazon: dict[str, Any]
) -> None:
    allowed = yaml.safe_load((CONFIG_DIR / f"{gateway}.yaml").read_text())["cors"]["allowed_origins"]
    for path, item in amazon["paths"].items():
        answer = item["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        template = answer["responseTemplates"]["application/json"]
        assert {"$input.params('Origin')", "$input.params('origin')"} <= set(re.findall(r"\$input\S*?\)", template))
        assert re.findall(r"\$origin == '(https:[^']*)'", template) == allowed, path
        assert "method.response.header.Access-Control-Allow-Origin" not in answer["responseParameters"]


def test_an_unknown_method_of_a_path_is_a_405_with_the_allowed_ones(amazon: dict[str, Any]) -> None:
    for path, item in amazon["paths"].items():
        answer = item["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]["responses"]["default"]
        allow = answer["responseParameters"]["method.response.header.Allow"].strip("'").split(", ")
        assert answer["statusCode"] == "405"
        assert {method.lower() for method in allow} == set(item) & set(METHODS), path


def test_the_internal_gateway_rejects_other_networks(gateway: GatewayName, amazon: dict[str, Any]) -> None:
    refusals = [one for one in amazon["x-amazon-apigateway-policy"]["Statement"] if one["Effect"] == "Deny"]
    if gateway == "external":
        assert refusals == []
    else:
        ranges = yaml.safe_load((CONFIG_DIR / "internal.yaml").read_text())["source_ranges"]
        assert [one["Condition"]["NotIpAddress"]["aws:SourceIp"] for one in refusals] == [ranges]


def test_the_stage_has_a_throttle_and_a_body_limit_for_each_operation(
    gateway: GatewayName, amazon: dict[str, Any]
) -> None:
    wanted = {(method, path) for method, path, _ in of_configuration(gateway)}
    for name, path_key, method_key in (
        ("methodSettings", "resourcePath", "httpMethod"),
        ("bodyLimits", "path", "method"),
    ):
        assert {(one[method_key], nameless(one[path_key])) for one in amazon["stage"][name]} == wanted
    used = set(re.findall(r"stageVariables\.([A-Za-z]+)", json.dumps(amazon["paths"])))
    assert used == set(amazon["stage"]["stageVariables"])
    document = {name: value for name, value in amazon.items() if name != "stage"}
    filled_in = set(re.findall(r"\$\{([^}]*)\}", json.dumps(document)))
    assert {name for name in filled_in if not name.startswith("stageVariables.")} == set(
        amazon["stage"]["placeholders"]
    )


def test_an_emulator_imports_the_whole_document(gateway: GatewayName, amazon: dict[str, Any]) -> None:
    """After the import every path and method is there, with the JWT of the authorizer where a token is needed.

    The emulator leaves out authorizers, models and policies, so whether a token is needed is read from the header
    that goes on to the service.
    """
    document = copy.deepcopy({name: value for name, value in amazon.items() if name != "stage"})
    for integration in nodes(document, "x-amazon-apigateway-integration"):
        if integration["type"] == "mock":  # Amazon needs neither; the emulator takes no integration without them
            integration |= {"uri": "mock", "httpMethod": "POST"}
    with mock_aws():
        client = boto3.client(
            "apigateway", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        api = client.import_rest_api(failOnWarnings=True, body=json.dumps(document).encode())
        resources: list[Any] = []
        for page in client.get_paginator("get_resources").paginate(
            restApiId=api["id"], embed=["methods"], PaginationConfig={"PageSize": 500}
        ):
            resources += page["items"]
    imported = {
        (name, nameless(resource["path"]), sends_the_jwt(method["methodIntegration"]))
        for resource in resources
        for name, method in resource.get("resourceMethods", {}).items()
        if name.lower() in METHODS
    }
    assert imported == of_configuration(gateway)


def sends_the_jwt(integration: dict[str, Any]) -> bool:
    sent = integration["requestParameters"].get("integration.request.header.Authorization")
    return bool(sent == "context.authorizer.authorization")
