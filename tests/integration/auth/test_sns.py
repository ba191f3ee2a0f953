"""SMS and push messages, sent to an emulator of SNS."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from botocore.exceptions import BotoCoreError

from libs.chassis import aws
from libs.chassis.settings import overridden
from services.auth.notifications import sns
from tests.support.harness import Harness

PHONE = "+351912345678"


@pytest.fixture
def endpoint(auth: Harness, aws_endpoint: str) -> Iterator[str]:
    """The endpoint of the emulator, which the settings point to."""
    with overridden(aws_endpoint_url=aws_endpoint):
        yield aws_endpoint


@pytest.fixture
def application(endpoint: str) -> Iterator[str]:
    """The ARN of a platform application for push messages."""
    response = aws.client("sns").create_platform_application(
        Name="reclothes", Platform="GCM", Attributes={"PlatformCredential": "key"}
    )
    with overridden(push_application_arns={"fcm": response["PlatformApplicationArn"]}):
        yield response["PlatformApplicationArn"]


def test_an_sms_contains_the_subject_and_is_truncated(endpoint: str) -> None:
    sns.send_sms(PHONE, "There is work for you", "A collecting order is yours. " * 10)
    log = httpx.get(f"{endpoint}/_ministack/sns/sms-messages", params={"phoneNumber": PHONE}).text
    assert "There is work for you. A collecting order is yours." in log
    assert "A collecting order is yours. " * 6 not in log, "at most 160 characters"


def test_a_device_has_one_endpoint_and_accepts_messages(application: str) -> None:
    arn = sns.create_endpoint("fcm", "phone-phone-phone")
    assert sns.create_endpoint("fcm", "phone-phone-phone") == arn
    assert sns.create_endpoint("fcm", "tablet-tablet-tab") != arn
    sns.send_push(arn, "Your receipt", "Thank you.")


def test_a_message_to_an_unknown_endpoint_fails_permanently(application: str) -> None:
    with pytest.raises(sns.RecipientUnreachable):
        sns.send_push(application.replace(":app/", ":endpoint/") + "/0000", "Your receipt", "Thank you.")


def test_an_outage_of_sns_raises_an_error(auth: Harness) -> None:
    with overridden(aws_endpoint_url="http://127.0.0.1:9"), pytest.raises(BotoCoreError):
        sns.send_sms(PHONE, "ReClothes", "ReClothes: your code is 123456.")
