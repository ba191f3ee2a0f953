"""What is up, since when, and how much memory it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.local_platform.layout import Layout
from tools.local_platform.supervision import control

KIB = 1024


@dataclass(frozen=True)
class Memory:
    """Resident memory in KiB: `rss` counts shared pages in each process, `pss` shares them out."""

    rss: int = 0
    pss: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.rss + other.rss, self.pss + other.pss)


def memory_of(pid: int) -> Memory:
    """Memory of a process and all its children (from /proc; nothing where there is none)."""
    total = Memory()
    for member in _family(pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        found = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:] if line.endswith("kB")}
        total += Memory(found.get("Rss", 0), found.get("Pss", 0))
    return total


def _family(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        try:
            for task in Path(f"/proc/{member}/task").iterdir():
                found.extend(int(child) for child in (task / "children").read_text().split())
        except OSError:
            continue
    return found


def show(layout: Layout, console: Console) -> int:
    """Print a table; 0 when all runs, 1 when something does not, 2 when nothing is there."""
    try:
        states = control(layout.control_socket).supervisor.getAllProcessInfo()
    except OSError:
        console.print(f"Nothing runs in {layout.run_dir}. Start it with `make run`.")
        return 2
    table = Table("process", "state", "pid", "since", "RSS MiB", "PSS MiB", box=None, pad_edge=False)
    total = Memory()
    for state in states:
        memory = memory_of(state["pid"]) if state["pid"] else Memory()
        total += memory
        colour = "green" if state["statename"] == "RUNNING" else "red"
        since = state["description"].partition("uptime ")[2] or state["description"]
        cells = [state["name"], f"[{colour}]{state['statename'].lower()}[/]", str(state["pid"] or ""), since]
        table.add_row(*cells, str(memory.rss // KIB), str(memory.pss // KIB))
    table.add_row("all", "", "", "", str(total.rss // KIB), str(total.pss // KIB), style="bold")
    console.print(table)
    return 0 if all(state["statename"] == "RUNNING" for state in states) else 1
