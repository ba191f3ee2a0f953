"""The terminal screen of a simulated box controller: its QR code, its doors, and what one can do with them."""

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
from tools.box_simulator.controller import BoxController, Door, install
from tools.demo.people import Staff, UnexpectedAnswer
from tools.local_platform.layout import Layout

HELP = (
    "full A3: close A3 on clothes   empty A3: close it with nothing in it   key …: a phone shows its day key\n"
    "offline: pull the network plug   online: put it back   quit"
)


class Screen:
    """Turns typed lines into what happens at a location, and draws what there is to see."""

    def __init__(self, controller: BoxController, console: Console) -> None:
        self._controller = controller
        self._console = console
        self._drawn = ""
        self.message = "Scan the code with the app to open your box."
        self._commands: dict[str, Callable[[str], str]] = {
            "full": lambda label: self._shut(label, is_occupied=True),
            "empty": lambda label: self._shut(label, is_occupied=False),
            "key": self._show_key,
            "offline": self._go_offline,
            "online": self._come_back,
        }

    def tick(self) -> None:
        """Ask the platform what is to be opened; a fault of the network is shown, and tried again."""
        try:
            opened = self._controller.sync()
        except (httpx.HTTPError, UnexpectedAnswer) as error:
            self.message = (
                f"The platform cannot be reached ({type(error).__name__}); {self._controller.unsent} waiting"
            )
            return
        except GrantRefused as refused:
            self.message = str(refused)
            return
        if opened:
            self.message = f"Open: {_labels(opened)}"

    def obey(self, line: str) -> bool:
        """Do what was typed; False for `quit`."""
        word, _, rest = line.strip().partition(" ")
        if word in ("quit", "q"):
            return False
        if word:
            command = self._commands.get(word)
            try:
                self.message = command(rest.strip()) if command else f"{word!r} is nothing I know"
            except (GrantRefused, ValueError) as error:
                self.message = str(error)
        return True

    def draw(self) -> None:
        """Draw anew if there is anything new to see."""
        seen = f"{self._controller.code()}{self.message}{self._controller.unsent}{self._controller.doors}"
        if seen == self._drawn:
            return
        self._drawn = seen
        if self._console.is_terminal:
            self._console.clear()
        self._console.print(self._picture())

    def _picture(self) -> Group:
        controller = self._controller
        network = "" if controller.is_online else f"  (no network, {controller.unsent} events waiting)"
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

    def _shut(self, label: str, *, is_occupied: bool) -> str:
        for door in self._controller.doors.values():
            if door.label.casefold() == label.casefold():
                self._controller.shut(door, is_occupied=is_occupied)
                return f"{door.label} is closed, {'full' if is_occupied else 'empty'}."
        return f"there is no box {label!r} here"

    def _show_key(self, key: str) -> str:
        return f"Open: {_labels(self._controller.open_ahead(key))}"

    def _go_offline(self, _: str) -> str:
        self._controller.go_offline()
        return "The network is gone. Deliverymen can show their day key."

    def _come_back(self, _: str) -> str:
        self._controller.come_back()
        return "The network is back, and everything is told."


def _labels(doors: list[Door]) -> str:
    return ", ".join(door.label for door in doors)


def run(layout: Layout, location_name: str, console: Console) -> int:
    """Be the controller of a location until `quit`; the exit code."""
    manager = Staff(layout.url_of_gateway("internal"), layout.ca_file, "manager@reclothes.example")
    manager.log_in()
    location = _find(manager, location_name)
    if location is None:
        console.print(f"There is no location {location_name!r}; `--list` shows those that there are.")
        return 2
    controller = _controller(layout, manager, location["id"], location["controller_id"])
    manager.close()
    controller.connect()
    _loop(Screen(controller, console))
    controller.close()
    return 0


def show_locations(layout: Layout, console: Console) -> int:
    """List the locations by name."""
    manager = Staff(layout.url_of_gateway("internal"), layout.ca_file, "manager@reclothes.example")
    manager.log_in()
    for found in _locations(manager):
        console.print(f"{found['name']}: {found['boxes']['free']} boxes free, {found['boxes']['occupied']} full")
    manager.close()
    return 0


def _loop(screen: Screen) -> None:
    while True:
        screen.tick()
        screen.draw()
        ready, _, _ = select.select([sys.stdin], [], [], 1.0)
        if ready:
            line = sys.stdin.readline()
            if not line or not screen.obey(line):
                return


def _locations(manager: Staff) -> list[dict[str, dict[str, int]]]:
    found, cursor = [], None
    while True:
        query = {"limit": 100} | ({"cursor": cursor} if cursor else {})
        page = manager.call("GET", "/locker/v1/occupancies", params=query).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def _find(manager: Staff, name: str) -> dict[str, str] | None:
    for found in _locations(manager):
        if str(found["name"]).casefold() == name.casefold():
            return dict(found)  # type: ignore[arg-type]
    return None


def _controller(layout: Layout, manager: Staff, location_id: str, controller_id: str | None) -> BoxController:
    """The location's controller with the credentials of the last time, or installed anew."""
    folder = layout.run_dir / "boxes"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{location_id}.json"
    kept = json.loads(file.read_text()) if file.exists() else None
    if kept is None or kept["client_id"] != controller_id:
        client_id, secret = install(manager, location_id)
        kept = {"client_id": client_id, "secret": secret}
        _write_private(file, json.dumps(kept))
        (folder / f"{location_id}.memory").unlink(missing_ok=True)
    return BoxController(
        layout.url_of_gateway("external"),
        layout.ca_file,
        kept["client_id"],
        kept["secret"],
        folder / f"{location_id}.memory",
    )


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
