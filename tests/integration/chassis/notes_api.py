"""The handlers of a small service of notes, with errors that the chassis has to handle."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.chassis import audit
from libs.chassis.db import session
from libs.chassis.events import EventRegistry
from libs.chassis.idempotency import stable_id
from libs.chassis.ids import new_id
from libs.chassis.pagination import page
from libs.chassis.problems import Conflict, NotFound


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str] = mapped_column(String(40), unique=True)


registry = EventRegistry("notes")
made: list[str] = []  # the ids that create_note was given, also when it failed


class Dies(BaseException):
    """Simulates the end of the process."""


def dump(note: Note) -> dict[str, Any]:
    return {"id": note.id, "title": note.title}


def list_notes(limit: int = 20, cursor: str | None = None, kind: str | None = None) -> dict[str, Any]:
    return page(
        select(Note), order_by=[(Note.title, "asc"), (Note.id, "asc")], limit=limit, cursor=cursor, dump=dump
    )


def list_drafts(limit: int = 20, cursor: str | None = None, kind: str | None = None) -> dict[str, Any]:
    return list_notes(limit, cursor, kind)


def create_note(body: dict[str, Any]) -> Any:
    note = Note(id=stable_id("not"), title=body["title"])
    made.append(note.id)
    session().add(note)
    session().flush()
    if body["text"] == "refuse":
        raise Conflict("not today")
    if body["text"] == "die":
        raise Dies
    return dump(note), 201, {"Location": f"/notes/v1/notes/{note.id}", "ETag": '"1"'}


def read_note(note_id: str) -> dict[str, Any]:
    note = session().get(Note, note_id)
    if note is None:
        raise NotFound
    return dump(note)


def delete_note(note_id: str) -> None:
    note = session().get(Note, note_id)
    if note is None:
        raise NotFound
    session().delete(note)


def play_fault(kind: str) -> Any:
    if kind == "bug":
        raise ZeroDivisionError("hush: select * from secrets")
    if kind == "broken-response":
        return {"id": "not_1", "hush": "internal name"}
    if kind == "database-unavailable":
        raise OperationalError("SELECT hush", {}, Exception("hush"))
    session().add(Note(id=new_id("not"), title="half done"))
    session().flush()
    if kind == "rollback":
        raise ZeroDivisionError
    if kind == "twice":
        session().add(Note(id=new_id("not"), title="half done"))
    if kind == "own-audit":
        audit.record("note.renamed", "not_1", before={"title": "a"}, after={"title": "b"})
    return {"id": "not_1", "title": kind}
