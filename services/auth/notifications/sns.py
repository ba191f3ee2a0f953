"""SMS and push messages, which SNS delivers itself."""

from __future__ import annotations

import json
import re

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy.exc import SQLAlchemyError

from libs.chassis import aws
from libs.chassis.problems import Unprocessable
from services.auth.settings import auth_settings

MAX_SMS_LENGTH = 160
_UNREACHABLE = re.compile("(EndpointDisabled|NotFound)(Exception)?|InvalidParameter")


class RecipientUnreachable(Exception):
    """The device or number does not accept messages any more; the message of this error is the code of SNS."""


class PushNotSupported(Unprocessable):
    slug, title = "push-not-supported", "Push messages to this platform are not supported"


def send_sms(phone_number: str, subject: str, text: str) -> None:
    """Send one SMS of at most 160 characters; RecipientUnreachable, or an error of botocore during an outage."""
    message = text if subject in text else f"{subject}. {text}"
    attributes = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}
    try:
        aws.client("sns").publish(
            PhoneNumber=phone_number, Message=message[:MAX_SMS_LENGTH], MessageAttributes=attributes
        )
    except ClientError as error:
        raise _translate(error) from None


def send_push(endpoint_arn: str, subject: str, text: str) -> None:
    """Send one push message to a device; RecipientUnreachable, or an error of botocore during an outage."""
    alert = {"title": subject, "body": text}
    payloads = {
        "default": subject,
        "GCM": json.dumps({"fcmV1Message": {"message": {"notification": alert}}}),
        "APNS": json.dumps({"aps": {"alert": alert}}),
    }
    try:
        aws.client("sns").publish(TargetArn=endpoint_arn, MessageStructure="json", Message=json.dumps(payloads))
    except ClientError as error:
        raise _translate(error) from None


def create_endpoint(platform: str, device_token: str) -> str:
    """Register a device and return the ARN of its endpoint; PushNotSupported for an unknown platform."""
    application = auth_settings().push_application_arns.get(platform)
    if application is None:
        raise PushNotSupported(f"there is no application for {platform}")
    response = aws.client("sns").create_platform_endpoint(PlatformApplicationArn=application, Token=device_token)
    return str(response["EndpointArn"])


def _translate(error: ClientError) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return RecipientUnreachable(code) if _UNREACHABLE.fullmatch(code) else error


def is_outage(error: Exception) -> bool:
    """Return whether SNS accepts no message at all; any other error concerns one message only."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or "Throttl" in error.response.get("Error", {}).get("Code", "")
    return isinstance(error, BotoCoreError | OSError | SQLAlchemyError)
