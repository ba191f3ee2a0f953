"""The people of the stories, each acting through a gateway as a browser or an app would.

Shared by the demo and the acceptance tests. Every call goes over HTTPS to a gateway; nothing here knows a
service, a database or a queue. An answer that the story does not expect raises `UnexpectedAnswer`, which says
what was asked, what came back and under which request id to look it up in the logs.
"""

from __future__ import annotations

import email
import re
import time
import uuid
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import default as default_policy
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
Json = dict[str, Any]

DEMO_PASSWORD = "Reclothes-demo-1!"  # noqa: S105 the published password of the demo accounts
RETRY_SECONDS = 20.0
MAX_PAUSE_SECONDS = 5.0


class UnexpectedAnswer(AssertionError):
    """A gateway answered something else than the story expects."""

    def __init__(self, response: httpx.Response, expected: tuple[int, ...]) -> None:
        request = response.request
        super().__init__(
            f"{request.method} {request.url.path} answered {response.status_code}, expected "
            f"{' or '.join(map(str, expected))} (request id {response.headers.get('x-request-id', 'none')}): "
            f"{response.text[:600]}"
        )
        self.response = response


def wait_for(what: str, read: Callable[[], T | None], seconds: float = 20.0) -> T:
    """The first value of `read` that is not None; TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = read()
        if value is not None:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: nothing after {seconds:.0f} s")
        time.sleep(0.1)


class Actor:
    """One person with a browser: a base URL, the platform's certificate authority, a token after log-in."""

    login_path = "/auth/v1/logins"
    refresh_path = "/auth/v1/refreshes"
    set_password_path = "/auth/v1/passwords"  # noqa: S105 a path

    def __init__(self, base_url: str, ca_file: Path, user_name: str, password: str = DEMO_PASSWORD) -> None:
        import ssl

        self.user_name = user_name
        self.password = password
        self.token: str | None = None
        self.refresh_token: str | None = None
        self.last: httpx.Response | None = None
        self._client = httpx.Client(
            base_url=base_url, verify=ssl.create_default_context(cafile=str(ca_file)), timeout=15.0
        )

    def close(self) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        expect: int | tuple[int, ...] = 200,
        headers: dict[str, str] | None = None,
        anonymous: bool = False,
        **arguments: Any,
    ) -> httpx.Response:
        """Send one request with this person's token (unless `anonymous`); `expect`: the statuses allowed."""
        expected = (expect,) if isinstance(expect, int) else expect
        sent = dict(headers or {})
        if self.token is not None and not anonymous:
            sent["Authorization"] = f"Bearer {self.token}"
        self.last = response = self._send(method, path, headers=sent, is_503_expected=503 in expected, **arguments)
        if response.status_code not in expected:
            raise UnexpectedAnswer(response, expected)
        return response

    def _send(
        self, method: str, path: str, *, headers: dict[str, str], is_503_expected: bool, **arguments: Any
    ) -> httpx.Response:
        """Send a request; repeat one that is idempotent after 503 (RFC 9110, 9.2.2), as its `Retry-After` says."""
        is_idempotent = method != "POST" or "Idempotency-Key" in headers
        deadline = time.monotonic() + (RETRY_SECONDS if is_idempotent and not is_503_expected else 0)
        while True:
            response = self._client.request(method, path, headers=headers, **arguments)
            if response.status_code != 503 or time.monotonic() > deadline:
                return response
            time.sleep(min(float(response.headers.get("retry-after", 1)), MAX_PAUSE_SECONDS))

    def log_in(self) -> Json:
        """Log in with user name and password (c-02, c-05, c-07, c-09, c-11); keeps the access token."""
        self.token = None
        body = {"user_name": self.user_name, "password": self.password}
        answer: Json = self.call("POST", self.login_path, json=body, expect=201).json()
        self.token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        return answer

    def refresh(self, *, expect: int = 200) -> Json:
        """Renew the access token; keeps the new tokens."""
        body = {"refresh_token": self.refresh_token}
        answer: Json = self.call("POST", self.refresh_path, json=body, anonymous=True, expect=expect).json()
        if expect == 200:
            self.token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        return answer

    def set_password(self, token: str, password: str) -> None:
        """Set the password by the one-time link of a mail."""
        body = {"token": token, "password": password}
        self.call("POST", self.set_password_path, json=body, anonymous=True, expect=204)
        self.password = password

    @property
    def user_id(self) -> str:
        user_id: str = self.call("GET", "/auth/v1/session").json()["user"]["id"]
        return user_id

    def told(self, template: str, about: str = "") -> Json:
        """The newest notification of this kind whose text names `about`, once it is there."""

        def read() -> Json | None:
            for notification in self.call("GET", "/auth/v1/notifications", params={"limit": 100}).json()["items"]:
                if notification["template"] == template and about in notification["text"]:
                    found: Json = notification
                    return found
            return None

        return wait_for(f"the notification {template}", read)

    def upload_photo(self, photos: str, picture: bytes, content_type: str = "image/png") -> str:
        """Announce a photo at this path and send it straight to S3 by the presigned form; gives its id."""
        wanted = {"content_type": content_type, "size": len(picture)}
        ticket = self.call("POST", photos, json=wanted, headers=idempotency_key(), expect=201).json()
        upload = ticket["upload"]
        sent = httpx.post(
            upload["url"],
            data=upload["fields"],
            files={"file": ("photo", picture, content_type)},
            timeout=10.0,
        )
        if sent.status_code not in (200, 201, 204):
            raise UnexpectedAnswer(sent, (200, 201, 204))
        photo_id: str = ticket["photo_id"]
        return photo_id

    def open_doors(self, code: str, order_id: str | None = None, *, expect: int = 200) -> Json:
        """Scan the code of a location: own doors there open (d-do-01, d-co-02, rd-c-03)."""
        wanted = {"code": code} | ({"order_id": order_id} if order_id else {})
        opened: Json = self.call("POST", "/locker/v1/openings", json=wanted, expect=expect).json()
        return opened

    def log_out(self) -> None:
        """End the session (c-03, c-06, c-08, c-10, c-12); keeps the dead token, so that it can be tried."""
        self.call("DELETE", "/auth/v1/session", expect=204)


def _came_into(order: Json, state: str) -> bool:
    return state in [entry["state"] for entry in order["timeline"]]


def idempotency_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


class Customer(Actor):
    """A donor or buyer, at the external gateway."""

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
        answer: Json = self.call("GET", "/shopping/v1/products", params=filters, anonymous=True).json()
        return answer

    def put_in_cart(self, product_id: str) -> Json:
        cart: Json = self.call("PUT", f"/shopping/v1/cart/items/{product_id}").json()
        return cart

    def cart(self) -> Json:
        cart: Json = self.call("GET", "/shopping/v1/cart").json()
        return cart

    def locations(self) -> list[Json]:
        items: list[Json] = self.call("GET", "/locker/v1/locations", anonymous=True).json()["items"]
        return items

    def place_order(
        self,
        product_ids: list[str],
        location_id: str,
        *,
        expect: int = 201,
        key: dict[str, str] | None = None,
    ) -> Json:
        body = {"product_ids": product_ids, "pickup_location_id": location_id}
        order: Json = self.call(
            "POST", "/customer/v1/buying-orders", json=body, headers=key or idempotency_key(), expect=expect
        ).json()
        return order

    def order(self, order_id: str) -> Json:
        order: Json = self.call("GET", f"/customer/v1/buying-orders/{order_id}").json()
        return order

    def review_order(self, product_ids: list[str], location_id: str, payment_method: str = "card") -> Json:
        """What an order would be, before it is placed (b-bu-02)."""
        body = {"product_ids": product_ids, "pickup_location_id": location_id, "payment_method": payment_method}
        review: Json = self.call("POST", "/customer/v1/buying-order-reviews", json=body).json()
        return review

    def cancel_order(self, order_id: str, *, expect: int = 200) -> Json:
        """Cancel before it is shipped (rb-c-01)."""
        path = f"/customer/v1/buying-orders/{order_id}/cancellation"
        order: Json = self.call("POST", path, expect=expect).json()
        return order

    def return_purchase(self, order_id: str, location_id: str, *product_ids: str, expect: int = 201) -> Json:
        """Return products of an order, or all of it (rb-r-re-01)."""
        body: Json = {"order_id": order_id, "location_id": location_id}
        if product_ids:
            body["product_ids"] = list(product_ids)
        made: Json = self.call(
            "POST", "/customer/v1/buying-returns", json=body, headers=idempotency_key(), expect=expect
        ).json()
        return made

    def purchase_return_in_state(self, return_id: str, state: str) -> Json:
        def read() -> Json | None:
            made: Json = self.call("GET", f"/customer/v1/buying-returns/{return_id}").json()
            return made if _came_into(made, state) else None

        return wait_for(f"return {return_id} to be {state}", read)

    def begin_donation(self, *items: Json) -> Json:
        """A draft with items (d-pr-01, d-pr-02)."""
        path = "/customer/v1/donating-orders"
        order: Json = self.call("POST", path, headers=idempotency_key(), expect=201).json()
        for item in items:
            self.call("POST", f"{path}/{order['id']}/items", json=item, headers=idempotency_key(), expect=201)
        return self.donation(order["id"])

    def donation(self, order_id: str) -> Json:
        order: Json = self.call("GET", f"/customer/v1/donating-orders/{order_id}").json()
        return order

    def submit_donation(self, order_id: str, location_id: str, *, expect: int = 200) -> Json:
        """Submit to a location, where a box is held (d-pr-03, d-pr-04)."""
        path = f"/customer/v1/donating-orders/{order_id}/submission"
        order: Json = self.call("POST", path, json={"location_id": location_id}, expect=expect).json()
        return order

    def cancel_donation(self, order_id: str, *, expect: int = 200) -> Json:
        path = f"/customer/v1/donating-orders/{order_id}/cancellation"
        order: Json = self.call("POST", path, expect=expect).json()
        return order

    def donation_in_state(self, order_id: str, state: str) -> Json:
        def read() -> Json | None:
            order = self.donation(order_id)
            return order if order["state"] == state else None

        return wait_for(f"donation {order_id} to be {state}", read)

    def return_donation(self, order_id: str, location_id: str, *, expect: int = 201) -> Json:
        """Ask for a donation back (rd-r-re-01)."""
        body = {"order_id": order_id, "location_id": location_id}
        made: Json = self.call(
            "POST", "/customer/v1/donation-returns", json=body, headers=idempotency_key(), expect=expect
        ).json()
        return made

    def return_in_state(self, return_id: str, state: str) -> Json:
        def read() -> Json | None:
            made: Json = self.call("GET", f"/customer/v1/donation-returns/{return_id}").json()
            return made if made["state"] == state else None

        return wait_for(f"return {return_id} to be {state}", read)

    def fee_of(self, order_id: str) -> Json:
        """The fee that is due for an order, once it is there."""

        def read() -> Json | None:
            for fee in self.call("GET", "/billing/v1/fees").json()["items"]:
                if fee["order_id"] == order_id:
                    found: Json = fee
                    return found
            return None

        return wait_for(f"the fee of {order_id}", read)

    def pay_fee(self, fee_id: str, *, expect: int = 201) -> Json:
        """Pay a fee by card (rd-c-02, rd-r-re-02)."""
        body = {"method": "card", "payment_method": self.card()}
        payment: Json = self.call(
            "POST", f"/billing/v1/fees/{fee_id}/payments", json=body, headers=idempotency_key(), expect=expect
        ).json()
        return payment

    def coins(self) -> dict[str, int]:
        """What was earned and given back, by reason (d-do-03)."""
        sums: dict[str, int] = {}
        for record in self.call("GET", "/billing/v1/coin-records", params={"limit": 100}).json()["items"]:
            sums[record["reason"]] = sums.get(record["reason"], 0) + record["coins"]
        return sums

    def coins_for(self, reason: str) -> int:
        """The coins of one reason, once there are any."""
        return wait_for(f"coins for {reason}", lambda: self.coins().get(reason))

    def card(self, number: str = "4242424242424242") -> str:
        """Hand the card to the payment provider, as its script in a browser does; ReClothes never sees it."""
        configuration = self.call("GET", "/billing/v1/payment-configuration", anonymous=True).json()
        answer = httpx.post(
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
        if answer.status_code != 200:
            raise UnexpectedAnswer(answer, (200,))
        payment_method: str = answer.json()["id"]
        return payment_method

    def pay(
        self, order_id: str, payment_method: str, *, expect: int = 201, key: dict[str, str] | None = None
    ) -> Json:
        body = {"order_id": order_id, "method": "card", "payment_method": payment_method}
        payment: Json = self.call(
            "POST", "/billing/v1/payments", json=body, headers=key or idempotency_key(), expect=expect
        ).json()
        return payment

    def order_in_state(self, order_id: str, state: str) -> Json:
        """The order once it came into a state; staff may have moved it on by then."""

        def read() -> Json | None:
            order = self.order(order_id)
            return order if _came_into(order, state) else None

        return wait_for(f"order {order_id} to be {state}", read)


class Staff(Actor):
    """An employee, manager or deliveryman, at the internal gateway."""

    login_path = "/auth/v1/staff-logins"
    refresh_path = "/auth/v1/staff-refreshes"
    set_password_path = "/auth/v1/staff-passwords"  # noqa: S105 a path

    def create_staff(self, email: str, full_name: str, *roles: str) -> Json:
        """A new internal user, who gets a mail with a link (mf-iu-01)."""
        body = {"email": email, "full_name": full_name, "roles": list(roles)}
        answer = self.call("POST", "/auth/v1/staff", json=body, headers=idempotency_key(), expect=201)
        created: Json = answer.json()
        return created

    def change(self, path: str, body: Json, *, expect: int = 200) -> Json:
        """Edit what has an ETag: read it, then send the change with If-Match."""
        etag = self.call("GET", path).headers["etag"]
        changed: Json = self.call("PATCH", path, json=body, headers={"If-Match": etag}, expect=expect).json()
        return changed

    def create_product(self, **facts: Any) -> tuple[Json, str]:
        """A draft product and its ETag (mf-op-01)."""
        answer = self.call("POST", "/shopping/v1/inventory", json=facts, headers=idempotency_key(), expect=201)
        product: Json = answer.json()
        return product, answer.headers["etag"]

    def add_photo(self, product_id: str, picture: bytes, content_type: str = "image/png") -> Json:
        """Upload a product's photo, then tell ReClothes that it is there."""
        photos = f"/shopping/v1/inventory/{product_id}/photos"
        photo_id = self.upload_photo(photos, picture, content_type)
        photo: Json = self.call("POST", f"{photos}/{photo_id}/completion").json()
        return photo

    def set_price(self, product_id: str, amount: int, currency: str = "EUR", *, expect: int = 200) -> Json:
        etag = self.call("GET", f"/shopping/v1/inventory/{product_id}").headers["etag"]
        price = {"price": {"amount": amount, "currency": currency}}
        product: Json = self.call(
            "PUT",
            f"/shopping/v1/inventory/{product_id}/price",
            json=price,
            headers={"If-Match": etag},
            expect=expect,
        ).json()
        return product

    def publish(self, product_id: str) -> Json:
        product: Json = self.call(
            "POST", f"/shopping/v1/inventory/{product_id}/publication", expect=(200, 201), json={}
        ).json()
        return product

    def own_work(self, kind: str, order_id: str) -> Json:
        """The own work order of this kind with a customer's order, once it is assigned."""
        path = {"packing": "own-packing-orders"}.get(kind, f"{kind}-orders")

        def read() -> Json | None:
            page = self.call("GET", f"/admin/v1/{path}", params={"limit": 100}).json()
            for found in page["items"]:
                if order_id in [order["order_id"] for order in found["orders"]]:
                    work_order: Json = found
                    return work_order
            return None

        return wait_for(f"a {kind} order of {order_id}", read)

    def create_package(self, order_id: str) -> Json:
        """The package of an order, with its tracking code (mf-co-04, mf-po-03)."""
        package: Json = self.call(
            "POST",
            "/admin/v1/packages",
            json={"order_id": order_id},
            headers=idempotency_key(),
            expect=201,
        ).json()
        return package

    def scan(self, tracking_code: str, *, expect: int = 200) -> Json:
        """Scan a tracking code (mf-co-05, mf-cho-03, mf-po-04, mf-so-04)."""
        answer: Json = self.call(
            "POST", "/admin/v1/scans", json={"tracking_code": tracking_code}, expect=expect
        ).json()
        return answer

    def packing_order_of(self, order_id: str) -> Json:
        def read() -> Json | None:
            for item in self.packing_orders():
                if item["order_id"] == order_id:
                    return item
            return None

        return wait_for(f"the packing order of {order_id}", read)

    def packing_orders(self) -> Iterator[Json]:
        cursor: str | None = None
        while True:
            query = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            page = self.call("GET", "/admin/v1/packing-orders", params=query).json()
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return


class Mailbox:
    """The local post: what SNS sent, as the mail server put it into its Maildir."""

    def __init__(self, maildir: Path) -> None:
        self._maildir = maildir

    def mails_to(self, address: str) -> list[EmailMessage]:
        """The mails to `address`, oldest first."""
        found = []
        for folder in ("new", "cur"):
            for path in sorted((self._maildir / folder).glob("*"), key=lambda file: file.stat().st_mtime):
                mail = email.message_from_bytes(path.read_bytes(), policy=default_policy)
                if address.lower() in str(mail["To"]).lower():
                    found.append(mail)
        return found

    def all_mails(self, subject_part: str) -> Iterator[tuple[str, str]]:
        """Address and text of every mail whose subject holds `subject_part`, in no order."""
        for folder in ("new", "cur"):
            for path in (self._maildir / folder).glob("*"):
                mail = email.message_from_bytes(path.read_bytes(), policy=default_policy)
                if subject_part.lower() in str(mail["Subject"]).lower():
                    yield str(mail["To"]).lower(), mail_text(mail)

    def wait_for_mail(self, address: str, subject_part: str) -> str:
        """The text of the newest mail to `address` whose subject holds `subject_part`."""

        def read() -> str | None:
            for mail in reversed(self.mails_to(address)):
                if subject_part.lower() in str(mail["Subject"]).lower():
                    return mail_text(mail)
            return None

        return wait_for(f"a mail to {address} about {subject_part!r}", read)


def mail_text(mail: EmailMessage) -> str:
    payload = mail.get_payload(decode=True)
    return payload.decode("utf-8") if isinstance(payload, bytes) else str(mail.get_payload())


def verification_token(text: str) -> str:
    """The one-time token in the link of a verification mail; ValueError when there is none."""
    found = re.search(r"[?&#]token=([A-Za-z0-9_\-.]+)", text)
    if found is None:
        raise ValueError(f"no token in the mail: {text[:300]}")
    return found.group(1)
