"""What a person who edits gateway-config/ is told when something does not fit."""

from __future__ import annotations

import pytest

from tests.unit.gateway.example import TOKEN, Example
from tools.gateway.build import read_gateway
from tools.gateway.errors import GatewayConfigError
from tools.gateway.model import Gateway


def read(example: Example) -> Gateway:
    example.write()
    return read_gateway("external", example.config_dir, example.contracts_dir)


def problem_of(example: Example) -> str:
    with pytest.raises(GatewayConfigError) as caught:
        read(example)
    assert len(caught.value.problems) == 1, caught.value.problems
    return caught.value.problems[0]


def test_defaults_hold_for_an_operation_that_names_no_classes(example: Example) -> None:
    exposed = {one.operation.operation_id: one for one in read(example).exposed}
    assert exposed["get_latest_thing"].throttle.name == "wide"
    assert exposed["get_latest_thing"].body_limit_bytes == 1000
    assert exposed["create_thing"].body_limit_bytes == 20000


def test_only_what_is_named_is_exposed(example: Example) -> None:
    assert "get_secret" not in {one.operation.operation_id for one in read(example).exposed}


def test_a_token_is_needed_unless_the_operation_is_said_to_be_open(example: Example) -> None:
    example.config["operations"]["list_things"] = {}
    needs_token = {one.operation.operation_id: one.needs_token for one in read(example).exposed}
    assert needs_token["list_things"]
    assert not needs_token["get_thing"]


def test_an_unknown_operation_is_named_with_what_was_probably_meant(example: Example) -> None:
    example.config["operations"]["get_ordr"] = {}
    assert problem_of(example) == (
        "/operations/get_ordr: no contract has this operationId; did you mean get_order?"
    )


def test_an_operation_cannot_be_opened_against_its_contract(example: Example) -> None:
    example.config["operations"]["get_order"] = {"open": True}
    assert problem_of(example) == "/operations/get_order: is open here, but the contract asks for a token"


def test_an_operation_between_services_cannot_be_exposed(example: Example) -> None:
    example.config["operations"]["create_hold"] = {}
    assert "x-service-only" in problem_of(example)


def test_an_operation_with_a_token_needs_a_throttle_by_token(example: Example) -> None:
    example.config["operations"]["get_order"] = {"throttle": "tight_address"}
    assert problem_of(example).endswith("throttle class tight_address has no per_token")


@pytest.mark.parametrize(("setting", "classes"), [("throttle", "throttles"), ("body_limit", "body_limits")])
def test_an_unknown_class_is_named(example: Example, setting: str, classes: str) -> None:
    example.config["operations"]["get_order"] = {setting: "nothing"}
    assert problem_of(example) == f"/operations/get_order/{setting}: there is no class 'nothing' in /{classes}"


def test_an_unknown_class_of_refusals_is_named(example: Example) -> None:
    example.config["refusals"]["throttle"] = "nothing"
    assert problem_of(example) == "/refusals/throttle: there is no class 'nothing' in /throttles"


def test_the_file_must_be_of_the_gateway_it_is_named_after(example: Example) -> None:
    example.config["gateway"] = "internal"
    assert problem_of(example) == "/gateway: the file is of 'external', but says 'internal'"


def test_a_source_range_must_be_a_network(example: Example) -> None:
    example.config["source_ranges"] = ["10.0.0.1/8"]
    assert "10.0.0.1/8" in problem_of(example)


def test_all_problems_are_told_at_once(example: Example) -> None:
    example.config["operations"] |= {"get_ordr": {}, "create_hold": {}}
    with pytest.raises(GatewayConfigError) as caught:
        read(example)
    assert len(caught.value.problems) == 2


def test_a_setting_that_the_schema_does_not_know_is_pointed_at(example: Example) -> None:
    example.config["operations"]["get_order"] = {"public": True}
    problem = problem_of(example)
    assert problem.startswith("/operations/get_order: ")
    assert "public" in problem


def test_a_missing_section_is_named(example: Example) -> None:
    del example.config["throttles"]
    assert "throttles" in problem_of(example)


def test_web_pages_over_plain_http_are_no_allowed_origin(example: Example) -> None:
    example.config["cors"]["allowed_origins"] = ["http://www.shop.example"]
    assert problem_of(example).startswith("/cors/allowed_origins/0: ")


def test_an_operation_that_stands_twice_is_refused(example: Example) -> None:
    file = example.write().config_dir / "external.yaml"
    file.write_text(file.read_text() + "  get_order: {throttle: tight_token}\n")
    with pytest.raises(GatewayConfigError, match="'get_order' stands twice"):
        read_gateway("external", example.config_dir, example.contracts_dir)


def test_a_missing_file_is_named(example: Example) -> None:
    example.write()
    with pytest.raises(GatewayConfigError, match=r"internal\.yaml: No such file"):
        read_gateway("internal", example.config_dir, example.contracts_dir)


def test_a_contract_that_is_silent_on_security_is_refused(example: Example) -> None:
    del example.contracts["shop"]["paths"]["/shop/v1/secret"]["get"]["security"]
    assert problem_of(example).startswith("shop.yaml: GET /shop/v1/secret: says nothing of security")


def test_a_contract_inherits_the_security_of_its_document(example: Example) -> None:
    del example.contracts["shop"]["paths"]["/shop/v1/orders"]["post"]["security"]
    example.contracts["shop"]["security"] = TOKEN
    exposed = {one.operation.operation_id: one for one in read(example).exposed}
    assert exposed["place_order"].operation.scopes == ("shop:orders",)


def test_optional_security_is_refused_because_a_gateway_cannot_know_it(example: Example) -> None:
    example.contracts["shop"]["paths"]["/shop/v1/secret"]["get"]["security"] = [{}, *TOKEN]
    assert "every security requirement must be oauth2" in problem_of(example)


def test_a_scope_that_nobody_can_hold_is_refused(example: Example) -> None:
    example.contracts["shop"]["paths"]["/shop/v1/secret"]["get"]["security"] = [{"oauth2": ["shop:secrets"]}]
    assert "get_secret asks for the scope shop:secrets, which scopes.yaml does not have" in problem_of(example)


def test_an_operation_id_is_used_once_over_all_contracts(example: Example) -> None:
    example.contracts["auth"]["paths"]["/auth/v1/orders"] = {"get": {"operationId": "get_order", "security": []}}
    assert "operationId get_order is used twice" in problem_of(example)


def test_two_paths_that_differ_in_parameter_names_only_are_refused(example: Example) -> None:
    example.contracts["shop"]["paths"]["/shop/v1/things/{id}"] = {
        "get": {"operationId": "get_other_thing", "security": []}
    }
    assert "get_thing has the method and path of get_other_thing" in problem_of(example)


def test_a_path_belongs_to_the_domain_of_its_contract(example: Example) -> None:
    example.contracts["shop"]["paths"]["/auth/v1/token"] = {"post": {"operationId": "steal_token", "security": []}}
    assert "does not begin with /shop/" in problem_of(example)
