"""Registration, email verification and passwords."""

from __future__ import annotations

from typing import Any

import flask

from libs.chassis import locales
from libs.chassis.security import principal
from services.auth import accounts, password_changes

MAIL_SENT = {"status": "mail_sent"}


def register_customer(body: dict[str, Any]) -> tuple[dict[str, str], int]:
    purposes = [consent["purpose"] for consent in body["consents"]]
    locale = locales.best_match(tag for tag, quality in flask.request.accept_languages if quality)
    accounts.register(body["email"], body["password"], body["full_name"], purposes, locale)
    return {"status": "verification_sent"}, 202


def verify_email(body: dict[str, Any]) -> tuple[None, int]:
    accounts.verify_email(body["token"])
    return None, 204


def change_password(body: dict[str, Any]) -> tuple[None, int]:
    who = principal()
    password_changes.change(who.subject, who.session_id, body["current_password"], body["new_password"])
    return None, 204


def request_password_reset(body: dict[str, Any]) -> tuple[dict[str, str], int]:
    password_changes.ask_for_link(body["email"])
    return MAIL_SENT, 202


def set_customer_password(body: dict[str, Any]) -> tuple[None, int]:
    password_changes.set_by_link(body["token"], body["password"], "customer")
    return None, 204


def set_staff_password(body: dict[str, Any]) -> tuple[None, int]:
    password_changes.set_by_link(body["token"], body["password"], "internal")
    return None, 204
