"""Render the text of a notification from its template, for the locale of its reader.

A template uses the data of the event: `{{ amount }}` prints money, `{{ valid_until | deadline(time_zone) }}` a
deadline.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from libs.chassis.clock import parse_rfc3339
from libs.chassis.deadlines import DEFAULT_TIME_ZONE, Deadline
from libs.chassis.locales import DEFAULT_LOCALE
from libs.chassis.money import Money

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, locale: str = DEFAULT_LOCALE, **values: Any) -> tuple[str, str]:
    """Return subject (the first line of the template) and text."""
    rendered = _create_environment().get_template(f"{template}.txt").render(locale=locale, **values)
    subject, _, text = rendered.partition("\n")
    return subject.removeprefix("Subject: ").strip(), text.strip() + "\n"


@cache
def _create_environment() -> Environment:
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, undefined=StrictUndefined, finalize=_localise)  # noqa: S701 no HTML
    environment.filters["deadline"] = _parse_deadline
    return environment


def _parse_deadline(text: str, time_zone: str = DEFAULT_TIME_ZONE) -> Deadline:
    return Deadline(parse_rfc3339(text), time_zone)


@pass_context
def _localise(context: Context, value: Any) -> Any:
    """Return what a template prints for a value: money and deadlines in the reader's locale."""
    if isinstance(value, dict):
        value = Money.from_dict(value)
    return value.format(context["locale"]) if isinstance(value, Money | Deadline) else value
