"""The role of Spark's tasks, where there is one, may use the schema of rows on their way."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Grant; the role itself is made by whoever sets up the cluster."""
    sql = Path(__file__).with_name("r0007_executor.sql").read_text(encoding="utf-8")
    op.execute(sql)
