"""The state of every process of a platform, since when it runs, and its memory."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from tools.local_platform.layout import Layout
from tools.local_platform.supervision import control

MIB = 1024 * 1024


class Memory(NamedTuple):
    """Resident memory in bytes: `rss` counts shared pages in each process, `pss` divides them."""

    rss: int
    pss: int


def memory_of(pid: int) -> Memory:
    """Return the memory of a process and all its children."""
    rss = pss = 0
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.Error):
                memory = process.memory_full_info()
                rss, pss = rss + memory.rss, pss + memory.pss
    return Memory(rss, pss)


def show(layout: Layout, console: Console) -> int:
    """Print a table; 0 when every process runs, 1 when one does not, 2 when there is no platform."""
    try:
        states = control(layout.control_socket).supervisor.getAllProcessInfo()
    except OSError:
        console.print(f"No platform runs in {layout.run_dir}. Start it with `make run`.")
        return 2
    table = Table("process", "state", "pid", "since", "RSS MiB", "PSS MiB", box=None, pad_edge=False)
    memories = [memory_of(state["pid"]) if state["pid"] else Memory(0, 0) for state in states]
    for state, memory in zip(states, memories, strict=True):
        colour = "green" if state["statename"] == "RUNNING" else "red"
        since = state["description"].partition("uptime ")[2] or state["description"]
        cells = [state["name"], f"[{colour}]{state['statename'].lower()}[/]", str(state["pid"] or ""), since]
        table.add_row(*cells, *(str(value // MIB) for value in memory))
    totals = (str(sum(values) // MIB) for values in zip(*memories, strict=True))
    table.add_row("all", "", "", "", *totals, style="bold")
    console.print(table)
    return 0 if all(state["statename"] == "RUNNING" for state in states) else 1
