"""Which runs process past partitions again, and which checks then report no new failures.

What goes here: names that the operations, `status` and alerts share. This module imports nothing,
because commands import it before their heavy modules.
"""

REPLAY_TAG = "cryptoassets/replay"
"""Tag of runs that process partitions of the past."""
CHECKS_OF_THE_PAST = (
    *("newest_snapshot_complete", "newest_snapshot_reliable"),
    *("quarantine_share", "payload_drift", "price_moves", "stale_answer"),
)
"""Checks that judge how a snapshot arrived; in a replay their failures are not new."""
