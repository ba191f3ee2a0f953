"""Alembic's entry point."""

from libs.chassis.migrations import run_env
from services.locker.tables import Base

run_env(Base.metadata)
