"""An index on the time of history points, because they are published, read and deleted by day."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Index the time alone; the primary key cannot help, because it begins with the coin."""
    op.execute("CREATE INDEX ON warehouse.coin_price_history (observed_at)")
