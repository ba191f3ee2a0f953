"""Convert what earlier releases stored, now instead of in the worker: `python -m services.shopping.conversions`."""

from __future__ import annotations

import argparse
import json

from libs.chassis.service import start_process
from services.shopping.photo_conversion import convert_photos
from services.shopping.term_conversion import convert_terms

CONVERSIONS = {"photos": convert_photos, "terms": convert_terms}


def main() -> None:
    """Prints one JSON object for each product that is, or with --dry-run would be, converted."""
    parser = argparse.ArgumentParser(prog="python -m services.shopping.conversions", description=__doc__)
    parser.add_argument("--only", choices=CONVERSIONS, help="one of them instead of all")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    start_process("shopping")
    for name in [arguments.only] if arguments.only else CONVERSIONS:
        for report in CONVERSIONS[name](0, dry_run=arguments.dry_run):
            print(json.dumps({"conversion": name, **report}))  # noqa: T201


if __name__ == "__main__":
    main()
