"""Registration of customers and verification of their email addresses (stories c-01, c-04)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.exc import IntegrityError

from libs.chassis import email_addresses
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Forbidden, Unprocessable
from libs.chassis.system_settings import setting
from services.auth import audit_trail
from services.auth.accounts import events, one_time_links, users
from services.auth.accounts.tables import User
from services.auth.customers.rules import LIFECYCLE
from services.auth.notifications import outgoing_messages, sending
from services.auth.passwords import hashing, rules
from services.auth.settings import auth_settings

VERIFICATION_HOURS = 24
VERIFY_EMAIL = "verify-email"


class RegistrationClosed(Forbidden):
    slug, title = "registration-closed", "Registration is closed"


def register(email: str, password: str, full_name: str, purposes: Iterable[str], locale: str) -> None:
    """Create an unverified customer, or mail the owner of a known address; the caller cannot tell which."""
    if not setting("auth.registration_open"):
        raise RegistrationClosed("try again later")
    consents = sorted(set(purposes))
    if "terms" not in consents:
        detail = "consent to the purpose 'terms' is required to open an account"
        raise Unprocessable(detail, errors=[{"pointer": "/consents", "detail": detail}])
    address = email_addresses.require_valid(email)
    rules.require_strong(password, address)
    password_hash = hashing.hash_password(password)
    existing = users.find_by_email(email)
    if existing is None and _create_account(address, password_hash, full_name, consents, locale):
        return
    _mail_owner(existing or users.find_by_email(email), password_hash)


def _create_account(address: str, password_hash: str, full_name: str, consents: list[str], locale: str) -> bool:
    """Return False when a concurrent request has registered the address."""
    try:
        with session().begin_nested():
            user = users.create_user(address, password_hash, "customer", ["customer"], state=LIFECYCLE.initial)
            user.locale = locale
    except IntegrityError:
        return False
    _send_verification(user)
    events.publish_registered(user, full_name, consents)
    audit_trail.record(user, "register_customer")
    return True


def _mail_owner(user: User | None, password_hash: str) -> None:
    """Mail the owner of an address that already has an account, within the hourly limit of mails.

    Until the address is verified it is unknown which of several registrants owns it. Each link therefore activates
    the password of its own registration, so that registering somebody else's address gains nothing.
    """
    if user is None or outgoing_messages.is_rate_limited(user.email):
        return
    if user.state == "unverified":
        _send_verification(user, password_hash)
    else:
        sending.send_mail(user, "already-registered", f"already-{new_id('ntf')}")


def _send_verification(user: User, password_hash: str | None = None) -> None:
    token = one_time_links.create(user, VERIFY_EMAIL, VERIFICATION_HOURS, password_hash)
    link = f"{auth_settings().external_base_url}/verify-email#token={token}"
    sending.send_mail(user, "verify-email", f"verify-{new_id('ntf')}", link=link, hours=VERIFICATION_HOURS)


def verify_email(token: str) -> None:
    """Use a verification link and activate the account.

    Raises:
        LinkNotValid: the link is unknown, used or expired.
    """
    user, link = one_time_links.use(token, VERIFY_EMAIL, "register again to get a new one")
    if LIFECYCLE.allows(user.state, "verify"):
        user.state = LIFECYCLE.apply(user.state, "verify")
        user.password_hash = link.password_hash or user.password_hash
        audit_trail.record(user, "verify_email")
