"""A small gateway of one shop: two contracts and a configuration, written to a folder for a test to change."""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from tools.gateway.build import CONFIG_DIR
from tools.gateway.config import SCHEMA_FILE
from tools.gateway.contracts import CATALOGUE

Json = dict[str, Any]

TOKEN = [{"oauth2": ["shop:orders"]}]
SHOP: Json = {
    "openapi": "3.0.3",
    "paths": {
        "/shop/v1/things": {
            "get": {"operationId": "list_things", "security": []},
            "post": {"operationId": "create_thing", "security": TOKEN},
        },
        "/shop/v1/things/{thing_id}": {"get": {"operationId": "get_thing", "security": []}},
        "/shop/v1/things/latest": {"get": {"operationId": "get_latest_thing", "security": TOKEN}},
        "/shop/v1/orders": {"post": {"operationId": "place_order", "security": TOKEN}},
        "/shop/v1/orders/{a_very_long_order_identifier}": {
            "get": {"operationId": "get_order", "security": TOKEN},
            "delete": {"operationId": "cancel_order", "security": TOKEN},
        },
        "/shop/v1/sign-ins": {"post": {"operationId": "sign_in", "security": []}},
        "/shop/v1/invoices": {"get": {"operationId": "list_invoices", "security": TOKEN}},
        "/shop/v1/holds": {
            "post": {"operationId": "create_hold", "security": TOKEN, "x-service-only": True},
        },
        "/shop/v1/secret": {"get": {"operationId": "get_secret", "security": TOKEN}},
    },
}
SCOPES: Json = {"shop:orders": {"description": "Place and read own orders", "holders": ["customer"]}}
AUTH: Json = {
    "openapi": "3.0.3",
    "paths": {
        "/auth/v1/session": {"get": {"operationId": "get_session", "security": TOKEN}},
        "/auth/v1/tokens": {"post": {"operationId": "create_token", "security": []}},
    },
}
WIDE = {"requests_per_second": 1000, "burst": 10000}
CONFIG: Json = {
    "gateway": "external",
    "host_names": ["shop.example", "localhost", "127.0.0.1"],
    "source_ranges": ["127.0.0.0/8"],
    "authorizer": {
        "service": "auth",
        "exchange_path": "/exchange/external",
        "jwks_path": "/auth/v1/jwks",
        "timeout_seconds": 1,
    },
    "cors": {"allowed_origins": ["https://www.shop.example"], "max_age_seconds": 600},
    "timeouts": {
        "client_headers_seconds": 1,
        "client_request_seconds": 2,
        "client_idle_seconds": 30,
        "service_connect_seconds": 1,
        "service_response_seconds": 5,
    },
    "limits": {
        "connections": 50,
        "connections_per_address": 40,
        "requests_per_service": 64,
        "header_kilobytes": 8,
        "headers": 40,
    },
    "throttles": {
        "wide": {"per_address": WIDE, "per_token": WIDE},
        "tight_address": {"per_address": {"requests_per_second": 0.2, "burst": 3}},
        "tight_token": {"per_address": WIDE, "per_token": {"requests_per_second": 0.1, "burst": 2}},
    },
    "body_limits": {"small": 1000, "large": 20000},
    "defaults": {"throttle": "wide", "body_limit": "small"},
    "unmatched": {"throttle": "wide", "body_limit": "small"},
    "operations": {
        "list_things": {"open": True},
        "create_thing": {"body_limit": "large"},
        "get_thing": {"open": True},
        "get_latest_thing": None,
        "place_order": {},
        "get_order": {},
        "cancel_order": {},
        "sign_in": {"throttle": "tight_address", "open": True},
        "list_invoices": {"throttle": "tight_token"},
        "get_session": {},
        "create_token": {"open": True},
    },
}


class Example:
    """The folders of a small gateway; change `config` or `contracts`, then `write()`."""

    def __init__(self, folder: Path) -> None:
        self.config_dir = folder / "gateway-config"
        self.contracts_dir = folder / "openapi"
        self.config = deepcopy(CONFIG)
        self.contracts = {"shop": deepcopy(SHOP), "auth": deepcopy(AUTH)}

    def write(self) -> Example:
        self.config_dir.mkdir(exist_ok=True)
        self.contracts_dir.mkdir(exist_ok=True)
        shutil.copy(CONFIG_DIR / SCHEMA_FILE, self.config_dir)
        for service, contract in self.contracts.items():
            (self.contracts_dir / f"{service}.yaml").write_text(yaml.safe_dump(contract))
        (self.contracts_dir / CATALOGUE).write_text(yaml.safe_dump(SCOPES))
        (self.config_dir / "external.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False))
        return self
