"""Email addresses: an addr-spec (RFC 5321, 4.1.2) in one normal form, so that one mailbox has one identity.

Display names, quoted local parts, address literals and domains that cannot get mail (`localhost`) are refused. The
local part is ASCII, since SES and many mail servers do not take others (SMTPUTF8, RFC 6531). A domain may be an
internationalised one and is kept in its ASCII form (IDNA). Nothing is looked up in the DNS.
"""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from libs.chassis.problems import BadRequest

MAX_LENGTH = 254


def normalize(text: str) -> str:
    """The address in small letters with its domain in ASCII; ValueError for anything else."""
    return _normalized(text, allow_display_name=False)


def extract(text: str) -> str:
    """Like `normalize`, also for an address that was stored with its display name."""
    return _normalized(text, allow_display_name=True)


def _normalized(text: str, *, allow_display_name: bool) -> str:
    try:
        parts = validate_email(
            text,
            allow_display_name=allow_display_name,
            allow_smtputf8=False,
            check_deliverability=False,
            strict=True,
        )
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    address = f"{parts.local_part.lower()}@{parts.ascii_domain.lower()}"
    if len(address) > MAX_LENGTH:
        raise ValueError(f"an email address has at most {MAX_LENGTH} characters in its ASCII form")
    return address


def is_valid(text: str) -> bool:
    """Whether `text` is an email address that `normalize` takes; the format `email` of the contracts."""
    try:
        normalize(text)
    except ValueError:
        return False
    return True


def require_valid(text: str, pointer: str = "/email") -> str:
    """The normalised address; BadRequest with `pointer` for anything else."""
    try:
        return normalize(text)
    except ValueError as error:
        raise BadRequest(f"{pointer}: {error}", errors=[{"pointer": pointer, "detail": str(error)}]) from None


def normalize_for_lookup(text: str) -> str:
    """What an account is searched by: the normalised address, or the text itself when it is none."""
    trimmed = text.strip()
    try:
        return normalize(trimmed)
    except ValueError:
        return trimmed.lower()
