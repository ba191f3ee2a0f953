"""Which channels a notification uses, when a message is retried, and how templates are rendered."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from services.auth.accounts.registration import VERIFICATION_HOURS
from services.auth.customers.rules import mask_email
from services.auth.notifications import outgoing_messages, preferences, rendering
from services.auth.notifications.sending import make_notification_id
from services.auth.notifications.tables import NotificationPreferences
from services.auth.passwords import changes


@pytest.mark.parametrize(
    ("email", "sms", "push", "has_phone", "always_by_email", "channels"),
    [
        (True, True, True, True, False, {"email", "sms", "push"}),
        (True, True, True, False, False, {"email", "push"}),
        (False, False, False, True, False, set()),
        (False, False, False, True, True, {"email"}),
        (False, True, False, True, False, {"sms"}),
        (False, False, True, False, True, {"email", "push"}),
    ],
)
def test_a_notification_uses_the_chosen_channels_and_a_receipt_email_in_any_case(
    email: bool, sms: bool, push: bool, has_phone: bool, always_by_email: bool, channels: set[str]
) -> None:
    chosen = NotificationPreferences(user_id="usr_1", email=email, sms=sms, push=push)
    assert preferences.select_channels(chosen, has_phone=has_phone, always_by_email=always_by_email) == channels


def test_retries_back_off_up_to_an_hour() -> None:
    pauses = [
        outgoing_messages.calculate_retry_delay(attempts).total_seconds() for attempts in (0, 1, 2, 6, 7, 8, 50)
    ]
    assert pauses == [30, 60, 120, 1920, 3600, 3600, 3600]
    assert all(earlier <= later for earlier, later in itertools.pairwise(pauses))
    assert timedelta(days=1) < outgoing_messages.EXPIRES_AFTER


def test_a_notification_id_is_derived_from_the_event() -> None:
    assert make_notification_id("refund-1") == make_notification_id("refund-1") != make_notification_id("refund-2")
    assert len(make_notification_id("refund-1")) == 36


def test_a_reset_link_is_valid_for_an_hour_and_links_of_staff_for_longer() -> None:
    hours = (changes.RESET_HOURS, VERIFICATION_HOURS, changes.INVITATION_HOURS)
    assert hours == (1, 24, 72)
    assert changes._get_purpose("customer") != changes._get_purpose("internal")


@pytest.mark.parametrize(
    ("email", "hint"),
    [("ines@example.org", "i***@example.org"), ("i@example.org", "i***@example.org"), ("", "***@")],
)
def test_a_masked_email_shows_the_first_letter_and_the_domain(email: str, hint: str) -> None:
    assert mask_email(email) == hint


def test_the_subject_of_a_mail_is_the_first_line_of_its_template() -> None:
    subject, text = rendering.render("verify-email", link="https://www.test/verify-email#token=x", hours=24)
    assert subject == "Confirm your email address for ReClothes"
    assert "https://www.test/verify-email#token=x" in text
    assert "Subject:" not in text
