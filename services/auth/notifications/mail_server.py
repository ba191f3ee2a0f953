"""The mail server, by SMTP: the SMTP interface of SES in AWS, a local server with a Maildir on a laptop."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from services.auth.settings import auth_settings

TIMEOUT_SECONDS = 10


class MailServerUnavailable(Exception):
    """The mail server did not accept the mail for now. Its text is a class name, so that no address is logged."""


class RecipientRejected(Exception):
    """The mail server rejects this address permanently (RFC 5321, 4.2.1: a 5yz `code`)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"rejected with {code}")
        self.code = code


def deliver(recipient: str, subject: str, text: str, message_id: str) -> None:
    """Send one mail.

    Raises:
        MailServerUnavailable: the mail may be sent again later.
        RecipientRejected: the address does not accept mail.
    """
    settings = auth_settings()
    mail = _compose(settings.mail_from, recipient, subject, text, message_id)
    try:
        with _connect(settings.smtp_url, settings.ca_file) as server:
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
        if 500 <= code < 600:
            raise RecipientRejected(code) from None
        raise MailServerUnavailable(type(error).__name__) from None
    except (OSError, smtplib.SMTPException) as error:
        raise MailServerUnavailable(type(error).__name__) from None


def _compose(sender: str, recipient: str, subject: str, text: str, message_id: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message_id}@reclothes.example>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic replies to it
    mail.set_content(text)
    return mail


def _connect(url: str, ca_file: str | None) -> smtplib.SMTP:
    """`smtp://`, `smtp+starttls://` or `smtps://`, with `user:password@` where the server requires it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    context = ssl.create_default_context(cafile=ca_file)
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    try:
        if parts.scheme == "smtp+starttls":
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        server.close()
        raise
    return server
