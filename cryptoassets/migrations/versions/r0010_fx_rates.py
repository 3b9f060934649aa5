"""Exchange rates, the ECB's daily reference rates, and prices in another currency."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create two tables and three functions."""
    sql = Path(__file__).with_name("r0010_fx_rates.sql").read_text(encoding="utf-8")
    op.execute(sql.replace(":", r"\:"))
