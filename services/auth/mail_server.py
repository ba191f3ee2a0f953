"""The mail server, by SMTP: in AWS the SMTP interface of SES, locally a server that keeps a Maildir."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from services.auth.settings import auth_settings

TIMEOUT_SECONDS = 10


def deliver(recipient: str, subject: str, text: str, message_id: str) -> None:
    """Send one mail; raises OSError or smtplib.SMTPException when the server does not take it."""
    chosen = auth_settings()
    mail = EmailMessage()
    mail["From"] = chosen.mail_from
    mail["To"] = recipient
    mail["Subject"] = subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message_id}@reclothes.example>"
    mail.set_content(text)
    with _connect(chosen.smtp_url, chosen.ca_file) as server:
        server.send_message(mail)


def _connect(url: str, ca_file: str | None) -> smtplib.SMTP:
    """`smtp://`, `smtp+starttls://` or `smtps://`, with `user:password@` where the server asks for it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    context = ssl.create_default_context(cafile=ca_file)
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    if parts.scheme == "smtp+starttls":
        server.starttls(context=context)
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server
