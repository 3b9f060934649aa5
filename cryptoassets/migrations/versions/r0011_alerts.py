"""The state of alerts, the last run of each job, and an index on open gaps."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the tables; default privileges let the analyst read them."""
    sql = Path(__file__).with_name("r0011_alerts.sql").read_text(encoding="utf-8")
    op.execute(sql)
