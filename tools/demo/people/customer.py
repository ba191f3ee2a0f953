"""A donor or buyer, at the external gateway."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx

from tools.demo.people.actor import Actor, Json, UnexpectedResponse, has_reached, wait_for


class Customer(Actor):
    """A customer; donors and buyers have the same kind of account."""

    def register(self, full_name: str) -> None:
        body = {
            "email": self.user_name,
            "password": self.password,
            "full_name": full_name,
            "consents": [{"purpose": "terms"}],
        }
        self.call("POST", "/auth/v1/registrations", json=body, expect=202)

    def confirm_email(self, token: str) -> None:
        self.call("POST", "/auth/v1/email-verifications", json={"token": token}, expect=204)

    def browse(self, **filters: Any) -> Json:
        return self.get("/shopping/v1/products", params=filters, anonymous=True)

    def put_in_cart(self, product_id: str) -> Json:
        return self.send("PUT", f"/shopping/v1/cart/items/{product_id}")

    def cart(self) -> Json:
        return self.get("/shopping/v1/cart")

    def locations(self) -> list[Json]:
        items: list[Json] = self.get("/locker/v1/locations", anonymous=True)["items"]
        return items

    def place_order(
        self, product_ids: list[str], location_id: str, *, expect: int = 201, key: dict[str, str] | None = None
    ) -> Json:
        body = {"product_ids": product_ids, "pickup_location_id": location_id}
        return self.create("/customer/v1/buying-orders", body, expect=expect, key=key)

    def order(self, order_id: str) -> Json:
        return self.get(f"/customer/v1/buying-orders/{order_id}")

    def review_order(self, product_ids: list[str], location_id: str, payment_method: str = "card") -> Json:
        """Return what an order would cost before it is placed (b-bu-02)."""
        body = {"product_ids": product_ids, "pickup_location_id": location_id, "payment_method": payment_method}
        return self.send("POST", "/customer/v1/buying-order-reviews", body)

    def cancel_order(self, order_id: str, *, expect: int = 200) -> Json:
        """Cancel an order before it is shipped (rb-c-01)."""
        return self.send("POST", f"/customer/v1/buying-orders/{order_id}/cancellation", expect=expect)

    def return_purchase(self, order_id: str, location_id: str, *product_ids: str, expect: int = 201) -> Json:
        """Return products of an order, or all of it (rb-r-re-01)."""
        body: Json = {"order_id": order_id, "location_id": location_id}
        if product_ids:
            body["product_ids"] = list(product_ids)
        return self.create("/customer/v1/buying-returns", body, expect=expect)

    def wait_for_purchase_return(self, return_id: str, state: str) -> Json:
        """Return the return of a purchase when it has reached a state."""

        def read() -> Json | None:
            document = self.get(f"/customer/v1/buying-returns/{return_id}")
            return document if has_reached(document, state) else None

        return wait_for(f"return {return_id} to be {state}", read)

    def create_donation(self, *items: Json) -> Json:
        """Create a draft with items (d-pr-01, d-pr-02)."""
        path = "/customer/v1/donating-orders"
        order = self.create(path)
        for item in items:
            self.create(f"{path}/{order['id']}/items", item)
        return self.donation(order["id"])

    def donation(self, order_id: str) -> Json:
        return self.get(f"/customer/v1/donating-orders/{order_id}")

    def submit_donation(self, order_id: str, location_id: str, *, expect: int = 200) -> Json:
        """Submit a donation to a location, which reserves a box (d-pr-03, d-pr-04)."""
        path = f"/customer/v1/donating-orders/{order_id}/submission"
        return self.send("POST", path, {"location_id": location_id}, expect=expect)

    def cancel_donation(self, order_id: str, *, expect: int = 200) -> Json:
        return self.send("POST", f"/customer/v1/donating-orders/{order_id}/cancellation", expect=expect)

    def wait_for_donation(self, order_id: str, state: str) -> Json:
        """Return the donation when it is in a state."""

        def read() -> Json | None:
            order = self.donation(order_id)
            return order if order["state"] == state else None

        return wait_for(f"donation {order_id} to be {state}", read)

    def return_donation(self, order_id: str, location_id: str, *, expect: int = 201) -> Json:
        """Request the return of a donation (rd-r-re-01)."""
        body = {"order_id": order_id, "location_id": location_id}
        return self.create("/customer/v1/donation-returns", body, expect=expect)

    def wait_for_donation_return(self, return_id: str, state: str) -> Json:
        """Return the return of a donation when it is in a state."""

        def read() -> Json | None:
            document = self.get(f"/customer/v1/donation-returns/{return_id}")
            return document if document["state"] == state else None

        return wait_for(f"return {return_id} to be {state}", read)

    def wait_for_fee(self, order_id: str) -> Json:
        """Return the fee that is due for an order."""

        def read() -> Json | None:
            fees = self.get("/billing/v1/fees")["items"]
            return next((fee for fee in fees if fee["order_id"] == order_id), None)

        return wait_for(f"the fee of {order_id}", read)

    def pay_fee(self, fee_id: str, *, expect: int = 201) -> Json:
        """Pay a fee by card (rd-c-02, rd-r-re-02)."""
        body = {"method": "card", "payment_method": self.card()}
        return self.create(f"/billing/v1/fees/{fee_id}/payments", body, expect=expect)

    def coins(self) -> dict[str, int]:
        """Return the sums of earned and returned coins by reason (d-do-03)."""
        sums: Counter[str] = Counter()
        for record in self.get("/billing/v1/coin-records", params={"limit": 100})["items"]:
            sums[record["reason"]] += record["coins"]
        return dict(sums)

    def wait_for_coins(self, reason: str) -> int:
        return wait_for(f"coins for {reason}", lambda: self.coins().get(reason))

    def card(self, number: str = "4242424242424242") -> str:
        """Create a payment method at the payment provider, as its script in a browser does; returns its id."""
        configuration = self.get("/billing/v1/payment-configuration", anonymous=True)
        response = httpx.post(
            f"{configuration['api_base']}/v1/payment_methods",
            headers={"Authorization": f"Bearer {configuration['publishable_key']}"},
            data={
                "type": "card",
                "card[number]": number,
                "card[exp_month]": "12",
                "card[exp_year]": "2030",
                "card[cvc]": "123",
            },
            timeout=10.0,
        )
        if response.status_code != 200:
            raise UnexpectedResponse(response, (200,))
        return str(response.json()["id"])

    def pay(
        self, order_id: str, payment_method: str, *, expect: int = 201, key: dict[str, str] | None = None
    ) -> Json:
        body = {"order_id": order_id, "method": "card", "payment_method": payment_method}
        return self.create("/billing/v1/payments", body, expect=expect, key=key)

    def wait_for_order(self, order_id: str, state: str) -> Json:
        """Return the order when it has reached a state."""

        def read() -> Json | None:
            order = self.order(order_id)
            return order if has_reached(order, state) else None

        return wait_for(f"order {order_id} to be {state}", read)
