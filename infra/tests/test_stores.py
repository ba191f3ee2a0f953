"""The stores that a service's nodes can open are those that its release is configured with, and nothing else.

`helm/values/<service>.yaml` names the caches and documents whose addresses the service gets as its settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.data.stack import CACHES
from infra.environment import OUT, SERVICES
from infra.network.data_flow import DOCUMENT_DB, ELASTICACHE, MYSQL, SETTINGS_OWNER, STORES, settings_readers
from infra.prove import DESIGN
from infra.reachability import design
from infra.reachability.resources import load
from infra.tests.support import ENVIRONMENTS

VALUES = Path(__file__).parents[2] / "helm" / "values"


def release_values(service: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((VALUES / f"{service}.yaml").read_text())
    return values


def caches_of(service: str) -> set[str]:
    return set(release_values(service)["caches"].values())


def home_of(cache: str) -> str:
    return CACHES[cache][0]


def test_a_cache_is_opened_inside_its_own_network_and_only_where_a_release_names_it() -> None:
    for service in SERVICES:
        own = {cache for cache in caches_of(service) if home_of(cache) == service}
        expected = (
            {MYSQL}
            | ({ELASTICACHE} if own else set())
            | ({DOCUMENT_DB} if "documents" in release_values(service) else set())
        )
        assert set(STORES[service]) == expected, service


def test_of_other_networks_only_the_settings_are_opened_to_those_that_read_them() -> None:
    abroad = {service: {cache for cache in caches_of(service) if home_of(cache) != service} for service in SERVICES}

    assert home_of("settings") == SETTINGS_OWNER
    assert {service for service, caches in abroad.items() if caches} == set(settings_readers())
    assert set().union(*abroad.values()) == {"settings"}


def test_each_cache_has_a_user_for_each_release_that_names_it_and_no_other() -> None:
    for cache, (_, users) in CACHES.items():
        assert set(users) == {service for service in SERVICES if cache in caches_of(service)}, cache


def test_the_hand_written_table_has_the_same_stores() -> None:
    written = {
        (flow.source.removesuffix(".node"), flow.target.removesuffix(".database"), flow.ports[0])
        for flow in design.read(DESIGN)
        if flow.target.endswith(".database")
    }

    assert written == {(service, service, port) for service, ports in STORES.items() for port in ports} | {
        (reader, SETTINGS_OWNER, ELASTICACHE) for reader in settings_readers()
    }


KINDS = ("AWS::RDS::DBInstance", "AWS::DocDB::DBCluster", "AWS::ElastiCache::ReplicationGroup")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_network_has_the_stores_whose_ports_it_opens(environment: str) -> None:
    stores = [one for one in load(OUT / environment).values() if one.type in KINDS]
    made = {(one.id.partition("/")[0].split("-")[2], int(one.properties["Port"])) for one in stores}

    assert made == {(service, port) for service, ports in STORES.items() for port in ports}
