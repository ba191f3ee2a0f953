"""Locales: BCP 47 tags that Babel knows, for the format of amounts and dates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from babel import Locale, UnknownLocaleError

DEFAULT_LOCALE = "en"
MAX_TAGS = 10  # of one Accept-Language header
# Babel's parser also accepts file names of POSIX (de_DE.UTF-8@euro) and the name of the data without a language.
_TAG = re.compile(r"(?!root)[a-z]{2,4}(-[a-z0-9]{2,8}){0,3}", re.ASCII | re.IGNORECASE)


@lru_cache(maxsize=1024)
def normalize_tag(tag: str) -> str | None:
    """The canonical spelling of a tag, such as `pt-PT` for `PT-pt`; None when Babel does not know the locale."""
    if not _TAG.fullmatch(tag):
        return None
    try:
        return str(Locale.parse(tag, sep="-")).replace("_", "-")
    except (UnknownLocaleError, ValueError):
        return None


def is_locale(tag: str) -> bool:
    """Whether a text is the BCP 47 tag of a locale that Babel knows."""
    return normalize_tag(tag) is not None


def best_match(tags: Iterable[str]) -> str:
    """The first of the preferred tags that Babel knows; `en` without any.

    A tag is shortened from its end until Babel knows it: `de-XX` means `de` (lookup of RFC 4647, 3.4).
    """
    for tag in islice(tags, MAX_TAGS):
        parts = tag.split("-")[:5]
        for length in range(len(parts), 0, -1):
            if found := normalize_tag("-".join(parts[:length])):
                return found
    return DEFAULT_LOCALE


def babel_locale(tag: str) -> Locale:
    """Babel's data of a locale; those of `en` for an unknown tag."""
    return Locale.parse(normalize_tag(tag) or DEFAULT_LOCALE, sep="-")
