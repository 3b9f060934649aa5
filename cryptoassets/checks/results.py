"""Builds check specs and results in a common form.

What goes here: building specs and results. What stays out: what the checks examine.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from cryptoassets.partitions.policies import DAILY, HOURLY
from cryptoassets.schemas import Flow

WARNINGS = frozenset({"payload_drift", "price_moves", "quarantine_share", "stale_answer"})
"""Names of the checks whose failure is a warning; a failure of any other check is an error."""
_SHOWN = 5


def hourly_check(
    asset: dg.AssetKey,
    name: str,
    description: str,
    *,
    blocking: bool = False,
) -> dg.AssetCheckSpec:
    """Return the spec of a check that runs for each hour of an asset (see `checks.ranges`)."""
    return dg.AssetCheckSpec(
        name,
        asset=asset,
        description=description,
        blocking=blocking,
        partitions_def=HOURLY,
    )


def daily_check(
    asset: dg.AssetKey, name: str, description: str, *, blocking: bool = False
) -> dg.AssetCheckSpec:
    """Return the spec of a check that runs for each day of an asset (see `checks.ranges`)."""
    return dg.AssetCheckSpec(
        name, asset=asset, description=description, blocking=blocking, partitions_def=DAILY
    )


def check_of(
    flow: Flow, asset: dg.AssetKey, name: str, description: str, *, blocking: bool = False
) -> dg.AssetCheckSpec:
    """Return the spec of a check that runs for each partition of a flow's asset."""
    check = hourly_check if flow.is_hourly else daily_check
    return check(asset, name, description, blocking=blocking)


def severity_of(name: str) -> dg.AssetCheckSeverity:
    """Return how severe a failure of the check is."""
    return dg.AssetCheckSeverity.WARN if name in WARNINGS else dg.AssetCheckSeverity.ERROR


def result(
    name: str, problems: Sequence[str], *, success: str = "no problems found", **metadata: Any
) -> dg.AssetCheckResult:
    """Return the result of a check.

    Args:
        name: name of the check.
        problems: one sentence per problem; the check passes if the list is empty. The description
            shows the first five and the number of the others.
        success: the description if the check passes.
        metadata: further facts by label, with underscores instead of spaces.
    """
    shown = "; ".join(problems[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return dg.AssetCheckResult(
        check_name=name,
        passed=not problems,
        severity=severity_of(name),
        description=f"{shown}{more}" if problems else success,
        metadata={label.replace("_", " "): value for label, value in metadata.items()},
    )
