"""An employee, manager or deliveryman, at the internal gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.demo.people.actor import Actor, Json, idempotency_key, wait_for


class Staff(Actor):
    """A member of staff; the roles of the account decide what is allowed."""

    login_path = "/auth/v1/staff-logins"
    refresh_path = "/auth/v1/staff-refreshes"
    set_password_path = "/auth/v1/staff-passwords"  # noqa: S105 a path

    def create_staff(self, email: str, full_name: str, *roles: str) -> Json:
        """Create an internal user, who gets a mail with a link (mf-iu-01)."""
        return self.create("/auth/v1/staff", {"email": email, "full_name": full_name, "roles": list(roles)})

    def change(self, path: str, body: Json, *, expect: int = 200) -> Json:
        """Read a resource with an ETag, then send the change with If-Match."""
        return self.send("PATCH", path, body, headers=self._if_match(path), expect=expect)

    def _if_match(self, path: str) -> dict[str, str]:
        return {"If-Match": self.call("GET", path).headers["etag"]}

    def create_product(self, **fields: Any) -> tuple[Json, str]:
        """Create a draft product; returns it with its ETag (mf-op-01)."""
        response = self.call("POST", "/shopping/v1/inventory", json=fields, headers=idempotency_key(), expect=201)
        return response.json(), response.headers["etag"]

    def add_photo(self, product_id: str, picture: bytes, content_type: str = "image/png") -> Json:
        """Upload a product's photo and complete the upload."""
        photos = f"/shopping/v1/inventory/{product_id}/photos"
        photo_id = self.upload_photo(photos, picture, content_type)
        return self.send("POST", f"{photos}/{photo_id}/completion")

    def set_price(self, product_id: str, amount: int, currency: str = "EUR", *, expect: int = 200) -> Json:
        path = f"/shopping/v1/inventory/{product_id}"
        body = {"price": {"amount": amount, "currency": currency}}
        return self.send("PUT", f"{path}/price", body, headers=self._if_match(path), expect=expect)

    def publish(self, product_id: str) -> Json:
        return self.send("POST", f"/shopping/v1/inventory/{product_id}/publication", {}, expect=(200, 201))

    def wait_for_own_work_order(self, kind: str, order_id: str) -> Json:
        """Return the work order of this kind that is assigned to this person and contains a customer's order."""
        path = {"packing": "own-packing-orders"}.get(kind, f"{kind}-orders")

        def read() -> Json | None:
            work_orders = self.get(f"/admin/v1/{path}", params={"limit": 100})["items"]
            matches = (one for one in work_orders if order_id in [order["order_id"] for order in one["orders"]])
            return next(matches, None)

        return wait_for(f"a {kind} order of {order_id}", read)

    def assign_work_order(self, kind: str, order_id: str, person: Staff) -> Json:
        """As a manager, assign the work order of a customer's order to a person and return it."""
        query = {"kind": kind, "order_id": order_id}

        def read() -> Json | None:
            work_orders = self.get("/admin/v1/work-orders", params=query)["items"]
            return work_orders[0] if work_orders and work_orders[0]["state"] != "open" else None

        work_order = wait_for(f"the {kind} order", read)
        if work_order["assignee_id"] != person.user_id:
            path = f"/admin/v1/work-orders/{work_order['id']}/assignee"
            self.call("PUT", path, json={"assignee_id": person.user_id})
        return work_order

    def create_package(self, order_id: str) -> Json:
        """Create the package of an order, with its tracking code (mf-co-04, mf-po-03)."""
        return self.create("/admin/v1/packages", {"order_id": order_id})

    def scan(self, tracking_code: str, *, expect: int = 200) -> Json:
        """Scan a tracking code (mf-co-05, mf-cho-03, mf-po-04, mf-so-04)."""
        return self.send("POST", "/admin/v1/scans", {"tracking_code": tracking_code}, expect=expect)

    def wait_for_packing_order(self, order_id: str) -> Json:
        def read() -> Json | None:
            return next((item for item in self.packing_orders() if item["order_id"] == order_id), None)

        return wait_for(f"the packing order of {order_id}", read)

    def packing_orders(self) -> Iterator[Json]:
        return self.list_pages("/admin/v1/packing-orders")
