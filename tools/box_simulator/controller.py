"""A simulated box controller: what stands at a drop-off location, for tests, the demo and `reclothes box`.

It is an OAuth machine client (RFC 6749, 4.4) of the external gateway. It shows codes and checks grants by itself,
keeps its events until the platform has taken them, and goes on working without a network.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from libs.chassis import door_grants
from libs.chassis.clock import rfc3339
from libs.chassis.door_codes import make_code, step_at
from libs.chassis.door_grants import GrantClaims, GrantRefused
from tools.demo.people import Json, Staff, UnexpectedAnswer, idempotency_key

MOST_EVENTS = 200  # of one report


@dataclass
class Door:
    """One box as its controller knows it; `grant_id` while the door is open."""

    id: str
    label: str
    is_occupied: bool
    grant_id: str | None = None


@dataclass
class Memory:
    """What survives a power cut: events that nobody has taken yet, and grants that were used."""

    next_sequence: int = 1
    events: list[Json] = field(default_factory=list)
    used_grants: list[str] = field(default_factory=list)


class BoxController:
    """The controller of one location. `now` is its clock."""

    def __init__(
        self,
        base_url: str,
        ca_file: Path,
        client_id: str,
        client_secret: str,
        memory_file: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._credentials = (client_id, client_secret)
        context = ssl.create_default_context(cafile=str(ca_file))
        self._client = httpx.Client(base_url=base_url, verify=context, timeout=10.0)
        self._token: str | None = None
        self._memory_file = memory_file
        self._memory = _read_memory(memory_file)
        self._now = now
        self._keys: Json = {}
        self._code_key = b""
        self._ahead: list[Json] = []
        self.location_id = ""
        self.location_name = ""
        self.doors: dict[str, Door] = {}
        self.is_online = True

    def close(self) -> None:
        self._client.close()

    def connect(self) -> None:
        """Fetch keys and boxes, and send what is left from before."""
        setup = self._ask("GET", "/locker/v1/controller")
        self.location_id, self.location_name = setup["location_id"], setup["location_name"]
        self._code_key = base64.urlsafe_b64decode(setup["code_key"] + "=")
        self._keys = setup["grant_keys"]
        self.doors = {box["id"]: Door(box["id"], box["label"], box["is_occupied"]) for box in setup["boxes"]}
        if not self._memory.events:
            self._memory.next_sequence = setup["next_sequence"]
        self.sync()

    def code(self) -> str:
        """The text of the QR code on the screen."""
        return make_code(self._code_key, self.location_id, step_at(self._now()))

    def sync(self) -> list[Door]:
        """Report what happened, open what may be opened, and fetch the grants of the day: the doors that opened."""
        if not self.is_online:
            return []
        self._report()
        self._ahead = self._ask("GET", "/locker/v1/controller/offline-grants")["grants"]
        fresh = self._ask("GET", "/locker/v1/controller/grants")["grants"]
        opened = [self.open(grant["text"]) for grant in fresh if not self._is_used(grant["grant_id"])]
        if opened:
            self._report()
        return opened

    def open(self, text: str) -> Door:
        """Open the door of a grant; GrantRefused for one that is not for here, not for now, or was used."""
        try:
            claims = door_grants.check(text, self._keys, self.location_id, self._now())
            door = self._door_for(claims)
        except GrantRefused as refused:
            self._note("refused", reason=str(refused))
            raise
        door.grant_id = claims.grant_id
        self._memory.used_grants.append(claims.grant_id)
        self._note("opened", grant_id=claims.grant_id, box_id=door.id)
        return door

    def _door_for(self, claims: GrantClaims) -> Door:
        if self._is_used(claims.grant_id):
            raise GrantRefused("the grant was used already")
        if claims.box_id not in self.doors:
            raise GrantRefused("there is no such box here")
        return self.doors[claims.box_id]

    def open_ahead(self, day_key: str) -> list[Door]:
        """Open what is handed out for the day to the person whose phone shows this key, also without a network."""
        key = base64.urlsafe_b64decode(day_key + "==")
        opened = []
        for grant in self._ahead:
            if self._is_used(grant["grant_id"]):
                continue
            try:
                text = door_grants.unwrap(grant["text"], key)
            except GrantRefused:
                continue  # for somebody else
            opened.append(self.open(text))
        if not opened:
            raise GrantRefused("nothing here is for that person today")
        return opened

    def shut(self, door: Door, *, is_occupied: bool) -> None:
        """The door is closed, with something in the box or nothing."""
        if door.grant_id is None:
            raise ValueError(f"the door of {door.label} is not open")
        grant_id, door.grant_id, door.is_occupied = door.grant_id, None, is_occupied
        self._note("closed", grant_id=grant_id, box_id=door.id, is_occupied=is_occupied)
        if self.is_online:
            self._report()

    def go_offline(self) -> None:
        """The network is gone."""
        self.is_online = False
        self._note("offline")

    def come_back(self) -> None:
        """The network is there again: what happened meanwhile is told in order."""
        self.is_online = True
        self._note("online")
        self.sync()

    @property
    def unsent(self) -> int:
        """How many events the platform does not know yet."""
        return len(self._memory.events)

    def _is_used(self, grant_id: str) -> bool:
        return grant_id in self._memory.used_grants

    def _note(self, kind: str, **facts: Any) -> None:
        event = {"sequence": self._memory.next_sequence, "type": kind, "at": rfc3339(self._now()), **facts}
        self._memory.next_sequence += 1
        self._memory.events.append(event)
        self._save()

    def _report(self) -> None:
        while self._memory.events:
            part = self._memory.events[:MOST_EVENTS]
            answer = self._ask("POST", "/locker/v1/controller/events", json={"events": part})
            taken = answer["next_sequence"]
            self._memory.events = [event for event in self._memory.events if event["sequence"] >= taken]
            self._save()

    def _save(self) -> None:
        if self._memory_file is not None:
            fresh = self._memory_file.with_suffix(".new")
            fresh.write_text(json.dumps(vars(self._memory)))
            fresh.replace(self._memory_file)

    def _ask(self, method: str, path: str, **arguments: Any) -> Json:
        answer = self._send(method, path, arguments)
        if answer.status_code == 401:
            self._token = None
            answer = self._send(method, path, arguments)
        if answer.status_code != 200:
            raise UnexpectedAnswer(answer, (200,))
        document: Json = answer.json()
        return document

    def _send(self, method: str, path: str, arguments: dict[str, Any]) -> httpx.Response:
        if self._token is None:
            form = {"grant_type": "client_credentials", "scope": "locker:controller"}
            answer = self._client.post("/auth/v1/oauth/tokens", data=form, auth=self._credentials)
            if answer.status_code != 200:
                raise UnexpectedAnswer(answer, (200,))
            self._token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._client.request(method, path, headers=headers, **arguments)


def _read_memory(file: Path | None) -> Memory:
    return Memory(**json.loads(file.read_text())) if file is not None and file.exists() else Memory()


def install(manager: Staff, location_id: str) -> tuple[str, str]:
    """Register a controller as an OAuth client and make it the one of a location: its id and its secret."""
    client = {
        "name": f"Box controller {location_id[-6:]}",
        "kind": "confidential",
        "gateway": "external",
        "grant": "client_credentials",
        "redirect_uris": [],
        "scopes": ["locker:controller"],
    }
    made = manager.call("POST", "/auth/v1/oauth-clients", json=client, headers=idempotency_key(), expect=201).json()
    secret = manager.call("PUT", f"/auth/v1/oauth-clients/{made['client_id']}/secret").json()["client_secret"]
    path = f"/locker/v1/locations/{location_id}"
    manager.call("PATCH", path, json={"controller_id": made["client_id"]})
    return made["client_id"], secret
