"""Contract types: every valid value can be used, and any other value is rejected without an internal error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from connexion.lifecycle import ConnexionRequest
from connexion.uri_parsing import OpenAPIURIParser
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, MetaData, Table, create_engine, insert, select

from libs.chassis.connexion_adapter import BodyValidator, ParametersValidator
from libs.chassis.money import Money
from libs.chassis.pagination import decode_cursor, encode_cursor
from libs.chassis.problems import BadRequest
from libs.chassis.validation import compile_schema, to_json_schema

MONEY = {
    "type": "object",
    "required": ["amount", "currency"],
    "properties": {
        "amount": {"type": "integer", "format": "int64"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 3},
    },
}
QUERY = [
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
    {"name": "near", "in": "query", "schema": {"type": "number", "minimum": -90, "maximum": 90}},
    {"name": "open", "in": "query", "schema": {"type": "boolean"}},
    {
        "name": "size",
        "in": "query",
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "maxItems": 3, "items": {"type": "string", "minLength": 1, "maxLength": 5}},
    },
]
UUID = {"type": "string", "format": "uuid"}
URL = {"type": "string", "format": "uri", "maxLength": 300}
numbers = MetaData()
NUMBERS = Table("numbers", numbers, Column("value", BigInteger))


def faults_of_query(name: str, text: str) -> list[Any]:
    """The errors of a query `?name=text`; raises nothing else."""
    parser = OpenAPIURIParser(QUERY, {})
    scope = {"type": "http", "query_string": f"{name}={quote(text)}".encode(), "headers": [], "path_params": {}}
    request = ConnexionRequest(scope, uri_parser=parser)
    try:
        ParametersValidator(QUERY, parser, strict_validation=True).validate_request(request)
    except BadRequest as refused:
        return list(refused.errors or [{"pointer": "none"}])
    return []


NEARLY_A_NUMBER = st.from_regex(r"[ +-]?[0-9\uff10-\uff19_.eE]{1,6} ?", fullmatch=True) | st.integers().map(str)
ANY = NEARLY_A_NUMBER | st.text(st.characters(codec="utf-8"), max_size=8) | st.floats().map(str)


@given(ANY)
def test_an_integer_in_a_query_is_json_or_rejected_with_a_pointer(text: str) -> None:
    found = faults_of_query("limit", text)
    if not found:
        value = json.loads(text)
        assert type(value) is int
        assert 1 <= value <= 100
    assert all(fault["pointer"] == "query/limit" for fault in found)


@given(ANY)
def test_a_number_in_a_query_is_json_or_rejected_with_a_pointer(text: str) -> None:
    found = faults_of_query("near", text)
    if not found:
        assert -90 <= json.loads(text) <= 90
    assert all(fault["pointer"] == "query/near" for fault in found)


@given(ANY | st.sampled_from(["true", "false", "True", "FALSE", "1", "yes"]))
def test_a_boolean_in_a_query_is_true_or_false(text: str) -> None:
    assert (not faults_of_query("open", text)) == (text in ("true", "false"))


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=6), max_size=5))
def test_a_list_in_a_query_is_parsed_or_rejected_with_a_pointer(parts: list[str]) -> None:
    found = faults_of_query("size", ",".join(parts))
    assert all(fault["pointer"].startswith("query/size") for fault in found)
    if not found:
        assert all(part.strip() for part in ",".join(parts).split(","))


@given(st.integers() | st.floats() | st.booleans() | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1]))
def test_every_valid_integer_fits_its_column(value: Any) -> None:
    if not compile_schema(MONEY).is_valid({"amount": value, "currency": "EUR"}):
        return
    assert Money.from_dict({"amount": value, "currency": "EUR"}).amount == value
    engine = create_engine("sqlite://")
    numbers.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(NUMBERS).values(value=value))
        assert connection.scalar(select(NUMBERS.c.value)) == value
    engine.dispose()


@pytest.mark.parametrize(("bits", "name"), [(32, "int32"), (64, "int64"), (64, None)])
def test_an_integer_without_limits_has_those_of_its_format(bits: int, name: str | None) -> None:
    schema: dict[str, Any] = {"type": "integer"} | ({"format": name} if name else {})
    validator = compile_schema(schema)
    for value, is_valid in ((2 ** (bits - 1) - 1, True), (2 ** (bits - 1), False), (-(2 ** (bits - 1)) - 1, False)):
        assert validator.is_valid(value) == is_valid
    assert to_json_schema(schema | {"maximum": 9})["maximum"] == 9


@given(st.text(max_size=4) | st.from_regex(r"[A-Za-z\n]{3}\n?", fullmatch=True))
def test_a_currency_is_three_capital_letters(text: str) -> None:
    is_valid = compile_schema(MONEY).is_valid({"amount": 1, "currency": text})
    assert is_valid == (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper())


@given(st.uuids().map(str) | st.text(max_size=40) | st.from_regex(r"\{?[0-9a-fA-F-]{30,40}\}?", fullmatch=True))
def test_an_id_has_a_canonical_spelling(text: str) -> None:
    if compile_schema(UUID).is_valid(text):
        assert len(text) == 36
        assert text.isascii()


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/?#]{0,20}(/[^?#]{0,20})?", fullmatch=True))
def test_a_valid_url_is_ascii_without_blanks(text: str) -> None:
    if compile_schema(URL).is_valid(text):
        assert text.isascii()
        assert not any(character.isspace() for character in text)


@given(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: json.dumps({"a": text}).encode()))
def test_any_body_is_parsed_or_rejected(content: bytes) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield content

    validator = object.__new__(BodyValidator)
    headers = {"headers": [(b"content-type", b"application/json")]}
    try:
        asyncio.run(validator._parse(stream(), headers))
    except BadRequest as refused:
        pointers = [error["pointer"] for error in refused.errors or ()]
        assert pointers


KEYS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8")) | st.none(), max_size=4)


@given(KEYS, st.text(st.characters(codec="utf-8"), max_size=5), st.text(st.characters(codec="utf-8"), max_size=5))
def test_a_cursor_is_accepted_by_its_own_list_only(values: list[Any], of_list: str, other: str) -> None:
    cursor = encode_cursor(values, of_list=of_list)
    assert decode_cursor(cursor, len(values), of_list=of_list) == values
    if other != of_list:
        with pytest.raises(BadRequest):
            decode_cursor(cursor, len(values), of_list=other)


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{0,60}", fullmatch=True))
def test_a_forged_cursor_is_rejected(cursor: str) -> None:
    with pytest.raises(BadRequest):
        decode_cursor(cursor, 2, (int, str))
