"""Partitions that were judged by older rules, e.g. before an upgrade of this platform.

What goes here: describing how many there are, and reporting them once after the rules changed. What
stays out: judging them again (in `rebuild` and `requeue`).
"""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from cryptoassets.embedded.private_files import write_private
from cryptoassets.operations.progress import number_of
from cryptoassets.operations.runs import Runner
from cryptoassets.operations.session import Stores
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import FLOWS, Flow
from cryptoassets.stores.clean_folders import is_judged_by_older_rules
from cryptoassets.stores.ledger import ledger_of
from cryptoassets.transforms.version import rules_version

REJUDGE_COMMANDS = "`rebuild` or `requeue`"
_FILE = "rules.json"


def report_older_rules(stores: Stores, runner: Runner) -> None:
    """Warn about partitions judged by older rules, once after each change of a flow's rules.

    The file `rules.json` only prevents repeated warnings. `audit` lists these partitions each time.
    """
    file = stores.stack.source_home / _FILE
    reported, current = _read(file), {flow.asset: rules_version(flow.clean) for flow in FLOWS}
    changed = [flow for flow in FLOWS if reported.get(flow.asset) != current[flow.asset]]
    if not changed:
        return
    for flow in changed:
        with stores.postgres.connect() as connection, connection.cursor() as cursor:
            ledger = ledger_of(cursor, flow)
        starts = sorted(start for start, row in ledger.items() if row.expired_at is None)
        windows = [Span(start, start + flow.span) for start in starts]
        older = [window for window in windows if is_judged_by_older_rules(flow.clean, window)]
        for warning in older_rules_warnings(flow, older):
            runner.warn(warning)
    write_private(file, json.dumps(current))


def older_rules_warnings(flow: Flow, windows: Sequence[Span]) -> list[str]:
    """Describe how many partitions were judged by older rules; return [] if there are none."""
    if not windows:
        return []
    first, last = partition_name(windows[0]), partition_name(windows[-1])
    shown = first if first == last else f"{first} to {last}"
    older = f"{number_of(len(windows), flow.unit)} ({shown}) judged by older rules"
    which = "`requeue` processes only partitions with quarantined documents"
    return [f"{flow.asset}: {older}: run {REJUDGE_COMMANDS} ({which})"]


def _read(file: Path) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}
