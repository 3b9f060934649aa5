"""A schema for staged rows, and checksums in the ledger, `warehouse.loads`."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the schema and the columns with comments; old ledger rows have no checksums."""
    sql = Path(__file__).with_name("r0006_staging_and_checksums.sql").read_text(encoding="utf-8")
    op.execute(sql)
