"""A table whose rows only writers can lock; readers can no longer write large objects."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table with comments; revoke PUBLIC's right to call large-object functions."""
    for part in ("partition_locks", "large_objects"):
        sql = Path(__file__).with_name(f"r0005_{part}.sql").read_text(encoding="utf-8")
        op.execute(sql)
