"""What belongs to a customer: which ids of the contracts name such a thing, and how one comes to be."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import yaml

from tests.acceptance.conftest import coat
from tests.acceptance.scene import COAT, Scene
from tests.contract.documents import schemas_in
from tests.security.requests import Example, declared, every_operation, example
from tools.demo.people import Customer, Json, Staff, idempotency_key, wait_for
from tools.gateway.build import CONFIG_DIR
from tools.gateway.config import load_gateway
from tools.gateway.contracts import Operation
from tools.project import CONTRACTS

ID_PATTERN = re.compile(r"\^([a-z]{3})_\[0-9a-f\]\{32\}\$")


@dataclass(frozen=True)
class Id:
    """An id in the request of an operation: where it stands, and what `kind` of thing it names (its prefix)."""

    operation: Operation
    place: str
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.operation.operation_id}-{self.place}-{self.name}"

    def request(self, value: str, within: Mapping[str, str] | None = None) -> Example:
        """The example of the operation with `value` for this id, and what it lies `within`, by kind, before it."""
        plain = example(self.operation)
        others = [
            found for found in ids_in(self.operation) if found.place == "path" and found.kind in (within or {})
        ]
        known = {found.name: (within or {})[found.kind] for found in others}
        plain = replace(plain, path_values={**plain.path_values, **known})
        if self.place == "path":
            return replace(plain, path_values={**plain.path_values, self.name: value})
        if self.place == "query":
            return replace(plain, query={**plain.query, self.name: value})
        return replace(plain, body=_with_value(plain.body, self.name.split("/")[1:], value))


def _with_value(body: Any, pointer: list[str], value: str) -> Any:
    """The body with the value where the pointer leads; `*` is the first item of a list."""
    changed = copy.deepcopy(body)
    inner = changed
    for step in pointer[:-1]:
        inner = inner[0 if step == "*" else step]
    inner[0 if pointer[-1] == "*" else pointer[-1]] = value
    return changed


def ids_in(operation: Operation) -> Iterator[Id]:
    """Every id in path, query and body; whatever else stands in a path is one of an unknown kind, ""."""
    known = declared(operation)
    for found in known.get("parameters", ()):
        kind = _kind(found["schema"])
        if found["in"] == "path" or (found["in"] == "query" and kind):
            yield Id(operation, found["in"], found["name"], kind)
    for content in known.get("requestBody", {"content": {}})["content"].values():
        for pointer, schema in schemas_in(content["schema"]):
            if _kind(schema):
                yield Id(operation, "body", pointer, _kind(schema))


def _kind(schema: dict[str, Any]) -> str:
    found = ID_PATTERN.fullmatch(schema.get("pattern", ""))
    return found.group(1) if found else ""


@lru_cache
def exposed_at(gateway: str) -> frozenset[Operation]:
    """The operations that need a token at a gateway."""
    resolved = load_gateway(gateway, CONFIG_DIR, every_operation())
    return frozenset(exposed.operation for exposed in resolved.exposed if exposed.needs_token)


def ids_of_customers() -> list[Id]:
    """Every id that a customer can send with a token, but for those of things that are everybody's."""
    public = public_kinds()
    holders = yaml.safe_load((CONTRACTS / "scopes.yaml").read_text())
    reachable = [
        operation
        for operation in every_operation().values()
        if operation in exposed_at("external")
        and all("customer" in holders[scope]["holders"] for scope in operation.scopes)
    ]
    return [found for operation in reachable for found in ids_in(operation) if found.kind not in public]


def public_kinds() -> frozenset[str]:
    """The kinds of things that the contract shows to anybody: an open GET reads one by its id."""
    return frozenset(
        found.kind
        for operation in every_operation().values()
        if operation.method == "GET" and not operation.needs_token and not operation.service_only
        for found in ids_in(operation)
        if found.place == "path" and operation.path.endswith(f"/{{{found.name}}}") and found.kind
    )


class Maker:
    """Makes things for a customer, with the staff that it takes. `within`: what the last thing lies in, by kind."""

    def __init__(self, owner: Customer, manager: Staff, new_scene: Callable[[], Scene]) -> None:
        self.owner, self.manager = owner, manager
        self.within: dict[str, str] = {}
        self._new_scene = new_scene

    def donation(self) -> str:
        """A draft with an item and an announced photo."""
        order = self.owner.create_donation(COAT)
        self.within = {"dor": order["id"], "dit": order["items"][0]["id"]}
        path = f"/customer/v1/donating-orders/{order['id']}/items/{self.within['dit']}/photos"
        wanted = {"content_type": "image/png", "size": 100}
        answer = self.owner.call("POST", path, json=wanted, headers=idempotency_key(), expect=201)
        self.within["pho"] = answer.json()["photo_id"]
        return self.within["dor"]

    def item(self) -> str:
        self.donation()
        return self.within["dit"]

    def donation_photo(self) -> str:
        self.donation()
        return self.within["pho"]

    def donation_return(self) -> str:
        """A donation that was collected, on its way back."""
        scene = self._new_scene()
        order = scene.donate(self.owner)
        scene.collect(self.owner, order["id"])
        made: Json = self.owner.return_donation(order["id"], scene.location_id)
        scene.controller.close()
        return str(made["id"])

    def purchase_return(self) -> str:
        """The return of a coat that was picked up."""
        scene = self._new_scene()
        product, _ = self.manager.create_product(**coat())
        self.manager.set_price(product["id"], 4900)
        self.manager.publish(product["id"])
        order = scene.deliver(self.owner, product["id"])
        made: Json = self.owner.return_purchase(order["id"], scene.location_id)
        scene.controller.close()
        return str(made["id"])

    def fee(self) -> str:
        """The delivery fee of a return."""
        return str(self.owner.wait_for_fee(self.donation_return())["id"])

    def order(self) -> str:
        """An order for a coat of its own, not paid yet."""
        product, _ = self.manager.create_product(**coat())
        self.manager.set_price(product["id"], 4900)
        self.manager.publish(product["id"])
        order_id: str = self.owner.place_order([product["id"]], self.owner.locations()[0]["id"])["id"]
        return order_id

    def payment(self) -> str:
        """A payment that is complete, so that there is a receipt."""
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
        mine = self.owner.token, self.owner.refresh_token
        self.owner.log_in()
        session_id: str = self.owner.call("GET", "/auth/v1/session").json()["session_id"]
        self.owner.token, self.owner.refresh_token = mine
        return session_id

    def device(self) -> str:
        """A telephone that gets push messages."""
        body = {"platform": "fcm", "device_token": f"{uuid.uuid4().hex}:{uuid.uuid4().hex}"}
        path = "/auth/v1/notification-settings/devices"
        device_id: str = self.owner.call("POST", path, json=body, headers=idempotency_key(), expect=201).json()[
            "id"
        ]
        return device_id


MAKERS: dict[str, Callable[[Maker], str]] = {
    "dor": Maker.donation,
    "dit": Maker.item,
    "pho": Maker.donation_photo,
    "rdo": Maker.donation_return,
    "rbo": Maker.purchase_return,
    "fee": Maker.fee,
    "bor": Maker.order,
    "pay": Maker.payment,
    "ntf": Maker.notification,
    "ses": Maker.session,
    "dev": Maker.device,
}
