"""Entry point of Alembic."""

from libs.chassis.migrations import run_env
from services.auth.tables import Base

run_env(Base.metadata)
