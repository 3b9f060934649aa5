"""Metadata about written partitions that IO managers report to Dagster.

What goes here: metadata values under Dagster's standard keys. What stays out: the metadata
of asset definitions (in `assets`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from cryptoassets.facts import metadata_of
from cryptoassets.partitions.spans import Span, joined, partition_name
from cryptoassets.schemas import Table

PREVIEW_ROWS = 5
_SHOWN_RANGES = 5


def column_schema(table: Table) -> dg.TableSchema:
    """Columns with types, constraints and comments, in the form that Dagster displays."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=column.is_nullable),
            )
            for column in table.columns
        ]
    )


def preview(rows: Sequence[Mapping[str, Any]]) -> dg.MarkdownMetadataValue:
    """The first rows as a Markdown table."""
    if not rows:
        return dg.MetadataValue.md("no rows")
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in names) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")[:80]


def report(
    context: dg.OutputContext,
    table: Table,
    *,
    uri: str,
    partition_rows: int,
    facts: Mapping[str, Any],
    partition: str | None = None,
) -> None:
    """Attach the standard metadata to a materialization.

    Args:
        context: context of the written output.
        table: table that describes the written rows.
        uri: location of the rows, without credentials.
        partition_rows: number of rows that this partition has now.
        facts: further counts and texts; the keys are `Fact` members if programs read the values,
            otherwise labels.
        partition: the partition that was written, if the run has several; otherwise None.
    """
    lineage = context.definition_metadata.get("dagster/column_lineage")
    reported = {
        "dagster/uri": uri,
        "dagster/partition_row_count": partition_rows,
        "dagster/column_schema": column_schema(table),
        **({"dagster/column_lineage": lineage} if lineage is not None else {}),
        **metadata_of(facts),
    }
    if partition is None:
        context.add_output_metadata(reported)
    else:
        context.step_context.add_asset_metadata(reported, context.asset_key, partition)


def log_materializations(context: dg.OutputContext, partitions: Iterable[str]) -> None:
    """Log materializations of published partitions in a run that fails because of other partitions.

    Dagster itself logs the materializations of a range only if handling the output succeeds.

    Args:
        context: context of the output.
        partitions: the published partitions; their metadata must already be reported.
    """
    for partition in partitions:
        reported = context.step_context.get_asset_metadata(context.asset_key, partition)
        context.log_event(
            dg.AssetMaterialization(context.asset_key, partition=partition, metadata=reported)
        )


def materialize_only(context: dg.OutputContext, windows: Sequence[Span]) -> None:
    """Make Dagster record only these partitions as materialized when `handle_output` returns.

    Without this, all partitions of a range would turn green, even those without data. Dagster has
    no public way to materialize part of a range, so this changes private attributes; the tests of
    ranges fail if a Dagster version renames them.

    Args:
        context: context of the written output.
        windows: the partitions to record; if empty, nothing is recorded.
    """
    if not windows:
        context._asset_key = None  # noqa: SLF001 - see above
    elif len(windows) < len(context.asset_partition_keys):
        empty = context.asset_partitions_def.empty_subset()
        names = [partition_name(window) for window in windows]
        context._asset_partitions_subset = empty.with_partition_keys(names)  # noqa: SLF001


def report_empty(
    context: dg.OutputContext, empty: Sequence[Span], facts: Mapping[str, Any]
) -> None:
    """Log the partitions of a run that have no data and are therefore not materialized.

    Args:
        context: context of the written output.
        empty: partitions without data, oldest first; nothing is logged if there are none.
        facts: the reason and counts; the keys are `Fact` members or labels.
    """
    if not empty:
        return
    ranges = _names(empty)
    shown = ", ".join(ranges[:_SHOWN_RANGES])
    more = len(ranges) - _SHOWN_RANGES
    shown += f" and {more} more ranges" if more > 0 else ""
    total = len(context.asset_partition_keys)
    text = f"Partitions without data, not materialized: {len(empty):,} of {total:,}: {shown}"
    context.log.warning("%s: %s", context.asset_key.to_user_string(), text)
    context.log_event(
        dg.AssetObservation(
            asset_key=context.asset_key,
            partition=partition_name(empty[0]) if total == 1 else None,
            description=text,
            metadata=metadata_of({**facts, "empty partitions": len(empty)}),
        )
    )


def _names(windows: Sequence[Span]) -> list[str]:
    """Name each range of adjoining partitions by its first and its last partition."""
    length = windows[0].end - windows[0].start
    bounds = (
        [partition_name(Span(first, first + length)) for first in (start, end - length)]
        for start, end in joined(windows)
    )
    return [" to ".join(dict.fromkeys(names)) for names in bounds]
