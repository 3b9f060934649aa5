"""Results of checks: what, how many, and a few examples, in one form.

What goes here: how a check speaks. What stays out: what it looks at.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from cryptoassets.partitions.policies import DAILY, HOURLY

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
    """A check of one partition of an hourly asset; see `checks.ranges`."""
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
    """A check of each day of a daily asset; see `checks.ranges`."""
    return dg.AssetCheckSpec(
        name, asset=asset, description=description, blocking=blocking, partitions_def=DAILY
    )


def severity_of(name: str) -> dg.AssetCheckSeverity:
    """The severity of a failure of a check."""
    return dg.AssetCheckSeverity.WARN if name in WARNINGS else dg.AssetCheckSeverity.ERROR


def result(
    name: str, problems: Sequence[str], *, holds: str = "holds", **metadata: Any
) -> dg.AssetCheckResult:
    """The result of a check that found these problems.

    Args:
        name: of the check.
        problems: one sentence each; empty: passed. Five are shown, all are counted.
        holds: what to say when there is none.
        metadata: further facts by label, underscores for blanks.
    """
    shown = "; ".join(problems[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return dg.AssetCheckResult(
        check_name=name,
        passed=not problems,
        severity=severity_of(name),
        description=f"{shown}{more}" if problems else holds,
        metadata={label.replace("_", " "): value for label, value in metadata.items()},
    )
