"""Malformed bodies and queries: too long, too deep, ambiguous or not text; each is rejected with a problem."""

from __future__ import annotations

import gzip
import time
from typing import Any

import httpx
import pytest

from tests.attacks.gateways import UnthrottledGateway

LOG_IN = "/auth/v1/logins"
PROFILE = "/customer/v1/profile"
JSON = {"content-type": "application/json"}


def assert_rejected(response: httpx.Response, status: int = 400) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status
    assert document["detail"]
    assert "Traceback" not in response.text


def credentials(**names: str) -> bytes:
    members = ", ".join(f'"{name}": "{value}"' for name, value in names.items())
    return f"{{{members}}}".encode()


AMBIGUOUS = {
    "a duplicate name": b'{"user_name": "a@b.example", "user_name": "x@y.example", "password": "ten-letters"}',
    "a duplicate name, once escaped": b'{"user_name": "a@b.example", "user\\u005fname": "x@y.example"}',
    "a nested duplicate name": b'{"full_name": "A", "preferences": {"a": "1", "a": "2"}}',
    "NUL, escaped": b'{"user_name": "a\\u0000@b.example", "password": "ten-letters"}',
    "NUL, unescaped": b'{"user_name": "a\x00@b.example", "password": "ten-letters"}',
    "NUL in a name": b'{"user_name\\u0000": "a@b.example", "password": "ten-letters"}',
    "not UTF-8": b'{"user_name": "a\xff@b.example", "password": "ten-letters"}',
    "overlong UTF-8": b'{"user_name": "a\xc0\xae@b.example", "password": "ten-letters"}',
    "a surrogate in UTF-8": b'{"user_name": "a\xed\xa0\x80@b.example", "password": "ten-letters"}',
    "half a surrogate pair": b'{"user_name": "\\ud800@b.example", "password": "ten-letters"}',
    "UTF-16": '{"user_name": "a@b.example", "password": "ten-letters"}'.encode("utf-16"),
    "UTF-32": '{"user_name": "a@b.example", "password": "ten-letters"}'.encode("utf-32"),
    "a byte order mark": b'\xef\xbb\xbf{"user_name": "a@b.example", "password": "ten-letters"}',
    "a comment": b'{"user_name": "a@b.example", /* */ "password": "ten-letters"}',
    "a trailing comma": b'{"user_name": "a@b.example", "password": "ten-letters",}',
    "single quotes": b"{'user_name': 'a@b.example', 'password': 'ten-letters'}",
    "two documents": b'{"user_name": "a@b.example", "password": "ten-letters"}{}',
    "NaN": b'{"user_name": NaN, "password": "ten-letters"}',
    "Infinity": b'{"user_name": -Infinity, "password": "ten-letters"}',
    "a number out of range": b'{"user_name": 1e999, "password": "ten-letters"}',
    "a number of 5000 digits": b'{"user_name": ' + b"9" * 5000 + b', "password": "ten-letters"}',
    "a control character": b'{"user_name": "a\x1b@b.example", "password": "ten-letters"}',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"user_name"',
    "an empty body": b"",
    "white space": b"   ",
    "a truncated object": b'{"user_name": "a@b.example", "password": "ten-letters"',
    "an operator of a document database": b'{"user_name": {"$ne": null}, "password": {"$ne": null}}',
    "a prototype": b'{"user_name": "a@b.example", "password": "ten-letters", "__proto__": {"kind": "internal"}}',
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
    "compressed": gzip.compress(b'{"user_name": "a@b.example", "password": "ten-letters"}'),
}


@pytest.mark.parametrize("content", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_a_body_that_is_not_an_unambiguous_json_object_is_rejected(anonymous: httpx.Client, content: bytes) -> None:
    assert_rejected(anonymous.post(LOG_IN, content=content, headers=JSON))


@pytest.mark.parametrize("content", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_it_is_rejected_with_a_token_as_well(buyer: httpx.Client, content: bytes) -> None:
    before = buyer.get(PROFILE).json()
    assert_rejected(buyer.patch(PROFILE, content=content, headers=JSON))
    assert buyer.get(PROFILE).json() == before


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [100, 1_000, 8_000])
def test_deep_nesting_is_rejected_quickly(buyer: httpx.Client, opening: bytes, depth: int) -> None:
    closing = b"]" if opening == b"[" else b"}"
    nested = opening * depth + b"1" + closing * depth
    for content in (nested, opening * depth):
        started = time.monotonic()
        response = buyer.patch(PROFILE, content=content, headers=JSON)
        assert time.monotonic() - started < 2
        assert_rejected(response)


def test_a_body_that_is_too_long_is_rejected_before_it_is_read(
    external: UnthrottledGateway, buyer: httpx.Client
) -> None:
    with external.client() as anonymous:
        assert_rejected(anonymous.post(LOG_IN, content=b"x" * 8193, headers=JSON), 413)
    assert_rejected(buyer.patch(PROFILE, content=b"x" * 65537, headers=JSON), 413)
    chunks = (b"x" * 1000 for _ in range(100))
    assert_rejected(buyer.patch(PROFILE, content=chunks, headers=JSON), 413)
    head = b"POST /auth/v1/logins HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    assert external.send_raw(head + b"x" * 20_000).startswith(b"HTTP/1.1 413 ")


def test_a_compressed_body_is_not_decompressed(anonymous: httpx.Client) -> None:
    bomb = gzip.compress(b" " * 5_000_000 + b"{}")
    for encoding in ("gzip", "deflate", "br", "gzip, gzip"):
        started = time.monotonic()
        response = anonymous.post(LOG_IN, content=bomb, headers=JSON | {"content-encoding": encoding})
        assert time.monotonic() - started < 2
        assert_rejected(response)


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
def test_a_body_of_another_media_type_is_rejected(anonymous: httpx.Client, content_type: str | None) -> None:
    content = credentials(user_name="a@b.example", password="ten-letters")
    headers = {"content-type": content_type} if content_type else {}
    assert_rejected(anonymous.post(LOG_IN, content=content, headers=headers), 415)


def test_lists_and_objects_have_a_maximum_size(buyer: httpx.Client) -> None:
    many: dict[str, Any] = {"preferences": {f"k{number}": "v" for number in range(1000)}}
    assert_rejected(buyer.patch(PROFILE, json=many))
    orders = {"product_ids": ["prd_" + "0" * 32] * 200, "pickup_location_id": "loc_" + "0" * 32}
    headers = {"idempotency-key": "many-products-1"}
    assert_rejected(buyer.post("/customer/v1/buying-orders", json=orders, headers=headers))


def test_the_errors_of_a_body_do_not_repeat_the_whole_body(anonymous: httpx.Client) -> None:
    response = anonymous.post(LOG_IN, json={"user_name": "x" * 7000, "password": "p"})
    assert_rejected(response)
    assert len(response.content) < 4000


QUERIES = ["%00", "a%00b"]


@pytest.mark.parametrize("value", QUERIES)
@pytest.mark.parametrize("name", ["colour", "q", "cursor", "limit"])
def test_nul_in_a_query_is_rejected(anonymous: httpx.Client, name: str, value: str) -> None:
    assert_rejected(anonymous.get(f"/shopping/v1/products?{name}={value}"))


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
def test_a_malformed_query_does_not_break_the_list_of_products(anonymous: httpx.Client, query: str) -> None:
    started = time.monotonic()
    response = anonymous.get(f"/shopping/v1/products?{query}")
    assert time.monotonic() - started < 3
    assert response.status_code in (200, 400), response.text


def test_headers_that_are_too_long_are_rejected(anonymous: httpx.Client) -> None:
    assert anonymous.get("/shopping/v1/products", headers={"x-long": "x" * 20_000}).status_code == 431
    assert anonymous.get("/shopping/v1/products?colour=" + "x" * 20_000).status_code == 431
    many = {f"x-{number}": "1" for number in range(100)}
    assert anonymous.get("/shopping/v1/products", headers=many).status_code == 431
