"""The three servers that bench_chassis.py compares, with the same two operations."""

from __future__ import annotations

import os
from typing import Any

import connexion
import flask

from libs.chassis import connexion_adapter


def get_things(limit: int = 20) -> dict[str, Any]:
    return {"items": [{"id": number, "name": "coat"} for number in range(limit)]}


def post_thing(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    return {"id": 1, **body}, 201


def flask_app() -> flask.Flask:
    app = flask.Flask("bench")
    app.add_url_rule("/things", "get", lambda: get_things(int(flask.request.args["limit"])))
    app.add_url_rule("/things", "post", lambda: post_thing(flask.request.get_json()), methods=["POST"])
    return app


def _connexion(**options: Any) -> connexion.FlaskApp:
    app = connexion.FlaskApp("bench", specification_dir=os.environ["BENCH_FOLDER"])
    app.add_api("bench.yaml", **options)
    return app


def connexion_app() -> Any:
    return _connexion()


def chassis_app() -> Any:
    """Return the chassis with strict and response validation, as in development."""
    app = _connexion(
        strict_validation=True, validate_responses=True, validator_map=connexion_adapter.validator_map()
    )
    connexion_adapter.replace_wsgi_bridge(app)
    return app
