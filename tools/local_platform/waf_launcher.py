"""Runs the web application firewall: checks that its rules are loaded, then starts nginx and keeps its log clean.

What ModSecurity says of a rule that matched holds what the client sent, which may be a token or a password. So its
lines are written anew: the rule, the field and the request, and not what stood in the field.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from tools.local_platform.waf_packages import WafPrograms

# nginx says "(rules loaded inline/local/remote: 0/493/0)"; the core rule set alone has more than this.
FEWEST_RULES = 400
_LOADED = re.compile(r"rules loaded inline/local/remote: (\d+)/(\d+)/(\d+)")
_HEAD = re.compile(r"^(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d) \[(\w+)\] (?:\d+#\d+: )?(?:\*\d+ )?")
_RULE = re.compile(r'\[line "\d+"\] \[id "(\d+)"\] \[rev "[^"]*"\] \[msg "([^"]*)"\] \[data "')
_REQUEST = re.compile(r'\[unique_id "([0-9a-f]{32})"\]')
_FIELD = re.compile(r"(?:against variable `|found within )([A-Z_]+(?::[\w.-]+)?)")
_UNINTERESTING = ("debug", "info", "notice")


def nginx_command(config_dir: Path, prefix: Path) -> list[str]:
    """nginx with a prefix of its own; it ends with this process."""
    programs = programs_of(config_dir)
    ends_with_parent = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
    options = ["-p", str(prefix), "-c", str(config_dir / "nginx.conf"), "-e", "stderr"]
    return [*ends_with_parent, str(programs.nginx), *options]


def programs_of(config_dir: Path) -> WafPrograms:
    return WafPrograms(Path(json.loads((config_dir / "programs.json").read_text())["prefix"]))


def surroundings(config_dir: Path) -> dict[str, str]:
    """The environment of nginx, which needs some libraries that the system may lack."""
    return os.environ | {"LD_LIBRARY_PATH": str(programs_of(config_dir).libraries)}


def loaded_rules(config_dir: Path, prefix: Path) -> int:
    """How many rules nginx loads from this configuration; SystemExit when it does not take it."""
    command = [*nginx_command(config_dir, prefix), "-t"]
    answer = subprocess.run(
        command, cwd=config_dir, env=surroundings(config_dir), capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise SystemExit(f"The firewall's configuration is wrong, so it does not start:\n{answer.stderr}")
    found = _LOADED.search(answer.stderr)
    return sum(map(int, found.groups())) if found else 0


def clean(lines: Iterable[str]) -> Iterator[str]:
    """What of nginx's log is to be kept, as JSON lines without what a client sent but for addresses."""
    for line in lines:
        head = _HEAD.match(line)
        entry = {"timestamp": f"{head[1]}-{head[2]}-{head[3]}T{head[4]}" if head else None, "service": "waf"}
        if "ModSecurity: " in line:
            yield json.dumps(entry | _about_rule(line))
        elif head is None or head[5] not in _UNINTERESTING:
            # nginx appends the request with its query.
            message = line[head.end() if head else 0 :].split(", client:")[0].strip()
            yield json.dumps(entry | {"message": message})


def _about_rule(line: str) -> dict[str, str | None]:
    rule, request, field = _RULE.search(line), _REQUEST.search(line), _FIELD.search(line)
    return {
        "event": "blocked" if "ModSecurity: Access denied" in line else "rule matched",
        "rule": rule[1] if rule else None,
        "message": rule[2] if rule else None,
        "field": field[1] if field else None,
        "waf_id": request[1] if request else None,
    }


def main() -> int:
    """Check, start, and wait; nginx's exit code."""
    config_dir, prefix = Path(sys.argv[1]), Path(sys.argv[2])
    rules = loaded_rules(config_dir, prefix)
    if rules < FEWEST_RULES:
        raise SystemExit(f"Only {rules} rules are loaded, fewer than {FEWEST_RULES}: the firewall does not start.")
    _write(json.dumps({"service": "waf", "message": "rules loaded", "rules": rules}))
    process = subprocess.Popen(
        nginx_command(config_dir, prefix),
        cwd=config_dir,
        env=surroundings(config_dir),
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.send_signal(signal.SIGTERM))
    assert process.stderr is not None
    _write_all(process.stderr)
    return process.wait()


def _write_all(lines: IO[str]) -> None:
    for line in clean(lines):
        _write(line)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
