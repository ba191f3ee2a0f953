"""Registration and email verification."""

from __future__ import annotations

from typing import Any

import flask

from libs.chassis import locales
from services.auth.accounts import registration


def register_customer(body: dict[str, Any]) -> tuple[dict[str, str], int]:
    purposes = [consent["purpose"] for consent in body["consents"]]
    locale = locales.best_match(tag for tag, quality in flask.request.accept_languages if quality)
    registration.register(body["email"], body["password"], body["full_name"], purposes, locale)
    return {"status": "verification_sent"}, 202


def verify_email(body: dict[str, Any]) -> tuple[None, int]:
    registration.verify_email(body["token"])
    return None, 204
