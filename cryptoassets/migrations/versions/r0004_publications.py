"""Publications are numbered; the marts keep the numbers of what they were made from."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create and comment; every ledger row that is there gets a number of its own."""
    sql = Path(__file__).with_name("r0004_publications.sql").read_text(encoding="utf-8")
    op.execute(sql)
