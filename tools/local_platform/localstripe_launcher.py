"""Starts localstripe, the stand-in for the card payment provider, with four things that it has no options for.

It keeps its state in one fixed file under /tmp, which two platforms would share, and forgets its webhooks when it
stops: here the state file and the webhook come from the environment. It refuses a publishable key where the
provider takes one, when a browser hands over a card. It lists payments in the order of their making, where the
provider lists the newest first and takes a window of time. localstripe is GPL-3: it runs as this program of its own
and is part of no service.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
from pathlib import Path
from typing import Any

from aiohttp import web
from localstripe import resources, server, webhooks

EVENTS = ["payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled"]


def keep_state_in(path: Path) -> None:
    """Read and write localstripe's store in `path`, all of it or nothing.

    A `Store` dumps itself with every item it receives, and so does one that pickle is filling: nothing may be
    written before all of it is read, and what is written is a plain dictionary. A process that cannot write ends:
    it must not keep a change that the file does not have.
    """

    def load(store: dict[str, Any]) -> None:
        resources.Store.dump_to_disk = lambda _store: None
        if path.exists():
            store.update(pickle.loads(path.read_bytes()))  # noqa: S301 our own file, private to its owner
        resources.Store.dump_to_disk = dump

    def dump(store: dict[str, Any]) -> None:
        try:
            write_whole(path, pickle.dumps(dict(store)))
        except OSError as error:
            sys.stderr.write(f"{path} cannot be written ({error}); localstripe ends without the last change.\n")
            os._exit(1)

    resources.Store.try_load_from_disk = load
    resources.Store.dump_to_disk = dump


def write_whole(path: Path, content: bytes) -> None:
    """Replace the file by one that is completely on disk."""
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def accept_cards_from_browsers() -> None:
    """Let a publishable key make a payment method, as https://docs.stripe.com/keys says."""
    with_secret_key = server.get_api_key

    def get_api_key(request: web.Request) -> str | None:
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.method == "POST" and request.path == "/v1/payment_methods" and sent.startswith("pk_"):
            return sent
        found: str | None = with_secret_key(request)
        return found

    server.get_api_key = get_api_key


def list_by_time() -> None:
    """List intents and refunds newest first, and those made within `created` (https://docs.stripe.com/api)."""
    for kind in (resources.PaymentIntent, resources.Refund):
        kind._api_list_all = _newest_first(kind._api_list_all)


def _newest_first(list_all: Any) -> Any:
    def newest_first(url: str, created: dict[str, str] | None = None, **wanted: Any) -> Any:
        found = list_all(url, **wanted)
        window = created or {}
        since, until = int(window.get("gte", 0)), int(window.get("lt", 2**62))
        within = [one for one in found._list if since <= one.created < until]
        found._list = sorted(within, key=lambda one: one.created, reverse=True)
        return found

    return newest_first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    port = parser.parse_args().port
    keep_state_in(Path(os.environ["LOCALSTRIPE_STATE_FILE"]))
    accept_cards_from_browsers()
    list_by_time()
    resources.store.try_load_from_disk()
    url, secret = os.environ["LOCALSTRIPE_WEBHOOK_URL"], os.environ["LOCALSTRIPE_WEBHOOK_SECRET"]
    webhooks.register_webhook("reclothes", url, secret, EVENTS)
    web.run_app(server.app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main()
