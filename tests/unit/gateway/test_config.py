"""The problems that are reported for an invalid configuration in gateway-config/."""

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


def test_operation_without_classes_gets_the_defaults(example: Example) -> None:
    exposed = {one.operation.operation_id: one for one in read(example).exposed}
    assert exposed["get_latest_thing"].throttle.name == "wide"
    assert exposed["get_latest_thing"].body_limit_bytes == 1000
    assert exposed["create_thing"].body_limit_bytes == 20000


def test_only_listed_operations_are_exposed(example: Example) -> None:
    assert "get_secret" not in {one.operation.operation_id for one in read(example).exposed}


def test_token_is_required_unless_the_operation_is_open(example: Example) -> None:
    example.config["operations"]["list_things"] = {}
    needs_token = {one.operation.operation_id: one.needs_token for one in read(example).exposed}
    assert needs_token["list_things"]
    assert not needs_token["get_thing"]


def test_unknown_operation_is_reported_with_a_suggestion(example: Example) -> None:
    example.config["operations"]["get_ordr"] = {}
    assert problem_of(example) == (
        "/operations/get_ordr: no contract has this operationId. Did you mean get_order?"
    )


def test_operation_cannot_be_open_if_its_contract_requires_a_token(example: Example) -> None:
    example.config["operations"]["get_order"] = {"open": True}
    assert problem_of(example) == "/operations/get_order: is open here, but the contract requires a token"


def test_service_only_operation_cannot_be_exposed(example: Example) -> None:
    example.config["operations"]["create_hold"] = {}
    assert "x-service-only" in problem_of(example)


def test_operation_with_a_token_requires_a_throttle_per_token(example: Example) -> None:
    example.config["operations"]["get_order"] = {"throttle": "tight_address"}
    assert problem_of(example).endswith("throttle class tight_address has no per_token")


@pytest.mark.parametrize(("setting", "classes"), [("throttle", "throttles"), ("body_limit", "body_limits")])
def test_unknown_class_is_reported(example: Example, setting: str, classes: str) -> None:
    example.config["operations"]["get_order"] = {setting: "nothing"}
    assert problem_of(example) == f"/operations/get_order/{setting}: there is no class 'nothing' in /{classes}"


def test_unknown_class_of_unmatched_requests_is_reported(example: Example) -> None:
    example.config["unmatched"]["throttle"] = "nothing"
    assert problem_of(example) == "/unmatched/throttle: there is no class 'nothing' in /throttles"


def test_file_name_must_match_the_gateway(example: Example) -> None:
    example.config["gateway"] = "internal"
    assert problem_of(example) == "/gateway: must be 'external' as in the file name, not 'internal'"


def test_a_source_range_must_be_a_network(example: Example) -> None:
    example.config["source_ranges"] = ["10.0.0.1/8"]
    assert "10.0.0.1/8" in problem_of(example)


def test_all_problems_are_reported_together(example: Example) -> None:
    example.config["operations"] |= {"get_ordr": {}, "create_hold": {}}
    with pytest.raises(GatewayConfigError) as caught:
        read(example)
    assert len(caught.value.problems) == 2


def test_unknown_setting_is_reported_with_its_pointer(example: Example) -> None:
    example.config["operations"]["get_order"] = {"public": True}
    problem = problem_of(example)
    assert problem.startswith("/operations/get_order: ")
    assert "public" in problem


def test_missing_section_is_reported(example: Example) -> None:
    del example.config["throttles"]
    assert "throttles" in problem_of(example)


def test_origin_must_use_https(example: Example) -> None:
    example.config["cors"]["allowed_origins"] = ["http://www.shop.example"]
    assert problem_of(example).startswith("/cors/allowed_origins/0: ")


def test_duplicate_operation_is_rejected(example: Example) -> None:
    file = example.write().config_dir / "external.yaml"
    file.write_text(file.read_text() + "  get_order: {throttle: tight_token}\n")
    with pytest.raises(GatewayConfigError, match="duplicate key 'get_order'"):
        read_gateway("external", example.config_dir, example.contracts_dir)


def test_missing_file_is_reported(example: Example) -> None:
    example.write()
    with pytest.raises(GatewayConfigError, match=r"internal\.yaml: No such file"):
        read_gateway("internal", example.config_dir, example.contracts_dir)


def test_contract_without_security_is_rejected(example: Example) -> None:
    del example.contracts["shop"]["paths"]["/shop/v1/secret"]["get"]["security"]
    assert problem_of(example).startswith("shop.yaml: GET /shop/v1/secret: has no security")


def test_a_contract_inherits_the_security_of_its_document(example: Example) -> None:
    del example.contracts["shop"]["paths"]["/shop/v1/orders"]["post"]["security"]
    example.contracts["shop"]["security"] = TOKEN
    exposed = {one.operation.operation_id: one for one in read(example).exposed}
    assert exposed["place_order"].operation.scopes == ("shop:orders",)


def test_optional_security_is_rejected(example: Example) -> None:
    example.contracts["shop"]["paths"]["/shop/v1/secret"]["get"]["security"] = [{}, *TOKEN]
    assert "every security requirement must be oauth2" in problem_of(example)


def test_undefined_scope_is_rejected(example: Example) -> None:
    example.contracts["shop"]["paths"]["/shop/v1/secret"]["get"]["security"] = [{"oauth2": ["shop:secrets"]}]
    assert "get_secret requires the scope shop:secrets, which is not in scopes.yaml" in problem_of(example)


def test_duplicate_operation_id_is_rejected(example: Example) -> None:
    example.contracts["auth"]["paths"]["/auth/v1/orders"] = {"get": {"operationId": "get_order", "security": []}}
    assert "operationId get_order is not unique" in problem_of(example)


def test_paths_that_differ_only_in_parameter_names_are_rejected(example: Example) -> None:
    example.contracts["shop"]["paths"]["/shop/v1/things/{id}"] = {
        "get": {"operationId": "get_other_thing", "security": []}
    }
    assert "get_thing has the same method and path as get_other_thing" in problem_of(example)


def test_path_must_begin_with_the_service_of_its_contract(example: Example) -> None:
    example.contracts["shop"]["paths"]["/auth/v1/token"] = {"post": {"operationId": "steal_token", "security": []}}
    assert "must begin with /shop/" in problem_of(example)
