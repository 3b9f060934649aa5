"""A schema for staged rows; the ledger stores checksums."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create and comment the schema and the columns; old ledger rows have no checksum."""
    sql = Path(__file__).with_name("r0006_staging_and_checksums.sql").read_text(encoding="utf-8")
    op.execute(sql)
