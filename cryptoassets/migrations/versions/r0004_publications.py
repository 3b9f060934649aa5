"""Publications get numbers; for each mart, the numbers of the publications it read are stored."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables with comments; every existing row of `loads` gets its own number."""
    sql = Path(__file__).with_name("r0004_publications.sql").read_text(encoding="utf-8")
    op.execute(sql)
