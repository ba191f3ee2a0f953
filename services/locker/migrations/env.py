"""Alembic's entry."""

from libs.chassis.migrations import run_env
from services.locker.models import Base

run_env(Base.metadata)
