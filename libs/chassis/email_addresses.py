"""Email addresses: an addr-spec (RFC 5321, 4.1.2) in one normal form, so that a mailbox has one identity.

Display names, quoted local parts, address literals and domains that cannot receive mail (`localhost`) are rejected.
The local part is ASCII, because SES and many mail servers do not accept others (SMTPUTF8, RFC 6531). A domain may
be internationalised, and is stored in its ASCII form (IDNA). The DNS is not queried.
"""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from libs.chassis.problems import BadRequest

MAX_LENGTH = 254


def normalize(text: str) -> str:
    """The address in lower case with its domain in ASCII. Raises ValueError for anything else."""
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
    """Whether `normalize` accepts `text`; the format `email` of the contracts."""
    try:
        normalize(text)
    except ValueError:
        return False
    return True


def require_valid(text: str, pointer: str = "/email") -> str:
    """The normalised address. Raises BadRequest with `pointer` for anything else."""
    try:
        return normalize(text)
    except ValueError as error:
        raise BadRequest(f"{pointer}: {error}", errors=[{"pointer": pointer, "detail": str(error)}]) from None


def normalize_for_lookup(text: str) -> str:
    """The normalised address for finding an account, or the text itself when it is not an address."""
    trimmed = text.strip()
    try:
        return normalize(trimmed)
    except ValueError:
        return trimmed.lower()
