"""Run the web application firewall: check that its rules are loaded, start nginx and filter its log.

ModSecurity logs the matched input, which may be a token or a password. So its lines are replaced by ones with the
rule, the field and the request id only.
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

# nginx logs "(rules loaded inline/local/remote: 0/493/0)"; the core rule set alone has more than this.
MIN_RULES = 400
_LOADED = re.compile(r"rules loaded inline/local/remote: (\d+)/(\d+)/(\d+)")
_HEAD = re.compile(r"^(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d) \[(\w+)\] (?:\d+#\d+: )?(?:\*\d+ )?")
_RULE = re.compile(r'\[line "\d+"\] \[id "(\d+)"\] \[rev "[^"]*"\] \[msg "([^"]*)"\] \[data "')
_REQUEST = re.compile(r'\[unique_id "([0-9a-f]{32})"\]')
_FIELD = re.compile(r"(?:against variable `|found within )([A-Z_]+(?::[\w.-]+)?)")
_IGNORED_LEVELS = ("debug", "info", "notice")


def nginx_command(config_dir: Path, prefix: Path) -> list[str]:
    """Return the command line of nginx, which ends with this process."""
    programs = read_programs(config_dir)
    ends_with_parent = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
    options = ["-p", str(prefix), "-c", str(config_dir / "nginx.conf"), "-e", "stderr"]
    return [*ends_with_parent, str(programs.nginx), *options]


def read_programs(config_dir: Path) -> WafPrograms:
    return WafPrograms(Path(json.loads((config_dir / "programs.json").read_text())["prefix"]))


def nginx_environment(config_dir: Path) -> dict[str, str]:
    """Return the environment of nginx with the shared libraries that the system may not have."""
    return os.environ | {"LD_LIBRARY_PATH": str(read_programs(config_dir).libraries)}


def count_rules(config_dir: Path, prefix: Path) -> int:
    """Return how many rules nginx loads; SystemExit when the configuration is invalid."""
    command = [*nginx_command(config_dir, prefix), "-t"]
    completed = subprocess.run(
        command, cwd=config_dir, env=nginx_environment(config_dir), capture_output=True, text=True, check=False
    )
    if completed.returncode != 0:
        raise SystemExit(f"The configuration of the firewall is invalid, so it does not start:\n{completed.stderr}")
    match = _LOADED.search(completed.stderr)
    return sum(map(int, match.groups())) if match else 0


def filter_log(lines: Iterable[str]) -> Iterator[str]:
    """Yield nginx's log as JSON lines without input of clients, except for their addresses."""
    for line in lines:
        head = _HEAD.match(line)
        entry = {"timestamp": f"{head[1]}-{head[2]}-{head[3]}T{head[4]}" if head else None, "service": "waf"}
        if "ModSecurity: " in line:
            yield json.dumps(entry | _rule_entry(line))
        elif head is None or head[5] not in _IGNORED_LEVELS:
            # nginx appends the request line with its query.
            message = line[head.end() if head else 0 :].split(", client:")[0].strip()
            yield json.dumps(entry | {"message": message})


def _rule_entry(line: str) -> dict[str, str | None]:
    rule, request, field = _RULE.search(line), _REQUEST.search(line), _FIELD.search(line)
    return {
        "event": "blocked" if "ModSecurity: Access denied" in line else "rule matched",
        "rule": rule[1] if rule else None,
        "message": rule[2] if rule else None,
        "field": field[1] if field else None,
        "waf_id": request[1] if request else None,
    }


def main() -> int:
    """Check the rules, run nginx and return its exit code."""
    config_dir, prefix = Path(sys.argv[1]), Path(sys.argv[2])
    rules = count_rules(config_dir, prefix)
    if rules < MIN_RULES:
        raise SystemExit(
            f"Only {rules} rules are loaded instead of {MIN_RULES} or more. The firewall does not start."
        )
    _write(json.dumps({"service": "waf", "message": "rules loaded", "rules": rules}))
    process = subprocess.Popen(
        nginx_command(config_dir, prefix),
        cwd=config_dir,
        env=nginx_environment(config_dir),
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
    for line in filter_log(lines):
        _write(line)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
