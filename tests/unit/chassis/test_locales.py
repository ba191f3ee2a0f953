"""Known locales, and the choice of one for a reader."""

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
def test_a_locale_has_a_canonical_spelling(tag: str, usual: str) -> None:
    assert normalize_tag(tag) == usual == normalize_tag(usual)


@pytest.mark.parametrize(
    "tag", ["", "e", "tlh", "de-XX", "de_DE", "de-DE.UTF-8", "de@euro", "root", "ROOT", "*", "de\n"]
)
def test_only_tags_that_babel_knows_are_locales(tag: str) -> None:
    assert not is_locale(tag)


@given(st.text(max_size=40))
def test_any_text_can_be_checked_for_a_locale(tag: str) -> None:
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
def test_the_first_known_of_the_preferred_locales_is_chosen(wished: list[str], locale: str) -> None:
    assert best_match(wished) == locale


def test_every_locale_of_babel_formats_amounts_and_deadlines() -> None:
    time, amount = now(), Money(490_000, "HUF")
    for identifier in locale_identifiers():
        tag = identifier.replace("_", "-")
        assert normalize_tag(tag) == tag
        assert amount.format(tag)
        assert "(Lisbon time)" in Deadline(time).format(tag)
