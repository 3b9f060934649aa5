"""Publications are numbered; the marts store the numbers of their inputs."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create and comment the tables; every existing ledger row gets its own number."""
    sql = Path(__file__).with_name("r0004_publications.sql").read_text(encoding="utf-8")
    op.execute(sql)
