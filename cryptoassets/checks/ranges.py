"""Checks of a run over several partitions: each partition has its own result.

What goes here: the form in which Dagster takes them. What stays out: what is looked at.

An `AssetCheckResult` of a run over a range is one result without partition, and the range's
partitions stay "planned" for ever. So the evaluation of each partition is yielded as an event of
its own, and the output of the check, which carries nothing, by hand.
"""

from collections.abc import Callable, Collection, Iterable, Iterator

import dagster as dg

from cryptoassets.partitions.spans import Span, partition_name, partition_window

Judged = dg.AssetCheckResult | dg.AssetCheckEvaluation | dg.Output[None]


def by_partition(
    context: dg.AssetCheckExecutionContext,
    asset: dg.AssetKey,
    judge: Callable[[Span], Iterable[dg.AssetCheckResult]],
    *,
    blocking: Collection[str] = (),
) -> Iterator[Judged]:
    """Judge every partition of the run by itself.

    Args:
        context: of the check.
        asset: whose checks these are.
        judge: gives the result of each check for one partition.
        blocking: names of the checks that hold back what comes after, for any bad partition.
    """
    windows = [partition_window(key) for key in context.op_execution_context.partition_keys]
    if len(windows) == 1:
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
