"""The first schema: warehouse, marts and the role analyst."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything; the role last, because it is granted rights on the existing tables."""
    for part in ("warehouse", "marts", "analyst"):
        sql = Path(__file__).with_name(f"r0001_{part}.sql").read_text(encoding="utf-8")
        op.execute(sql)
