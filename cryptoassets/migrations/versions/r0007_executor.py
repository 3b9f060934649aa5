"""Lets the role `executor`, which Spark's tasks on a cluster use, access the staging schema."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Grant the right if the role exists; the role is created when a cluster is set up."""
    sql = Path(__file__).with_name("r0007_executor.sql").read_text(encoding="utf-8")
    op.execute(sql)
