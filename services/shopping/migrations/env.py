"""The entry point of Alembic for the tables of shopping."""

from __future__ import annotations

from libs.chassis.migrations import run_env
from services.shopping.tables import Base

run_env(Base.metadata)
