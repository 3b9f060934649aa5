"""An index on the time of history points, which are published, read and expired by day."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Index the time alone, because the key begins with the coin."""
    op.execute("CREATE INDEX ON warehouse.coin_price_history (observed_at)")
