"""The first schema: warehouse, marts and the role analyst."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables first, then the role, which is granted rights on them."""
    for part in ("warehouse", "marts", "analyst"):
        sql = Path(__file__).with_name(f"r0001_{part}.sql").read_text(encoding="utf-8")
        op.execute(sql)
