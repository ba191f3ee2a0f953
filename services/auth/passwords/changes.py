"""Change passwords: by their owner, by a mailed link, or on behalf of staff (stories mf-eu-03, mf-iu-02)."""

from __future__ import annotations

from sqlalchemy import Select, select

from libs.chassis import email_addresses
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Forbidden
from services.auth import audit_trail
from services.auth.accounts import one_time_links, users
from services.auth.accounts.tables import User
from services.auth.notifications import outgoing_messages, sending
from services.auth.passwords.rules import require_strong
from services.auth.passwords.tables import PasswordResetRequest
from services.auth.sessions import login_throttle, revocation
from services.auth.settings import auth_settings
from services.auth.staff.events import publish_staff_changed
from services.auth.staff.rules import LIFECYCLE

RESET_HOURS = 1
INVITATION_HOURS = 72
BATCH_SIZE = 50
NEW_LINK_ADVICE = "request a new one"


class WrongPassword(Forbidden):
    slug, title = "wrong-password", "The current password is wrong"


def set_password(user: User, password_hash: str, action: str, *, keep_session: str | None = None) -> None:
    """Store a new password, revoke the user's other sessions and mail the user about it."""
    user.password_hash = password_hash
    revocation.revoke_all(user, "password changed", keep=keep_session)
    audit_trail.record(user, action)
    sending.send_mail(user, "password-changed", f"password-{new_id('ntf')}")


def set_password_by_link(token: str, password: str, password_hash: str, kind: str) -> None:
    """Use a link of a user of `kind` to set the password; an invited user becomes active.

    Raises:
        LinkNotValid: the link is unknown, used or expired, or the account may not log in.
    """
    user, _ = one_time_links.use(token, _get_purpose(kind), NEW_LINK_ADVICE)
    if user.state not in ("active", "invited"):
        raise one_time_links.LinkNotValid(NEW_LINK_ADVICE)
    require_strong(password, user.email)
    if LIFECYCLE.allows(user.state, "activate"):
        user.state = LIFECYCLE.apply(user.state, "activate")
        publish_staff_changed(user)
    login_throttle.reset_account(user.kind, user.email)
    set_password(user, password_hash, "set_password_by_link")


def request_reset(email: str) -> None:
    """Store a request for a link. A job looks up the account, so that response times reveal nothing about it."""
    email_addresses.require_valid(email)
    session().add(PasswordResetRequest(id=new_id("lnk"), email=email.strip()))


def select_reset_requests() -> Select[str]:
    return select(PasswordResetRequest.id).order_by(PasswordResetRequest.id).limit(BATCH_SIZE)


def process_reset_request(request_id: str) -> None:
    """Mail the requested link, if the address belongs to an active customer, and delete the request."""
    request = session().get(PasswordResetRequest, request_id, with_for_update=True)
    if request is None:
        return
    mail_reset_link(request.email)
    session().delete(request)


def mail_reset_link(email: str) -> None:
    """Mail a link to a customer's address; do nothing for any other address."""
    user = users.find_by_email(email)
    if user is None or user.kind != "customer" or user.state != "active":
        return
    if outgoing_messages.is_rate_limited(user.email):
        return
    _mail_link(user, "reset-password", RESET_HOURS)
    audit_trail.record(user, "request_password_reset")


def reset_by_staff(user: User) -> None:
    """Void the password, revoke all sessions and mail the user a link; staff see neither password nor link."""
    user.password_hash = ""
    revocation.revoke_all(user, "password reset by staff")
    _mail_link(user, "password-reset-by-staff", INVITATION_HOURS)


def invite(user: User) -> None:
    """Mail a new internal user the link to set the first password."""
    _mail_link(user, "staff-invitation", INVITATION_HOURS)


def _mail_link(user: User, template: str, hours: int) -> None:
    purpose = _get_purpose(user.kind)
    one_time_links.void_all(user.id, purpose)
    token = one_time_links.create(user, purpose, hours)
    base = auth_settings().external_base_url if user.kind == "customer" else auth_settings().internal_base_url
    link = f"{base}/set-password#token={token}"
    sending.send_mail(user, template, f"{template}-{new_id('ntf')}", link=link, hours=hours)


def _get_purpose(kind: str) -> str:
    """Return a purpose for each kind of user: a customer's link must not work at the internal gateway."""
    return f"password-{kind}"
