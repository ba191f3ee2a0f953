"""The user stories with the result of their acceptance tests."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from rich.console import Console

from tools.project import ROOT

STORIES = ROOT / "docs" / "stories.tsv"
RESULTS = ROOT / ".run" / "test-results.json"


def show(console: Console, stories: Path = STORIES, results: Path = RESULTS) -> int:
    """Print each story with its result in the last test run; returns 0."""
    with stories.open() as file:
        rows = csv.reader(file, delimiter="\t")
        next(rows)  # the header: id, role, domains, capability
        all_stories = list(rows)
    outcomes: dict[str, dict[str, list[str]]] = {"passed": {}, "failed": {}}
    if results.exists():
        outcomes = json.loads(results.read_text())["stories"]
    else:
        console.print(f"There are no test results yet ({results}). Run `make test` first.")
    passing = 0
    for story_id, role, _domains, capability in all_stories:
        state = "[red]no test[/]"
        if outcomes["failed"].get(story_id):
            state = "[red]fails[/]  "
        elif outcomes["passed"].get(story_id):
            state, passing = "[green]passes[/] ", passing + 1
        line = f"{state} {story_id:11} {role:18} {capability}"
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"{passing} of {len(all_stories)} stories have a passing test.")
    return 0
