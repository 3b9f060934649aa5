"""Which kernel judges the rows of which raw table.

What goes here: the list. What stays out: the kernels (in `prices`, `history`).
"""

from collections.abc import Callable

import pyarrow as pa

from cryptoassets.schemas import RAW_COIN_HISTORY, RAW_COIN_SNAPSHOTS
from cryptoassets.transforms.history import judge_history
from cryptoassets.transforms.prices import judge_prices

JUDGES: dict[str, Callable[[pa.Table], pa.Table]] = {
    RAW_COIN_SNAPSHOTS.name: judge_prices,
    RAW_COIN_HISTORY.name: judge_history,
}
"""Name of a raw table to the kernel: `payloads.kernel_schema` in, cleaned rows out."""
