"""Rebuild now what the worker rebuilds in the background: `python -m services.shopping.rebuild --dry-run`.

Search terms and photos are derived data. They carry the version of the rules that built them (`TERMS_VERSION`,
`PHOTOS_VERSION`) and are rebuilt when it is raised.
"""

from __future__ import annotations

import argparse
import json

from libs.chassis.service import start_process
from services.shopping.photos.rebuild import rebuild_photos
from services.shopping.products.search_index import rebuild_search_index

REBUILDS = {"photos": rebuild_photos, "search-terms": rebuild_search_index}


def main() -> None:
    """Print one JSON object for each product that is, or with --dry-run would be, rebuilt."""
    parser = argparse.ArgumentParser(prog="python -m services.shopping.rebuild", description=__doc__)
    parser.add_argument("--only", choices=REBUILDS, help="rebuild only this instead of everything")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    start_process("shopping")
    for name in [arguments.only] if arguments.only else REBUILDS:
        for report in REBUILDS[name](0, dry_run=arguments.dry_run):
            print(json.dumps({"rebuild": name, **report}))  # noqa: T201


if __name__ == "__main__":
    main()
