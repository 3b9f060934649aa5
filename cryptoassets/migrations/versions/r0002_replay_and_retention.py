"""Quarantine releases, times of partition expiry, slug aliases, and marts that use history."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables with comments; default privileges let the analyst read them."""
    sql = Path(__file__).with_name("r0002_replay_and_retention.sql").read_text(encoding="utf-8")
    op.execute(sql)
