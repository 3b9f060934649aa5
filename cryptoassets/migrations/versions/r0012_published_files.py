"""The history of publications records from which Parquet files the rows came."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column; the files of earlier publications are unknown."""
    sql = Path(__file__).with_name("r0012_published_files.sql").read_text(encoding="utf-8")
    op.execute(sql)
