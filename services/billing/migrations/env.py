"""Alembic's entry."""

from libs.chassis.migrations import run_env
from services.billing.tables import Base

run_env(Base.metadata)
