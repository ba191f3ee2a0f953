"""Bodies made to hurt a reader: too long, too deep, ambiguous, not text; each is refused and says why."""

from __future__ import annotations

import gzip
import time
from typing import Any

import httpx
import pytest

from tests.attacks.gateways import OpenGate

LOG_IN = "/auth/v1/logins"
PROFILE = "/customer/v1/profile"
JSON = {"content-type": "application/json"}


def assert_refused(answer: httpx.Response, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["detail"]
    assert "Traceback" not in answer.text


def credentials(**names: str) -> bytes:
    inside = ", ".join(f'"{name}": "{value}"' for name, value in names.items())
    return f"{{{inside}}}".encode()


AMBIGUOUS = {
    "a name twice": b'{"user_name": "a@b.example", "user_name": "x@y.example", "password": "ten-letters"}',
    "a name twice, once escaped": b'{"user_name": "a@b.example", "user\\u005fname": "x@y.example"}',
    "a name twice, deeper": b'{"full_name": "A", "preferences": {"a": "1", "a": "2"}}',
    "NUL, escaped": b'{"user_name": "a\\u0000@b.example", "password": "ten-letters"}',
    "NUL, as it is": b'{"user_name": "a\x00@b.example", "password": "ten-letters"}',
    "NUL in a name": b'{"user_name\\u0000": "a@b.example", "password": "ten-letters"}',
    "not UTF-8": b'{"user_name": "a\xff@b.example", "password": "ten-letters"}',
    "overlong UTF-8": b'{"user_name": "a\xc0\xae@b.example", "password": "ten-letters"}',
    "a surrogate in UTF-8": b'{"user_name": "a\xed\xa0\x80@b.example", "password": "ten-letters"}',
    "half a surrogate pair": b'{"user_name": "\\ud800@b.example", "password": "ten-letters"}',
    "UTF-16": '{"user_name": "a@b.example", "password": "ten-letters"}'.encode("utf-16"),
    "UTF-32": '{"user_name": "a@b.example", "password": "ten-letters"}'.encode("utf-32"),
    "a byte order mark": b'\xef\xbb\xbf{"user_name": "a@b.example", "password": "ten-letters"}',
    "a comment": b'{"user_name": "a@b.example", /* */ "password": "ten-letters"}',
    "a comma too many": b'{"user_name": "a@b.example", "password": "ten-letters",}',
    "single quotes": b"{'user_name': 'a@b.example', 'password': 'ten-letters'}",
    "two documents": b'{"user_name": "a@b.example", "password": "ten-letters"}{}',
    "NaN": b'{"user_name": NaN, "password": "ten-letters"}',
    "Infinity": b'{"user_name": -Infinity, "password": "ten-letters"}',
    "a number beyond all": b'{"user_name": 1e999, "password": "ten-letters"}',
    "a number of 5000 digits": b'{"user_name": ' + b"9" * 5000 + b', "password": "ten-letters"}',
    "a control character": b'{"user_name": "a\x1b@b.example", "password": "ten-letters"}',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"user_name"',
    "nothing": b"",
    "blanks": b"   ",
    "the end is missing": b'{"user_name": "a@b.example", "password": "ten-letters"',
    "an operator of a document database": b'{"user_name": {"$ne": null}, "password": {"$ne": null}}',
    "a prototype": b'{"user_name": "a@b.example", "password": "ten-letters", "__proto__": {"kind": "internal"}}',
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
    "compressed": gzip.compress(b'{"user_name": "a@b.example", "password": "ten-letters"}'),
}


@pytest.mark.parametrize("content", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_a_body_that_is_not_one_clear_json_object_is_refused(anybody: httpx.Client, content: bytes) -> None:
    assert_refused(anybody.post(LOG_IN, content=content, headers=JSON))


@pytest.mark.parametrize("content", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_it_is_refused_behind_a_token_as_well(buyer: httpx.Client, content: bytes) -> None:
    before = buyer.get(PROFILE).json()
    assert_refused(buyer.patch(PROFILE, content=content, headers=JSON))
    assert buyer.get(PROFILE).json() == before


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [100, 1_000, 8_000])
def test_deep_nesting_is_refused_at_once(buyer: httpx.Client, opening: bytes, depth: int) -> None:
    closing = b"]" if opening == b"[" else b"}"
    nested = opening * depth + b"1" + closing * depth
    for content in (nested, opening * depth):
        begun = time.monotonic()
        answer = buyer.patch(PROFILE, content=content, headers=JSON)
        assert time.monotonic() - begun < 2
        assert_refused(answer)


def test_a_body_is_refused_for_its_length_before_anybody_reads_it(external: OpenGate, buyer: httpx.Client) -> None:
    with external.client() as nobody:
        assert_refused(nobody.post(LOG_IN, content=b"x" * 8193, headers=JSON), 413)
    assert_refused(buyer.patch(PROFILE, content=b"x" * 65537, headers=JSON), 413)
    chunks = (b"x" * 1000 for _ in range(100))
    assert_refused(buyer.patch(PROFILE, content=chunks, headers=JSON), 413)
    claimed = b"POST /auth/v1/logins HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    assert external.raw(claimed + b"x" * 20_000).startswith(b"HTTP/1.1 413 ")


def test_a_bomb_in_a_body_stays_packed(anybody: httpx.Client) -> None:
    bomb = gzip.compress(b" " * 5_000_000 + b"{}")
    for encoding in ("gzip", "deflate", "br", "gzip, gzip"):
        begun = time.monotonic()
        answer = anybody.post(LOG_IN, content=bomb, headers=JSON | {"content-encoding": encoding})
        assert time.monotonic() - begun < 2
        assert_refused(answer)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/merge-patch+json",
        "image/png",
        "json",
        "*/*",
        "application/json, text/plain",
        None,
    ],
)
def test_a_body_of_another_type_is_415(anybody: httpx.Client, content_type: str | None) -> None:
    content = credentials(user_name="a@b.example", password="ten-letters")
    headers = {"content-type": content_type} if content_type else {}
    assert_refused(anybody.post(LOG_IN, content=content, headers=headers), 415)


def test_lists_and_objects_have_an_end(buyer: httpx.Client) -> None:
    many: dict[str, Any] = {"preferences": {f"k{number}": "v" for number in range(1000)}}
    assert_refused(buyer.patch(PROFILE, json=many))
    orders = {"product_ids": ["prd_" + "0" * 32] * 200, "pickup_location_id": "loc_" + "0" * 32}
    headers = {"idempotency-key": "many-products-1"}
    assert_refused(buyer.post("/customer/v1/buying-orders", json=orders, headers=headers))


def test_the_faults_of_a_body_are_told_without_repeating_all_of_it(anybody: httpx.Client) -> None:
    answer = anybody.post(LOG_IN, json={"user_name": "x" * 7000, "password": "p"})
    assert_refused(answer)
    assert len(answer.content) < 4000


QUERIES = ["%00", "a%00b"]


@pytest.mark.parametrize("value", QUERIES)
@pytest.mark.parametrize("name", ["colour", "q", "cursor", "limit"])
def test_a_query_holds_no_nul(anybody: httpx.Client, name: str, value: str) -> None:
    assert_refused(anybody.get(f"/shopping/v1/products?{name}={value}"))


@pytest.mark.parametrize(
    "query",
    [
        "colour=%ff",
        "colour=%c0%ae",
        "colour[$ne]=x",
        "colour=%7B%22$ne%22:1%7D",
        "limit=0",
        "limit=-1",
        "limit=1e9",
        "limit=99999999999999999999",
        "limit=0x10",
        "limit=%D9%A1",
        "cursor=../../etc",
        "cursor=W10",
        "cursor=bnVsbA",
        "cursor=eyIkZ3QiOiIifQ",
        "unknown=1",
        "__proto__=1",
        "q=" + "(a+)%2b" * 10,
        "&" * 500,
        "=",
        "%",
        "colour=%",
        "colour=%zz",
    ],
)
def test_no_query_breaks_the_list_of_products(anybody: httpx.Client, query: str) -> None:
    begun = time.monotonic()
    answer = anybody.get(f"/shopping/v1/products?{query}")
    assert time.monotonic() - begun < 3
    assert answer.status_code in (200, 400), answer.text


def test_a_header_too_long_is_refused(anybody: httpx.Client) -> None:
    assert anybody.get("/shopping/v1/products", headers={"x-long": "x" * 20_000}).status_code == 431
    assert anybody.get("/shopping/v1/products?colour=" + "x" * 20_000).status_code == 431
    many = {f"x-{number}": "1" for number in range(100)}
    assert anybody.get("/shopping/v1/products", headers=many).status_code == 431
