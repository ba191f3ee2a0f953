"""The demo: a coat is donated, sold and picked up, through the two gateways."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
from rich.console import Console

from libs.chassis.money import Money
from tools.demo.coat_picture import coat_picture
from tools.demo.delivery import Delivery
from tools.demo.donation import Donation
from tools.demo.people import Actor, Customer, Mailbox, Staff, verification_token

PRICE = 4900  # cents


class Story:
    """The steps of the demo; each returns a line that describes it."""

    def __init__(self, external_url: str, internal_url: str, ca_file: Path, maildir: Path) -> None:
        run = uuid.uuid4().hex[:8]
        self.mailbox = Mailbox(maildir)
        self.employee = Staff(internal_url, ca_file, "employee@reclothes.example")
        self.manager = Staff(internal_url, ca_file, "manager@reclothes.example")
        self.buyer = Customer(external_url, ca_file, f"ines.{run}@buyer.example", f"Blue-coat-{run}")
        self.rival = Customer(external_url, ca_file, "buyer2@reclothes.example")
        self.donation = Donation(external_url, internal_url, ca_file, self.manager, self.employee)
        self.delivery = Delivery(self.buyer, self.manager, self.employee, self.donation)
        self.product_id = ""
        self.location_id = ""
        self.order_id = ""

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            *self.donation.steps(),
            ("Employee", self.employee_creates_the_coat),
            ("Employee", self.employee_adds_a_photo),
            ("Manager", self.manager_prices_and_publishes),
            ("Buyer", self.buyer_registers),
            ("Buyer", self.buyer_confirms_the_email),
            ("Buyer", self.buyer_logs_in),
            ("Anybody", self.anybody_finds_the_coat),
            ("Buyer", self.buyer_fills_the_cart),
            ("Buyer", self.buyer_places_the_order),
            ("Rival", self.rival_is_too_late),
            ("Buyer", self.buyer_pays),
            ("Buyer", self.buyer_gets_the_receipt),
            ("Employee", self.employee_sees_the_packing_order),
            *self.delivery.steps(),
            ("Donor", self.donor_gets_the_share),
            ("Manager", self.manager_sees_the_price_in_the_audit_trail),
            ("Buyer", self.buyer_logs_out),
        ]

    def employee_creates_the_coat(self) -> str:
        product, _ = self.employee.create_product(
            title="Navy wool coat",
            description="A warm winter coat, worn for one season.",
            category="coats",
            brand="Lisboa Lã",
            colour="navy",
            condition="very_good",
            sizes=[{"system": "EU", "value": "38"}],
            attributes={"material": "wool", "lining": "viscose"},
            donation=self.donation.link,
        )
        self.product_id = product["id"]
        return f"creates a product: {product['title']} ({product['state']})"

    def employee_adds_a_photo(self) -> str:
        photo = self.employee.add_photo(self.product_id, coat_picture())
        return f"uploads a photo to S3 with a presigned form: {photo['url']}"

    def manager_prices_and_publishes(self) -> str:
        self.manager.set_price(self.product_id, PRICE)
        product = self.manager.publish(self.product_id)
        return f"sets the price to {Money(PRICE, 'EUR')} and publishes it ({product['state']})"

    def buyer_registers(self) -> str:
        self.buyer.register("Inês Buyer")
        return f"registers as {self.buyer.user_name}"

    def buyer_confirms_the_email(self) -> str:
        self.buyer.call(
            "POST",
            self.buyer.login_path,
            json={"user_name": self.buyer.user_name, "password": self.buyer.password},
            expect=403,
        )
        mail = self.mailbox.wait_for_mail(self.buyer.user_name, "confirm")
        self.buyer.confirm_email(verification_token(mail))
        return "cannot log in yet, reads the mail and confirms the address"

    def buyer_logs_in(self) -> str:
        tokens = self.buyer.log_in()
        return f"logs in and gets an opaque token of {len(tokens['access_token'])} characters"

    def anybody_finds_the_coat(self) -> str:
        page = self.buyer.browse(category="coats", colour="navy", price_max=PRICE, sort="newest")
        if self.product_id not in [item["id"] for item in page["items"]]:
            raise AssertionError("the coat is not among the newest navy coats")
        return f"browses navy coats without a token: {len(page['items'])} found, with the new one among them"

    def buyer_fills_the_cart(self) -> str:
        self.rival.log_in()
        self.rival.put_in_cart(self.product_id)
        cart = self.buyer.put_in_cart(self.product_id)
        return f"puts it into the cart: total {Money.from_dict(cart['total'])}"

    def buyer_places_the_order(self) -> str:
        self.location_id = self.donation.location_id
        review = self.buyer.review_order([self.product_id], self.location_id)
        order = self.buyer.place_order([self.product_id], self.location_id)
        self.order_id = self.delivery.order_id = order["id"]
        place = review["pickup_location"]["name"]
        return f"reviews and orders it for pick-up at {place}: {order['state']}, held until {order['expires_at']}"

    def rival_is_too_late(self) -> str:
        problem = self.rival.place_order([self.product_id], self.location_id, expect=409)
        [item] = [item for item in self.rival.cart()["items"] if item["product_id"] == self.product_id]
        self.rival.call("DELETE", f"/shopping/v1/cart/items/{self.product_id}", expect=(200, 204))
        return f"orders the same coat and gets 409 {problem['title']!r}; the cart says {item['changed']!r}"

    def buyer_pays(self) -> str:
        payment = self.buyer.pay(self.order_id, self.buyer.card())
        order = self.buyer.wait_for_order(self.order_id, "paid")
        return f"pays by card: {payment['state']}, then captured; the order is {order['state']}"

    def buyer_gets_the_receipt(self) -> str:
        mail = self.mailbox.wait_for_mail(self.buyer.user_name, "receipt")
        if self.order_id not in mail:
            raise AssertionError("the receipt does not name the order")
        return f"gets the receipt by email ({len(mail.splitlines())} lines; `make mail` shows it)"

    def employee_sees_the_packing_order(self) -> str:
        packing = self.employee.wait_for_packing_order(self.order_id)
        return f"sees packing order {packing['id']} ({packing['state']})"

    def donor_gets_the_share(self) -> str:
        return self.donation.donor_gets_the_share(self.product_id)

    def manager_sees_the_price_in_the_audit_trail(self) -> str:
        query = {"action": "set_product_price", "limit": 20}
        entries = self.manager.get("/admin/v1/audit-entries", params=query)["items"]
        if not any(self.product_id in entry["target"] for entry in entries):
            raise AssertionError("the price change is not among the newest audit entries")
        return f"finds the price change in the audit trail ({len(entries)} newest entries read)"

    def buyer_logs_out(self) -> str:
        self.buyer.log_out()
        self.buyer.call("GET", "/customer/v1/profile", expect=401)
        return "logs out; the token is rejected immediately (401)"

    def close(self) -> None:
        people: list[Actor] = [self.employee, self.manager, self.buyer, self.rival]
        for person in people:
            person.close()
        self.donation.close()


def play(external_url: str, internal_url: str, ca_file: Path, maildir: Path, console: Console) -> bool:
    """Run every step; False when one fails, after a line with the step and the error."""
    story = Story(external_url, internal_url, ca_file, maildir)
    steps = story.steps()
    try:
        for number, (person, step) in enumerate(steps, start=1):
            try:
                line = step()
            except (AssertionError, httpx.HTTPError, OSError, ValueError, LookupError) as error:
                name = step.__name__.replace("_", " ")
                console.print(f"[red]✗ {number:2}[/] {name}: {type(error).__name__}: {error}", markup=True)
                console.print("  Search the logs for the request id: grep REQUEST_ID .run/logs/*", markup=False)
                return False
            console.print(f"[green]✓ {number:2}[/] [bold]{person}[/] {line}", soft_wrap=True, highlight=False)
    finally:
        story.close()
    console.print(f"All {len(steps)} steps passed.")
    return True


def main(external_url: str, internal_url: str, ca_file: Path, maildir: Path) -> int:
    """Return the exit code of `reclothes demo`: 0 when every step passed, 1 when one failed."""
    return 0 if play(external_url, internal_url, ca_file, maildir, Console(file=sys.stdout)) else 1
