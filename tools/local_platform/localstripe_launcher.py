"""Start localstripe, the emulator of the payment provider, with four changes for which it has no options.

- Its state is in a file of this platform instead of a fixed file under /tmp.
- The webhook comes from the environment, since localstripe does not store it.
- A publishable key may create a payment method, as the provider's script in a browser does.
- Payments are listed newest first and within a window of time.

localstripe is GPL-3: it runs as a program of its own and is part of no service.
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


def store_state_in(path: Path) -> None:
    """Load and save localstripe's store atomically in `path`.

    A `Store` saves itself with every item that it receives, also while pickle fills it. So nothing is saved before
    loading is complete, and a plain dictionary is saved. The process ends when it cannot save a change.
    """

    def load(store: dict[str, Any]) -> None:
        resources.Store.dump_to_disk = lambda _store: None
        if path.exists():
            store.update(pickle.loads(path.read_bytes()))  # noqa: S301 our own file, private to its owner
        resources.Store.dump_to_disk = dump

    def dump(store: dict[str, Any]) -> None:
        try:
            write_atomically(path, pickle.dumps(dict(store)))
        except OSError as error:
            sys.stderr.write(f"{path} cannot be written ({error}). localstripe ends without the last change.\n")
            os._exit(1)

    resources.Store.try_load_from_disk = load
    resources.Store.dump_to_disk = dump


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file when the new content is completely on disk."""
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def accept_cards_from_browsers() -> None:
    """Allow publishable keys to create payment methods (https://docs.stripe.com/keys)."""
    with_secret_key = server.get_api_key

    def get_api_key(request: web.Request) -> str | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.method == "POST" and request.path == "/v1/payment_methods" and token.startswith("pk_"):
            return token
        key: str | None = with_secret_key(request)
        return key

    server.get_api_key = get_api_key


def list_by_time() -> None:
    """List intents and refunds newest first and filtered by `created` (https://docs.stripe.com/api)."""
    for kind in (resources.PaymentIntent, resources.Refund):
        kind._api_list_all = _newest_first(kind._api_list_all)


def _newest_first(list_all: Any) -> Any:
    def newest_first(url: str, created: dict[str, str] | None = None, **filters: Any) -> Any:
        page = list_all(url, **filters)
        window = created or {}
        since, until = int(window.get("gte", 0)), int(window.get("lt", 2**62))
        within = [one for one in page._list if since <= one.created < until]
        page._list = sorted(within, key=lambda one: one.created, reverse=True)
        return page

    return newest_first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    port = parser.parse_args().port
    store_state_in(Path(os.environ["LOCALSTRIPE_STATE_FILE"]))
    accept_cards_from_browsers()
    list_by_time()
    resources.store.try_load_from_disk()
    url, secret = os.environ["LOCALSTRIPE_WEBHOOK_URL"], os.environ["LOCALSTRIPE_WEBHOOK_SECRET"]
    webhooks.register_webhook("reclothes", url, secret, EVENTS)
    web.run_app(server.app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main()
