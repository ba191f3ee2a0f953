"""Alembic's entry for shopping's relational tables."""

from __future__ import annotations

from libs.chassis.migrations import run_env
from services.shopping.models import Base

run_env(Base.metadata)
