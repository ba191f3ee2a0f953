"""Alembic without ini files: each service's migrations are in `services/<name>/migrations/versions`.

A service's `migrations/env.py` is `run_env(metadata)`; its first revision makes the chassis's tables too
(`first_tables.py`).
"""

from __future__ import annotations

from alembic import command, context
from alembic.config import Config
from sqlalchemy import MetaData, create_engine, pool

from libs.chassis.settings import ROOT
from libs.chassis.tables import ChassisBase


def config_of(service: str, database_url: str) -> Config:
    """Alembic's configuration for one service's database."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "services" / service / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    return config


def migrate(service: str, database_url: str, revision: str = "head") -> None:
    """Bring the service's database to `revision`; `base` takes everything back."""
    config = config_of(service, database_url)
    if revision == "base":
        command.downgrade(config, "base")
    else:
        command.upgrade(config, revision)


def run_env(metadata: MetaData) -> None:
    """The whole of a service's `env.py`."""
    url = context.config.attributes["database_url"]
    engine = create_engine(url.replace("?tls=true", ""), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=[metadata, ChassisBase.metadata],
            render_as_batch=engine.dialect.name == "sqlite",
            compare_type=True,
            transactional_ddl=False,
        )
        context.run_migrations()
        connection.commit()
    engine.dispose()
