"""The operation `retention`: deletes old partitions from all stores, and old Dagster runs.

What goes here: opening the stores. What stays out: what is deleted, and how (in `upkeep.retention`,
`embedded.old_runs`).
"""

from datetime import UTC, datetime

from cryptoassets.embedded import dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.operations.progress import Progress
from cryptoassets.operations.session import open_stores
from cryptoassets.upkeep.retention import RetentionResult, RetentionTargets, bounds, retain


def apply_retention(progress: Progress, *, is_dry_run: bool) -> RetentionResult:
    """Delete data and runs that are older than the settings allow.

    Args:
        progress: receives reports.
        is_dry_run: delete nothing and return what would be deleted.
    """
    with dagster_instance() as instance, open_stores() as stores:
        data_before, runs_before = bounds(stores.settings, datetime.now(UTC))
        progress.doing("Looking for old partitions and runs")
        if not is_dry_run:
            # A killed run's partitions count as in use until the run is marked as failed.
            fail_dead_runs(instance)
        targets = RetentionTargets(stores.mongo, stores.postgres, instance)
        report = progress.doing
        return retain(targets, data_before, runs_before, is_dry_run=is_dry_run, report=report)
