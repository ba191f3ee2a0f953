"""Which locales are normalize_tag, and which one a reader gets."""

from __future__ import annotations

import pytest
from babel.localedata import locale_identifiers
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.clock import now
from libs.chassis.deadlines import Deadline
from libs.chassis.locales import MAX_TAGS, best_match, is_locale, normalize_tag
from libs.chassis.money import Money


@pytest.mark.parametrize(
    ("tag", "usual"), [("en", "en"), ("PT-pt", "pt-PT"), ("zh-TW", "zh-Hant-TW"), ("SR-latn-rs", "sr-Latn-RS")]
)
def test_a_locale_is_kept_in_its_usual_spelling(tag: str, usual: str) -> None:
    assert normalize_tag(tag) == usual == normalize_tag(usual)


@pytest.mark.parametrize(
    "tag", ["", "e", "tlh", "de-XX", "de_DE", "de-DE.UTF-8", "de@euro", "root", "ROOT", "*", "de\n"]
)
def test_only_tags_that_babel_knows_are_locales(tag: str) -> None:
    assert not is_locale(tag)


@given(st.text(max_size=40))
def test_any_text_is_a_locale_or_is_not(tag: str) -> None:
    usual = normalize_tag(tag)
    assert usual is None or (normalize_tag(usual) == usual and len(usual) <= 35)


@pytest.mark.parametrize(
    ("wished", "locale"),
    [
        ([], "en"),
        (["*"], "en"),
        (["tlh", "pt-PT", "de"], "pt-PT"),
        (["de-XX-x-own"], "de"),
        (["zh-Hant-HK-x-own"], "zh-Hant-HK"),
        (["tlh"] * MAX_TAGS + ["de"], "en"),
    ],
)
def test_a_reader_gets_the_first_known_locale_of_those_wished(wished: list[str], locale: str) -> None:
    assert best_match(wished) == locale


def test_every_locale_of_babel_writes_an_amount_and_a_deadline() -> None:
    moment, amount = now(), Money(490_000, "HUF")
    for identifier in locale_identifiers():
        tag = identifier.replace("_", "-")
        assert normalize_tag(tag) == tag
        assert amount.format(tag)
        assert "(Lisbon time)" in Deadline(moment).format(tag)
