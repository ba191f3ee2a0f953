"""Print the mails that the platform sent."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tools.demo.people import Mailbox, mail_text


def show(maildir: Path, console: Console, to: str = "", limit: int = 10, *, raw: bool = False) -> int:
    """Print the newest mails first; returns 1 when there is none."""
    mails = list(reversed(Mailbox(maildir).mails_to(to)))[:limit]
    if not mails:
        console.print(f"There is no mail{f' to {to}' if to else ''} in {maildir}.")
        return 1
    for mail in mails:
        if raw:
            console.print(mail.as_string(), markup=False, highlight=False, soft_wrap=True)
            continue
        console.rule(f"{mail['Subject']}")
        console.print(f"To: {mail['To']}   {mail['Date']}", markup=False, highlight=False)
        console.print(mail_text(mail), markup=False, highlight=False, soft_wrap=True)
    return 0
