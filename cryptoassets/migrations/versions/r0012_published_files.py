"""The publication history records which Parquet files the rows came from."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column; it is null for earlier publications, whose files are unknown."""
    sql = Path(__file__).with_name("r0012_published_files.sql").read_text(encoding="utf-8")
    op.execute(sql)
