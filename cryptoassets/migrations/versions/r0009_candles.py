"""Candles, more daily statistics, and a view of how the pipeline worked per day."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add them; existing days get their new figures when `run` computes them again."""
    sql = Path(__file__).with_name("r0009_candles.sql").read_text(encoding="utf-8")
    op.execute(sql)
