"""The tag of runs that process past partitions again, and the checks that may fail in them.

What goes here: names that the operations, `status` and alerts share. This module imports nothing,
because commands import it before their heavy modules.
"""

REPROCESSING_TAG = "cryptoassets/replay"
"""Tag of runs that process past partitions again."""
CHECKS_OF_THE_PAST = (
    *("newest_snapshot_complete", "newest_snapshot_reliable"),
    *("quarantine_share", "payload_drift", "price_moves", "stale_answer"),
)
"""Checks that judge how a snapshot arrived. If they fail in such a run, the failure is not new."""
