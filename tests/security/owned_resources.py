"""The resources of a customer: which ids in the contracts identify them, and how to create one of each kind."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import yaml

from tests.acceptance.site import COAT, Site, product_fields
from tests.contract.documents import schemas_in
from tests.security.example_requests import Example, all_operations, example, read_declaration
from tools.demo.people import Customer, Json, Staff, idempotency_key, wait_for
from tools.gateway.build import CONFIG_DIR
from tools.gateway.config import load_gateway
from tools.gateway.contracts import Operation
from tools.project import CONTRACTS

ID_PATTERN = re.compile(r"\^([a-z]{3})_\[0-9a-f\]\{32\}\$")


@dataclass(frozen=True)
class ResourceId:
    """An id in a request: its operation, the part of the request, and the `kind` of the resource (its prefix)."""

    operation: Operation
    part: str
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.operation.operation_id}-{self.part}-{self.name}"

    def request(self, value: str, parents: Mapping[str, str] | None = None) -> Example:
        """The example request with `value` for this id, and with the ids of its parent resources, by kind."""
        request = example(self.operation)
        others = [
            other for other in find_ids(self.operation) if other.part == "path" and other.kind in (parents or {})
        ]
        parent_ids = {other.name: (parents or {})[other.kind] for other in others}
        request = replace(request, path_values={**request.path_values, **parent_ids})
        if self.part == "path":
            return replace(request, path_values={**request.path_values, self.name: value})
        if self.part == "query":
            return replace(request, query={**request.query, self.name: value})
        return replace(request, body=_with_value(request.body, self.name.split("/")[1:], value))


def _with_value(body: Any, pointer: list[str], value: str) -> Any:
    """The body with the value at the pointer; `*` is the first item of a list."""
    changed = copy.deepcopy(body)
    inner = changed
    for step in pointer[:-1]:
        inner = inner[0 if step == "*" else step]
    inner[0 if pointer[-1] == "*" else pointer[-1]] = value
    return changed


def find_ids(operation: Operation) -> Iterator[ResourceId]:
    """The ids in path, query and body; other path parameters are ids of an unknown kind, ""."""
    declaration = read_declaration(operation)
    for parameter in declaration.get("parameters", ()):
        kind = _kind(parameter["schema"])
        if parameter["in"] == "path" or (parameter["in"] == "query" and kind):
            yield ResourceId(operation, parameter["in"], parameter["name"], kind)
    for content in declaration.get("requestBody", {"content": {}})["content"].values():
        for pointer, schema in schemas_in(content["schema"]):
            if _kind(schema):
                yield ResourceId(operation, "body", pointer, _kind(schema))


def _kind(schema: dict[str, Any]) -> str:
    match = ID_PATTERN.fullmatch(schema.get("pattern", ""))
    return match.group(1) if match else ""


@lru_cache
def find_exposed_operations(gateway: str) -> frozenset[Operation]:
    """The operations that need a token at a gateway."""
    loaded = load_gateway(gateway, CONFIG_DIR, all_operations())
    return frozenset(exposed.operation for exposed in loaded.exposed if exposed.needs_token)


def find_customer_ids() -> list[ResourceId]:
    """All ids that a customer can send with a token, except those of public resources."""
    public = find_public_kinds()
    holders = yaml.safe_load((CONTRACTS / "scopes.yaml").read_text())
    reachable = [
        operation
        for operation in all_operations().values()
        if operation in find_exposed_operations("external")
        and all("customer" in holders[scope]["holders"] for scope in operation.scopes)
    ]
    return [
        resource_id
        for operation in reachable
        for resource_id in find_ids(operation)
        if resource_id.kind not in public
    ]


def find_public_kinds() -> frozenset[str]:
    """The kinds of resources that everybody can read: a GET without a token reads one by its id."""
    return frozenset(
        resource_id.kind
        for operation in all_operations().values()
        if operation.method == "GET" and not operation.needs_token and not operation.service_only
        for resource_id in find_ids(operation)
        if resource_id.part == "path" and operation.path.endswith(f"/{{{resource_id.name}}}") and resource_id.kind
    )


class ResourceFactory:
    """Creates resources of a customer. `parents` are the ids of the parents of the last resource, by kind."""

    def __init__(self, owner: Customer, manager: Staff, new_site: Callable[[], Site]) -> None:
        self.owner, self.manager = owner, manager
        self.parents: dict[str, str] = {}
        self._new_site = new_site

    def donation(self) -> str:
        """A draft with an item and a photo whose upload was announced."""
        order = self.owner.create_donation(COAT)
        self.parents = {"dor": order["id"], "dit": order["items"][0]["id"]}
        path = f"/customer/v1/donating-orders/{order['id']}/items/{self.parents['dit']}/photos"
        photo = {"content_type": "image/png", "size": 100}
        response = self.owner.call("POST", path, json=photo, headers=idempotency_key(), expect=201)
        self.parents["pho"] = response.json()["photo_id"]
        return self.parents["dor"]

    def item(self) -> str:
        self.donation()
        return self.parents["dit"]

    def donation_photo(self) -> str:
        self.donation()
        return self.parents["pho"]

    def donation_return(self) -> str:
        """The return of a donation that was collected."""
        site = self._new_site()
        order = site.deposit_donation(self.owner)
        site.collect_donation(self.owner, order["id"])
        created: Json = self.owner.return_donation(order["id"], site.location_id)
        site.controller.close()
        return str(created["id"])

    def purchase_return(self) -> str:
        """The return of a coat that was picked up."""
        site = self._new_site()
        product, _ = self.manager.create_product(**product_fields())
        self.manager.set_price(product["id"], 4900)
        self.manager.publish(product["id"])
        order = site.deliver_purchase(self.owner, product["id"])
        created: Json = self.owner.return_purchase(order["id"], site.location_id)
        site.controller.close()
        return str(created["id"])

    def fee(self) -> str:
        """The delivery fee of a return."""
        return str(self.owner.wait_for_fee(self.donation_return())["id"])

    def order(self) -> str:
        """An unpaid order for a new coat."""
        product, _ = self.manager.create_product(**product_fields())
        self.manager.set_price(product["id"], 4900)
        self.manager.publish(product["id"])
        order_id: str = self.owner.place_order([product["id"]], self.owner.locations()[0]["id"])["id"]
        return order_id

    def payment(self) -> str:
        """A captured payment, which has a receipt."""
        order_id = self.order()
        payment: Json = self.owner.pay(order_id, self.owner.card())
        self.owner.wait_for_order(order_id, "paid")
        payment_id: str = payment["id"]
        return payment_id

    def notification(self) -> str:
        """The receipt of a payment, as the account lists it."""
        before = self._notifications()
        self.payment()
        return wait_for("a notification", lambda: next(iter(self._notifications() - before), None))

    def _notifications(self) -> set[str]:
        items = self.owner.call("GET", "/auth/v1/notifications", params={"limit": 100}).json()["items"]
        return {item["id"] for item in items}

    def session(self) -> str:
        """A second session of the same person."""
        tokens = self.owner.token, self.owner.refresh_token
        self.owner.log_in()
        session_id: str = self.owner.call("GET", "/auth/v1/session").json()["session_id"]
        self.owner.token, self.owner.refresh_token = tokens
        return session_id

    def device(self) -> str:
        """A device for push notifications."""
        body = {"platform": "fcm", "device_token": f"{uuid.uuid4().hex}:{uuid.uuid4().hex}"}
        path = "/auth/v1/notification-settings/devices"
        device_id: str = self.owner.call("POST", path, json=body, headers=idempotency_key(), expect=201).json()[
            "id"
        ]
        return device_id


FACTORIES: dict[str, Callable[[ResourceFactory], str]] = {
    "dor": ResourceFactory.donation,
    "dit": ResourceFactory.item,
    "pho": ResourceFactory.donation_photo,
    "rdo": ResourceFactory.donation_return,
    "rbo": ResourceFactory.purchase_return,
    "fee": ResourceFactory.fee,
    "bor": ResourceFactory.order,
    "pay": ResourceFactory.payment,
    "ntf": ResourceFactory.notification,
    "ses": ResourceFactory.session,
    "dev": ResourceFactory.device,
}
