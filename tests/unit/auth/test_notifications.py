"""Which channels a notification takes, and when a message is sent again."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from services.auth import customers, messages, notifications, password_changes, preferences
from services.auth.accounts import VERIFICATION_HOURS
from services.auth.models import NotificationPreferences


@pytest.mark.parametrize(
    ("email", "sms", "push", "has_phone", "by_email", "channels"),
    [
        (True, True, True, True, False, {"email", "sms", "push"}),
        (True, True, True, False, False, {"email", "push"}),
        (False, False, False, True, False, set()),
        (False, False, False, True, True, {"email"}),
        (False, True, False, True, False, {"sms"}),
        (False, False, True, False, True, {"email", "push"}),
    ],
)
def test_a_notification_takes_the_chosen_channels_and_a_receipt_email_too(
    email: bool, sms: bool, push: bool, has_phone: bool, by_email: bool, channels: set[str]
) -> None:
    chosen = NotificationPreferences(user_id="usr_1", email=email, sms=sms, push=push)
    assert preferences.channels_of(chosen, has_phone=has_phone, by_email=by_email) == channels


def test_a_message_is_sent_again_later_and_later_up_to_an_hour() -> None:
    pauses = [messages.pause_after(attempts).total_seconds() for attempts in (0, 1, 2, 6, 7, 8, 50)]
    assert pauses == [30, 60, 120, 1920, 3600, 3600, 3600]
    assert all(one <= two for one, two in itertools.pairwise(pauses))
    assert timedelta(days=1) < messages.GIVE_UP_AFTER


def test_one_event_makes_one_notification() -> None:
    assert notifications.id_of("refund-1") == notifications.id_of("refund-1") != notifications.id_of("refund-2")
    assert len(notifications.id_of("refund-1")) == 36


def test_a_reset_lasts_an_hour_and_what_staff_send_lasts_longer() -> None:
    hours = (password_changes.RESET_HOURS, VERIFICATION_HOURS, password_changes.INVITATION_HOURS)
    assert hours == (1, 24, 72)
    assert password_changes._purpose("customer") != password_changes._purpose("internal")


@pytest.mark.parametrize(
    ("email", "hint"),
    [("ines@example.org", "i***@example.org"), ("i@example.org", "i***@example.org"), ("", "***@")],
)
def test_a_hint_shows_the_first_letter_and_the_domain(email: str, hint: str) -> None:
    assert customers.hint_of(email) == hint


def test_the_subject_of_a_mail_is_the_first_line_of_its_template() -> None:
    subject, text = notifications.render("verify-email", link="https://www.test/verify-email#token=x", hours=24)
    assert subject == "Confirm your email address for ReClothes"
    assert "https://www.test/verify-email#token=x" in text
    assert "Subject:" not in text
