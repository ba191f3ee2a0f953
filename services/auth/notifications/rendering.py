"""Render the text of a notification from its template, for the locale of its reader."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from libs.chassis.deadlines import Deadline
from libs.chassis.locales import DEFAULT_LOCALE
from libs.chassis.money import Money

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, locale: str = DEFAULT_LOCALE, **values: Any) -> tuple[str, str]:
    """Return subject (the first line of the template) and text. `Money` and `Deadline` values are localised."""
    rendered = _environment().get_template(f"{template}.txt").render(locale=locale, **values)
    subject, _, text = rendered.partition("\n")
    return subject.removeprefix("Subject: ").strip(), text.strip() + "\n"


@cache
def _environment() -> Environment:
    return Environment(  # noqa: S701 plain text, no HTML
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        finalize=_localise,
    )


@pass_context
def _localise(context: Context, value: Any) -> Any:
    """Return what a template prints for a value: amounts and deadlines in the reader's locale, nothing for None."""
    if isinstance(value, Money | Deadline):
        return value.format(context["locale"])
    return "" if value is None else value
