"""What SNS delivers by itself: SMS to phones and push messages to devices."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from libs.chassis import aws
from libs.chassis.problems import Unprocessable
from services.auth.settings import auth_settings

SMS_LENGTH = 160
_GONE = ("EndpointDisabled", "EndpointDisabledException", "NotFound", "NotFoundException", "InvalidParameter")


class RecipientGone(Exception):
    """The device or the number takes no messages any more; the message of this error is SNS's code."""


class PushNotOffered(Unprocessable):
    slug, title = "push-not-offered", "Push messages to this platform are not offered"


def send_sms(phone_number: str, subject: str, text: str) -> None:
    """Send one SMS of at most 160 characters; RecipientGone, or botocore's errors when SNS is away."""
    said = text if subject in text else f"{subject}. {text}"
    kind = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}
    try:
        aws.client("sns").publish(PhoneNumber=phone_number, Message=said[:SMS_LENGTH], MessageAttributes=kind)
    except ClientError as error:
        raise _as_gone(error) from None


def send_push(endpoint_arn: str, subject: str, text: str) -> None:
    """Send one push message to a device; RecipientGone, or botocore's errors when SNS is away."""
    alert = {"title": subject, "body": text}
    shapes = {
        "default": subject,
        "GCM": json.dumps({"fcmV1Message": {"message": {"notification": alert}}}),
        "APNS": json.dumps({"aps": {"alert": alert}}),
    }
    try:
        aws.client("sns").publish(TargetArn=endpoint_arn, MessageStructure="json", Message=json.dumps(shapes))
    except ClientError as error:
        raise _as_gone(error) from None


def add_device(platform: str, device_token: str) -> str:
    """The ARN by which SNS knows the device; PushNotOffered for a platform without an application in SNS."""
    application = auth_settings().push_application_arns.get(platform)
    if application is None:
        raise PushNotOffered(f"there is no application for {platform}")
    answer = aws.client("sns").create_platform_endpoint(PlatformApplicationArn=application, Token=device_token)
    return str(answer["EndpointArn"])


def _as_gone(error: ClientError) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return RecipientGone(code) if code in _GONE else error
