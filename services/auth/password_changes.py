"""Changing a password: by its owner, by a one-time link, or for somebody else (stories mf-eu-03, mf-iu-02)."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import email_addresses, jobs
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Forbidden
from services.auth import (
    accounts,
    login_throttle,
    messages,
    notifications,
    one_time_links,
    passwords,
    sessions,
    trail,
)
from services.auth.models import LinkRequest, User
from services.auth.settings import auth_settings

SET_PASSWORD = "password"  # noqa: S105 what a link is for
RESET_HOURS = 1
INVITATION_HOURS = 72
BATCH = 50
ASK_AGAIN = "ask for a new one"


class WrongPassword(Forbidden):
    slug, title = "wrong-password", "The present password is wrong"


def change(user_id: str, session_id: str | None, current: str, new: str) -> None:
    """Change the own password, and end all other sessions; WrongPassword counts like a failed log-in."""
    user = session().get_one(User, user_id)
    present_hash = user.password_hash
    passwords.refuse_weak(new, user.email, pointer="/new_password")
    session().commit()  # no transaction is open while passwords are hashed
    waits = login_throttle.count_try(user.kind, user.email)
    if not passwords.verify(present_hash, current):
        trail.record_refusal(user.id, user.kind, "change_password", "wrong-password", waits)
        raise WrongPassword("type the password that you log in with")
    login_throttle.forget_failures(user.kind, user.email)
    new_hash = passwords.hash_password(new)
    if not accounts.lock_matching(user, present_hash, current):  # voided by a link or by staff, like this session
        raise WrongPassword("it was changed meanwhile; log in again")
    _set(user, new_hash, "change_password", keep=session_id)


def ask_for_link(email: str) -> None:
    """Note that somebody wants a link; a job looks whose address it is, so that the time tells nothing."""
    email_addresses.require_valid(email)
    session().add(LinkRequest(id=new_id("lnk"), email=email.strip()))


def send_links() -> None:
    """Send the requested links, each in a transaction of its own."""
    requested = select(LinkRequest.id).order_by(LinkRequest.id).limit(BATCH)
    jobs.for_each("send password links", requested, _send_requested)


def _send_requested(request_id: str) -> None:
    request = session().get(LinkRequest, request_id, with_for_update=True)
    if request is not None:
        _send_link(request.email)
        session().delete(request)


def _send_link(email: str) -> None:
    """Send a link to a customer's address, if it is one."""
    user = accounts.find(email)
    if user is None or user.kind != "customer" or user.state != "active" or messages.too_many_to(user.email):
        return
    _mail_link(user, "reset-password", RESET_HOURS)
    trail.record(user, "request_password_reset")


def reset_for(user: User) -> None:
    """Void somebody's password, end their sessions and mail them a link: what staff do, who never see one."""
    user.password_hash = ""
    sessions.end_all(user, "password reset by staff")
    _mail_link(user, "password-reset-by-staff", INVITATION_HOURS)


def invite(user: User) -> None:
    """Mail a new internal user the link to set their first password."""
    _mail_link(user, "staff-invitation", INVITATION_HOURS)


def _mail_link(user: User, template: str, hours: int) -> None:
    one_time_links.void(user.id, _purpose(user.kind))
    token = one_time_links.issue(user, _purpose(user.kind), hours)
    base = auth_settings().external_base_url if user.kind == "customer" else auth_settings().internal_base_url
    link = f"{base}/set-password#token={token}"
    notifications.send_mail(user, template, f"{template}-{new_id('ntf')}", link=link, hours=hours)


def _purpose(kind: str) -> str:
    """Links of customers are worthless at the internal gateway, and the other way round."""
    return f"{SET_PASSWORD}-{kind}"


def set_by_link(token: str, password: str, kind: str) -> None:
    """Use a link of a user of `kind`, once, to set the password; an invited user is active then."""
    passwords.refuse_weak(password, "")
    session().commit()  # no transaction is open while the password is hashed
    password_hash = passwords.hash_password(password)
    user, _ = one_time_links.use(token, _purpose(kind), ASK_AGAIN)
    if user.state not in ("active", "invited"):
        raise one_time_links.LinkNotValid(ASK_AGAIN)
    passwords.refuse_weak(password, user.email)
    if user.state == "invited":
        user.state = "active"
        accounts.announce_staff(user)
    login_throttle.forget_account(user.kind, user.email)
    _set(user, password_hash, "set_password_by_link", keep=None)


def _set(user: User, password_hash: str, action: str, keep: str | None) -> None:
    user.password_hash = password_hash
    sessions.end_all(user, "password changed", but=keep)
    trail.record(user, action)
    notifications.send_mail(user, "password-changed", f"password-{new_id('ntf')}")
