"""The mails that a local platform sent, in the Maildir of its mail server."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default as default_policy
from pathlib import Path

from tools.demo.people.actor import wait_for


class Mailbox:
    """A Maildir that holds the mails to all addresses."""

    def __init__(self, maildir: Path) -> None:
        self._maildir = maildir

    def _mails(self) -> Iterator[EmailMessage]:
        """Yield all mails, oldest first."""
        files = [file for folder in ("new", "cur") for file in (self._maildir / folder).glob("*")]
        for file in sorted(files, key=lambda file: file.stat().st_mtime):
            yield email.message_from_bytes(file.read_bytes(), policy=default_policy)

    def mails_to(self, address: str) -> list[EmailMessage]:
        """Return the mails to `address`, oldest first."""
        return [mail for mail in self._mails() if address.lower() in str(mail["To"]).lower()]

    def all_mails(self, subject_part: str) -> Iterator[tuple[str, str]]:
        """Yield address and text of every mail whose subject contains `subject_part`."""
        for mail in self._mails():
            if subject_part.lower() in str(mail["Subject"]).lower():
                yield str(mail["To"]).lower(), mail_text(mail)

    def wait_for_mail(self, address: str, subject_part: str) -> str:
        """Return the text of the newest mail to `address` whose subject contains `subject_part`."""

        def read() -> str | None:
            mails = reversed(self.mails_to(address))
            matches = (mail_text(one) for one in mails if subject_part.lower() in str(one["Subject"]).lower())
            return next(matches, None)

        return wait_for(f"a mail to {address} about {subject_part!r}", read)


def mail_text(mail: EmailMessage) -> str:
    payload = mail.get_payload(decode=True)
    return payload.decode("utf-8") if isinstance(payload, bytes) else str(mail.get_payload())


def verification_token(text: str) -> str:
    """Return the one-time token in the link of a verification mail; ValueError when there is none."""
    match = re.search(r"[?&#]token=([A-Za-z0-9_\-.]+)", text)
    if match is None:
        raise ValueError(f"The mail contains no token: {text[:300]}")
    return match[1]
