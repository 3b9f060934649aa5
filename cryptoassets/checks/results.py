"""Results of checks in one form: each problem, the number of problems, and a few examples.

What goes here: building specs and results. What stays out: what the checks examine.
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
    """A check of each hour of an hourly asset; see `checks.ranges`."""
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
        name: name of the check.
        problems: one sentence per problem; the check passes if there is none. The description
            shows five of them and the number of the others.
        holds: description of a check that passes.
        metadata: further facts by label, with underscores in place of blanks.
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
