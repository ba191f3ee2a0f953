"""The terminal screen of a simulated box controller: its QR code, its doors, and commands for them."""

from __future__ import annotations

import io
import json
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import segno
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from libs.chassis.door_grants import GrantRefused
from tools.box_simulator.controller import BoxController, Door, register_controller
from tools.demo.people import Json, Staff, UnexpectedResponse
from tools.local_platform.layout import Layout

HELP = (
    "full A3: close A3 with clothes in it   empty A3: close it empty   key …: show the day key of a phone\n"
    "offline: disconnect the network   online: connect it again   quit"
)


class Screen:
    """Draws the state of a controller and runs the commands that are typed."""

    def __init__(self, controller: BoxController, console: Console) -> None:
        self._controller = controller
        self._console = console
        self._drawn = ""
        self.message = "Scan the code with the app to open your box."
        self._commands: dict[str, Callable[[str], str]] = {
            "full": lambda label: self._close(label, is_occupied=True),
            "empty": lambda label: self._close(label, is_occupied=False),
            "key": self._open_offline,
            "offline": self._go_offline,
            "online": self._go_online,
        }

    def tick(self) -> None:
        """Synchronize with the platform; a network error is displayed, and the next tick tries again."""
        try:
            opened = self._controller.sync()
        except (httpx.HTTPError, UnexpectedResponse) as error:
            unsent = self._controller.unsent_events
            self.message = f"The platform cannot be reached ({type(error).__name__}); {unsent} events are waiting."
            return
        except GrantRefused as error:
            self.message = str(error)
            return
        if opened:
            self.message = f"Open: {_labels(opened)}"

    def run_command(self, line: str) -> bool:
        """Run a command that was typed; False for `quit`."""
        word, _, rest = line.strip().partition(" ")
        if word in ("quit", "q"):
            return False
        if word:
            command = self._commands.get(word)
            try:
                self.message = command(rest.strip()) if command else f"{word!r} is not a command."
            except (GrantRefused, ValueError) as error:
                self.message = str(error)
        return True

    def draw(self) -> None:
        """Draw the screen again if it has changed."""
        content = f"{self._controller.code()}{self.message}{self._controller.unsent_events}{self._controller.doors}"
        if content == self._drawn:
            return
        self._drawn = content
        if self._console.is_terminal:
            self._console.clear()
        self._console.print(self._render())

    def _render(self) -> Group:
        controller = self._controller
        network = "" if controller.is_online else f"  (no network, {controller.unsent_events} events waiting)"
        table = Table(box=None, padding=(0, 2), show_header=False)
        for door in controller.doors.values():
            state = "OPEN" if door.grant_id else "full" if door.is_occupied else "empty"
            table.add_row(door.label, state)
        qr = io.StringIO()
        segno.make(controller.code(), error="m", micro=False).terminal(qr, border=2, compact=True)
        return Group(
            Text(f"{controller.location_name}{network}", style="bold"),
            Text.from_ansi(qr.getvalue()),
            Text(controller.code(), style="dim"),
            table,
            Text(self.message, style="bold"),
            Text(HELP, style="dim"),
        )

    def _close(self, label: str, *, is_occupied: bool) -> str:
        for door in self._controller.doors.values():
            if door.label.casefold() == label.casefold():
                self._controller.close_door(door, is_occupied=is_occupied)
                return f"{door.label} is closed, {'full' if is_occupied else 'empty'}."
        return f"This location has no box {label!r}."

    def _open_offline(self, day_key: str) -> str:
        return f"Open: {_labels(self._controller.open_offline(day_key))}"

    def _go_offline(self, _: str) -> str:
        self._controller.go_offline()
        return "The network is disconnected. Deliverymen can show their day key."

    def _go_online(self, _: str) -> str:
        self._controller.go_online()
        return "The network is connected, and all events were sent."


def _labels(doors: list[Door]) -> str:
    return ", ".join(door.label for door in doors)


def run(layout: Layout, location_name: str, console: Console) -> int:
    """Act as the controller of a location until `quit`; return the exit code."""
    manager = Staff(layout.gateway_url("internal"), layout.ca_file, "manager@reclothes.example")
    manager.log_in()
    location = _find_location(manager, location_name)
    if location is None:
        console.print(f"There is no location {location_name!r}. Run `reclothes box --list` to list all locations.")
        return 2
    controller = _load_controller(layout, manager, location["id"], location["controller_id"])
    manager.close()
    controller.connect()
    _loop(Screen(controller, console))
    controller.close()
    return 0


def show_locations(layout: Layout, console: Console) -> int:
    """Print the locations by name."""
    manager = Staff(layout.gateway_url("internal"), layout.ca_file, "manager@reclothes.example")
    manager.log_in()
    for location in _list_locations(manager):
        boxes = location["boxes"]
        console.print(f"{location['name']}: {boxes['free']} boxes free, {boxes['occupied']} occupied")
    manager.close()
    return 0


def _loop(screen: Screen) -> None:
    while True:
        screen.tick()
        screen.draw()
        ready, _, _ = select.select([sys.stdin], [], [], 1.0)
        if ready:
            line = sys.stdin.readline()
            if not line or not screen.run_command(line):
                return


def _list_locations(manager: Staff) -> list[Json]:
    locations, cursor = [], None
    while True:
        query = {"limit": 100} | ({"cursor": cursor} if cursor else {})
        page = manager.call("GET", "/locker/v1/occupancies", params=query).json()
        locations += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return locations


def _find_location(manager: Staff, name: str) -> Json | None:
    for location in _list_locations(manager):
        if location["name"].casefold() == name.casefold():
            return location
    return None


def _load_controller(layout: Layout, manager: Staff, location_id: str, controller_id: str | None) -> BoxController:
    """The controller of the location with its stored credentials; registered again if there are none."""
    folder = layout.run_dir / "boxes"
    folder.mkdir(mode=0o700, exist_ok=True)
    file, state_file = folder / f"{location_id}.json", folder / f"{location_id}.state"
    credentials = json.loads(file.read_text()) if file.exists() else None
    if credentials is None or credentials["client_id"] != controller_id:
        client_id, secret = register_controller(manager, location_id)
        credentials = {"client_id": client_id, "secret": secret}
        _write_private(file, json.dumps(credentials))
        state_file.unlink(missing_ok=True)
    url = layout.gateway_url("external")
    return BoxController(url, layout.ca_file, credentials["client_id"], credentials["secret"], state_file)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
