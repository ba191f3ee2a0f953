"""Alembic's entry."""

from libs.chassis.migrations import run_env
from services.admin.tables import Base

run_env(Base.metadata)
