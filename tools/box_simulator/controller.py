"""A simulated box controller of a drop-off location, for tests, the demo and `reclothes box`.

It is an OAuth machine client (RFC 6749, section 4.4) of the external gateway. It generates codes and verifies
grants by itself, stores its events until the platform has received them, and works without a network.
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
from tools.demo.people import Json, Staff, UnexpectedResponse, idempotency_key

MAX_EVENTS = 200  # per report


@dataclass
class Door:
    """A box and its door; `grant_id` is the grant that opened the door, while it is open."""

    id: str
    label: str
    is_occupied: bool
    grant_id: str | None = None


@dataclass
class PersistentState:
    """What survives a restart: events that the platform has not received, and grants that were used."""

    next_sequence: int = 1
    events: list[Json] = field(default_factory=list)
    used_grants: list[str] = field(default_factory=list)


class BoxController:
    """The controller of one location; `now` is its clock."""

    def __init__(
        self,
        base_url: str,
        ca_file: Path,
        client_id: str,
        client_secret: str,
        state_file: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._credentials = (client_id, client_secret)
        context = ssl.create_default_context(cafile=str(ca_file))
        self._client = httpx.Client(base_url=base_url, verify=context, timeout=10.0)
        self._token: str | None = None
        self._state_file = state_file
        self._state = _read_state(state_file)
        self._now = now
        self._keys: Json = {}
        self._code_key = b""
        self._offline_grants: list[Json] = []
        self.location_id = ""
        self.location_name = ""
        self.doors: dict[str, Door] = {}
        self.is_online = True

    def close(self) -> None:
        self._client.close()

    def connect(self) -> None:
        """Fetch keys and boxes, and send the events that are left from before a restart."""
        configuration = self._call("GET", "/locker/v1/controller")
        self.location_id, self.location_name = configuration["location_id"], configuration["location_name"]
        self._code_key = base64.urlsafe_b64decode(configuration["code_key"] + "=")
        self._keys = configuration["grant_keys"]
        self.doors = {box["id"]: Door(**box) for box in configuration["boxes"]}
        if not self._state.events:
            self._state.next_sequence = configuration["next_sequence"]
        self.sync()

    def code(self) -> str:
        """The text of the QR code on the screen."""
        return make_code(self._code_key, self.location_id, step_at(self._now()))

    def sync(self) -> list[Door]:
        """Send events, fetch the offline grants, and open the doors of new grants; return these doors."""
        if not self.is_online:
            return []
        self._send_events()
        self._offline_grants = self._call("GET", "/locker/v1/controller/offline-grants")["grants"]
        grants = self._call("GET", "/locker/v1/controller/grants")["grants"]
        opened = [self.open(grant["text"]) for grant in grants if not self._is_used(grant["grant_id"])]
        if opened:
            self._send_events()
        return opened

    def open(self, text: str) -> Door:
        """Open the door of a grant. Raises GrantRefused when it is for another location, expired or used."""
        try:
            claims = door_grants.check(text, self._keys, self.location_id, self._now())
            door = self._door_for(claims)
        except GrantRefused as error:
            self._record("refused", reason=str(error))
            raise
        door.grant_id = claims.grant_id
        self._state.used_grants.append(claims.grant_id)
        self._record("opened", grant_id=claims.grant_id, box_id=door.id)
        return door

    def _door_for(self, claims: GrantClaims) -> Door:
        if self._is_used(claims.grant_id):
            raise GrantRefused("the grant was used already")
        if claims.box_id not in self.doors:
            raise GrantRefused("the box is not at this location")
        return self.doors[claims.box_id]

    def open_offline(self, day_key: str) -> list[Door]:
        """Open the doors of the offline grants for the person whose phone shows this key."""
        key = base64.urlsafe_b64decode(day_key + "==")
        opened = []
        for grant in self._offline_grants:
            if self._is_used(grant["grant_id"]):
                continue
            try:
                text = door_grants.unwrap(grant["text"], key)
            except GrantRefused:
                continue  # for another person
            opened.append(self.open(text))
        if not opened:
            raise GrantRefused("there is no grant for this person today")
        return opened

    def close_door(self, door: Door, *, is_occupied: bool) -> None:
        """Close an open door; `is_occupied` is what the sensor of the box reports."""
        if door.grant_id is None:
            raise ValueError(f"the door of {door.label} is not open")
        grant_id, door.grant_id, door.is_occupied = door.grant_id, None, is_occupied
        self._record("closed", grant_id=grant_id, box_id=door.id, is_occupied=is_occupied)
        if self.is_online:
            self._send_events()

    def go_offline(self) -> None:
        """Disconnect from the network."""
        self.is_online = False
        self._record("offline")

    def go_online(self) -> None:
        """Reconnect to the network and send the events that happened meanwhile."""
        self.is_online = True
        self._record("online")
        self.sync()

    @property
    def unsent_events(self) -> int:
        """The number of events that the platform has not received yet."""
        return len(self._state.events)

    def _is_used(self, grant_id: str) -> bool:
        return grant_id in self._state.used_grants

    def _record(self, event_type: str, **fields: Any) -> None:
        event = {"sequence": self._state.next_sequence, "type": event_type, "at": rfc3339(self._now()), **fields}
        self._state.next_sequence += 1
        self._state.events.append(event)
        self._save()

    def _send_events(self) -> None:
        while self._state.events:
            batch = self._state.events[:MAX_EVENTS]
            response = self._call("POST", "/locker/v1/controller/events", json={"events": batch})
            next_sequence = response["next_sequence"]
            self._state.events = [event for event in self._state.events if event["sequence"] >= next_sequence]
            self._save()

    def _save(self) -> None:
        if self._state_file is not None:
            temporary = self._state_file.with_suffix(".new")
            temporary.write_text(json.dumps(vars(self._state)))
            temporary.replace(self._state_file)

    def _call(self, method: str, path: str, **arguments: Any) -> Json:
        response = self._send(method, path, arguments)
        if response.status_code == 401:
            self._token = None
            response = self._send(method, path, arguments)
        if response.status_code != 200:
            raise UnexpectedResponse(response, (200,))
        document: Json = response.json()
        return document

    def _send(self, method: str, path: str, arguments: dict[str, Any]) -> httpx.Response:
        if self._token is None:
            form = {"grant_type": "client_credentials", "scope": "locker:controller"}
            response = self._client.post("/auth/v1/oauth/tokens", data=form, auth=self._credentials)
            if response.status_code != 200:
                raise UnexpectedResponse(response, (200,))
            self._token = response.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._client.request(method, path, headers=headers, **arguments)


def _read_state(file: Path | None) -> PersistentState:
    if file is None or not file.exists():
        return PersistentState()
    return PersistentState(**json.loads(file.read_text()))


def register_controller(manager: Staff, location_id: str) -> tuple[str, str]:
    """Register an OAuth client as the controller of a location; return its id and secret."""
    client = {
        "name": f"Box controller {location_id[-6:]}",
        "kind": "confidential",
        "gateway": "external",
        "grant": "client_credentials",
        "redirect_uris": [],
        "scopes": ["locker:controller"],
    }
    created = manager.call("POST", "/auth/v1/oauth-clients", json=client, headers=idempotency_key(), expect=201)
    client_id = created.json()["client_id"]
    secret = manager.call("PUT", f"/auth/v1/oauth-clients/{client_id}/secret").json()["client_secret"]
    manager.call("PATCH", f"/locker/v1/locations/{location_id}", json={"controller_id": client_id})
    return client_id, secret
