"""Reports one check result per partition in a run over several partitions.

What goes here: reporting results to Dagster. What stays out: what the checks examine.

In a run over a range, an `AssetCheckResult` belongs to no partition, and Dagster would show the
check as "planned" forever for each partition of the range. Therefore one evaluation event per
partition is yielded, followed by the empty output that Dagster expects from each check.
"""

from collections.abc import Callable, Collection, Iterable, Iterator

import dagster as dg

from cryptoassets.partitions.spans import Span, partition_name, partition_window

CheckEvent = dg.AssetCheckResult | dg.AssetCheckEvaluation | dg.Output[None]


def by_partition(
    context: dg.AssetCheckExecutionContext,
    asset: dg.AssetKey,
    judge: Callable[[Span], Iterable[dg.AssetCheckResult]],
    *,
    blocking: Collection[str] = (),
) -> Iterator[CheckEvent]:
    """Check every partition of the run separately.

    Args:
        context: context of the check.
        asset: the asset that is checked.
        judge: returns the result of each check for one partition.
        blocking: names of the checks that block downstream steps if any partition fails.
    """
    op_context = context.op_execution_context
    keys = op_context.partition_keys
    if len(keys) > 1:
        # Partitions without data are not materialized, so there is nothing to check in them.
        materialized = op_context.instance.get_materialized_partitions(asset)
        keys = [key for key in keys if key in materialized]
    windows = [partition_window(key) for key in keys]
    if len(windows) == 1 and len(op_context.partition_keys) == 1:
        yield from judge(windows[0])
        return
    for window in windows:
        for found in judge(window):
            yield dg.AssetCheckEvaluation(
                asset_key=asset,
                check_name=found.check_name or "",
                passed=found.passed,
                metadata=found.metadata,
                severity=found.severity,
                description=found.description,
                blocking=found.check_name in blocking,
                partition=partition_name(window),
            )
    for name in sorted(context.op_execution_context.selected_output_names):
        yield dg.Output(None, output_name=name)
