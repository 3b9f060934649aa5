"""Rewords the comments on schemas, tables and columns in plain English; nothing else changes."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Replace the comments, also those on the monthly partitions of `coin_prices`."""
    sql = Path(__file__).with_name("r0008_plain_comments.sql").read_text(encoding="utf-8")
    op.execute(sql)
