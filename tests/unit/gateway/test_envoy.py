"""The generated configuration, without starting Envoy."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from libs.chassis import problems
from tests.unit.gateway.example import Example
from tools.gateway.build import GATEWAYS, GatewayName, read_gateway, write_envoy_config
from tools.gateway.contracts import load_contracts
from tools.gateway.envoy import bootstrap
from tools.gateway.envoy.replies import REPLIES
from tools.gateway.errors import GatewayConfigError
from tools.gateway.inputs import EnvoyInputs
from tools.project import CONTRACTS

Json = dict[str, Any]


def manager_of(document: Json) -> Json:
    (listener,) = document["static_resources"]["listeners"]
    (chain,) = listener["filter_chains"]
    manager: Json = chain["filters"][0]["typed_config"]
    return manager


def routes_of(document: Json) -> list[Json]:
    routes: list[Json] = manager_of(document)["route_config"]["virtual_hosts"][0]["routes"]
    return routes


@pytest.fixture
def built(example: Example, inputs: EnvoyInputs) -> Json:
    example.write()
    return bootstrap(read_gateway("external", example.config_dir, example.contracts_dir), inputs)


def test_routes_are_ordered_literals_templates_not_found(built: Json) -> None:
    names = [route["name"] for route in routes_of(built)]
    assert names[:3] == ["tunnel", "control_characters", "two_tokens"]
    assert names.index("get_latest_thing") < names.index("get_thing")
    assert names[-1] == "not_found"


def test_each_path_ends_with_a_405_that_lists_its_methods(built: Json) -> None:
    route = next(r for r in routes_of(built) if r["name"].startswith("other methods of /shop/v1/orders/"))
    assert route["direct_response"]["status"] == 405
    assert route["response_headers_to_add"][0]["header"] == {"key": "allow", "value": "DELETE, GET"}


def test_token_checks_apply_unless_a_route_disables_them(built: Json) -> None:
    filters = {one["name"]: one["typed_config"] for one in manager_of(built)["http_filters"]}
    assert filters["envoy.filters.http.jwt_authn"]["rules"][0]["match"] == {"prefix": "/"}
    assert filters["envoy.filters.http.ext_authz"]["failure_mode_allow"] is False
    order = [name.removeprefix("envoy.filters.http.") for name in filters]
    assert order == [
        "rbac",
        "cors",
        "header_mutation",
        "lua",
        "local_ratelimit",
        "buffer",
        "ext_authz",
        "jwt_authn",
        "router",
    ]


def test_preflight_matches_allowed_pages_only_and_disables_no_check(built: Json) -> None:
    preflights = [route for route in routes_of(built) if route["name"].startswith("preflight of ")]
    assert len(preflights) == len({route["name"] for route in preflights}) > 0
    for route in preflights:
        origin = next(one for one in route["match"]["headers"] if one["name"] == "origin")
        pattern = origin["string_match"]["safe_regex"]["regex"]
        assert re.fullmatch(pattern, "https://www.shop.example")
        assert not re.fullmatch(pattern, "https://wwwxshop.example")
        assert set(route["typed_per_filter_config"]) == {"envoy.filters.http.cors"}


def asks_for_a_token(route: Json) -> bool:
    switched_off = {name for name, config in route["typed_per_filter_config"].items() if config.get("disabled")}
    if not switched_off:
        assert "request_headers_to_remove" not in route
        return True
    assert switched_off == {"envoy.filters.http.ext_authz", "envoy.filters.http.jwt_authn"}
    of_authorizer = route["route"]["cluster"] == "auth"
    assert route.get("request_headers_to_remove", []) == ([] if of_authorizer else ["authorization"])
    return False


def test_external_routes_require_tokens_as_the_contracts_do(inputs: EnvoyInputs) -> None:
    gateway = read_gateway("external")
    routes = {route["name"]: route for route in routes_of(bootstrap(gateway, inputs))}
    for exposed in gateway.exposed:
        operation = exposed.operation
        assert asks_for_a_token(routes[operation.operation_id]) == operation.needs_token, operation


def test_internal_routes_require_tokens_except_for_log_in(inputs: EnvoyInputs) -> None:
    gateway = read_gateway("internal")
    routes = {route["name"]: route for route in routes_of(bootstrap(gateway, inputs))}
    open_routes = {
        exposed.operation.operation_id
        for exposed in gateway.exposed
        if not asks_for_a_token(routes[exposed.operation.operation_id])
    }
    assert open_routes == {"log_in_staff", "refresh_staff_session", "set_staff_password", "create_oauth_token"}


@pytest.mark.parametrize("name", GATEWAYS)
def test_every_exposed_operation_has_one_route_to_its_service(name: GatewayName, inputs: EnvoyInputs) -> None:
    operations = load_contracts(CONTRACTS)
    for route in routes_of(bootstrap(read_gateway(name), inputs)):
        if "route" in route and not route["name"].startswith("preflight of "):
            operation = operations.pop(route["name"])
            assert route["route"]["cluster"] == operation.service
            assert route["match"]["headers"][0]["string_match"] == {"exact": operation.method}


def test_only_idempotent_requests_are_retried_after_sending(built: Json) -> None:
    by_name = {route["name"]: route for route in routes_of(built)}
    retry_on = {
        name: by_name[name]["route"]["retry_policy"]["retry_on"].split(",")
        for name in ("get_order", "place_order", "cancel_order")
    }
    assert "reset" in retry_on["get_order"]
    assert "reset" not in retry_on["place_order"]
    assert "reset" not in retry_on["cancel_order"]
    assert "connect-failure" in retry_on["place_order"]


def test_request_to_a_hanging_service_is_not_retried(built: Json) -> None:
    for route in routes_of(built):
        if "retry_policy" in route.get("route", {}):
            assert route["route"]["retry_policy"]["per_try_timeout"] == route["route"]["timeout"], route["name"]
    exchange = next(
        one for one in manager_of(built)["http_filters"] if one["name"] == "envoy.filters.http.ext_authz"
    )
    service = exchange["typed_config"]["http_service"]
    assert service["retry_policy"]["retry_back_off"]["max_interval"] == service["server_uri"]["timeout"]


def test_response_timeout_is_that_of_the_configuration(built: Json) -> None:
    timeouts = {route["route"]["timeout"] for route in routes_of(built) if route["name"] == "get_order"}
    assert timeouts == {"5s"}


def test_the_addresses_of_one_ipv6_subscriber_share_a_bucket(built: Json) -> None:
    filters = {one["name"]: one["typed_config"] for one in manager_of(built)["http_filters"]}
    throttle = filters["envoy.filters.http.local_ratelimit"]
    (_, of_address), _ = (limit["actions"] for limit in throttle["rate_limits"])
    assert of_address == {"masked_remote_address": {"v6_prefix_mask_len": 64}}
    keys = {descriptor["entries"][1]["key"] for descriptor in throttle["descriptors"]}
    assert keys == {"masked_remote_address", "token"}


def test_upstreams_are_verified_by_authority_and_name(built: Json, inputs: EnvoyInputs) -> None:
    for cluster in built["static_resources"]["clusters"]:
        context = cluster["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]
        assert context["trusted_ca"] == {"filename": str(inputs.ca_file)}
        assert context["match_typed_subject_alt_names"] == [
            {"san_type": "IP_ADDRESS", "matcher": {"exact": "127.0.0.1"}}
        ]


def test_an_upstream_by_name_is_resolved_and_verified_by_that_name(example: Example, inputs: EnvoyInputs) -> None:
    example.write()
    named = dataclasses.replace(inputs, upstreams={"auth": ("auth.internal", 443), "shop": ("shop.internal", 443)})
    gateway = read_gateway("external", example.config_dir, example.contracts_dir)
    cluster = next(c for c in bootstrap(gateway, named)["static_resources"]["clusters"] if c["name"] == "shop")
    tls = cluster["transport_socket"]["typed_config"]
    assert cluster["type"] == "STRICT_DNS"
    assert tls["sni"] == "shop.internal"
    assert tls["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "shop.internal"}}
    ]


def test_missing_upstream_is_reported(example: Example, inputs: EnvoyInputs) -> None:
    example.write()
    without_shop = dataclasses.replace(inputs, upstreams={"auth": ("127.0.0.1", 17001)})
    gateway = read_gateway("external", example.config_dir, example.contracts_dir)
    with pytest.raises(GatewayConfigError, match="no upstream for shop"):
        bootstrap(gateway, without_shop)


def test_too_long_socket_path_is_rejected(example: Example, inputs: EnvoyInputs, tmp_path: Path) -> None:
    example.write()
    gateway = read_gateway("external", example.config_dir, example.contracts_dir)
    with pytest.raises(GatewayConfigError, match="too long for a unix socket"):
        bootstrap(gateway, dataclasses.replace(inputs, admin=tmp_path / ("x" * 108)))


def test_gateway_and_services_share_titles_of_problems() -> None:
    of_services = {problem.slug: problem for problem in problems.Problem.__subclasses__()}
    shared = [reply for reply in REPLIES if reply.slug in of_services]
    assert len(shared) > 5
    for reply in shared:
        problem = of_services[reply.slug]
        assert (reply.status, reply.title) == (problem.status, problem.title)


def test_output_is_deterministic(example: Example, inputs: EnvoyInputs, tmp_path: Path) -> None:
    example.write()
    folders = {"config_dir": example.config_dir, "contracts_dir": example.contracts_dir}
    for out in ("one.json", "two.json"):
        write_envoy_config("external", tmp_path / out, inputs, **folders)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    json.loads((tmp_path / "one.json").read_text())


def test_an_admin_port_is_bound_to_the_loopback_address_only(example: Example, inputs: EnvoyInputs) -> None:
    example.write()
    gateway = read_gateway("external", example.config_dir, example.contracts_dir)
    admin = bootstrap(gateway, dataclasses.replace(inputs, admin=17020))["admin"]
    assert admin["address"] == {"socket_address": {"address": "127.0.0.1", "port_value": 17020}}
    assert {"exact": "/ready"} in admin["allow_paths"]
