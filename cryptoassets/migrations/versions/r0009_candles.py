"""Candles, more daily statistics, and a view of the pipeline's performance per day."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table, columns and view; `run` then computes the new figures for existing days."""
    sql = Path(__file__).with_name("r0009_candles.sql").read_text(encoding="utf-8")
    op.execute(sql)
