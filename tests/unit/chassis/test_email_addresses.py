"""Email addresses have a normal form, and invalid ones are rejected."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.chassis import email_addresses
from libs.chassis.problems import BadRequest
from libs.chassis.validation import compile_schema, find_errors


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ines@example.org", "ines@example.org"),
        ("Ines.Costa+shop@Example.ORG", "ines.costa+shop@example.org"),
        ("ana@münchen-mode.example", "ana@xn--mnchen-mode-thb.example"),
        ("ana@MÜNCHEN-Mode.example", "ana@xn--mnchen-mode-thb.example"),
        ("ana@mu\u0308nchen-mode.example", "ana@xn--mnchen-mode-thb.example"),
        ("ana@xn--mnchen-mode-thb.example", "ana@xn--mnchen-mode-thb.example"),
        ("ana@\uff4dode.example", "ana@mode.example"),
    ],
)
def test_an_address_has_a_normal_form(text: str, address: str) -> None:
    assert email_addresses.is_valid(text)
    assert email_addresses.require_valid(text) == email_addresses.normalize_for_lookup(f" {text} ") == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "ana@",
        "@mode.example",
        "Ana Costa <ana9@mode.example>",
        "<ana9@mode.example>",
        "ana@localhost",
        "ana@mode",
        "ana@[127.0.0.1]",
        "ana@127.0.0.1",
        '"ana costa"@mode.example',
        "ana@mode.example\nBcc: all@mode.example",
        "ana@mode.example,rui@mode.example",
        "ana@mode.example.",
        "ana..x@mode.example",
        "ana@mode_.example",
        "inés@mode.example",
        "ines@mode.example\u00ad",
        "a" * 65 + "@mode.example",
        "ana@" + "mü." * 50 + "example",
    ],
)
def test_an_invalid_address_is_rejected_with_a_pointer(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        email_addresses.require_valid(text, "/email")
    assert caught.value.errors is not None
    assert caught.value.errors[0]["pointer"] == "/email"
    schema = {"type": "object", "properties": {"email": {"type": "string", "format": "email"}}}
    assert [fault["pointer"] for fault in find_errors(compile_schema(schema), {"email": text})] == ["/email"]


def test_a_stored_display_name_is_removed() -> None:
    assert email_addresses.extract("ana costa <ana9@mode.example>") == "ana9@mode.example"
    with pytest.raises(ValueError, match="period"):
        email_addresses.extract("ana@localhost")


def test_an_invalid_address_can_be_looked_up() -> None:
    assert email_addresses.normalize_for_lookup(" Inés@Example.org ") == "inés@example.org"


@settings(deadline=None)
@given(
    st.from_regex(r"[A-Za-z0-9_+-]{1,64}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9]{1,20}(\.[A-Za-z]{2,10}){1,3}", fullmatch=True),
)
def test_the_normal_form_is_stable(local: str, domain: str) -> None:
    address = email_addresses.normalize_for_lookup(f"{local}@{domain}")
    assert (
        email_addresses.normalize_for_lookup(address)
        == address
        == email_addresses.normalize_for_lookup(address.upper())
    )
