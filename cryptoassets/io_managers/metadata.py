"""Metadata about written partitions that IO managers report to Dagster.

What goes here: metadata values under Dagster's standard keys. What stays out: definition metadata
(in `assets`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from cryptoassets.schemas import Table

PREVIEW_ROWS = 5


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
        facts: further counts and texts, and a `preview`, by label.
        partition: one partition of a run over several; None for the only partition of a run.
    """
    lineage = context.definition_metadata.get("dagster/column_lineage")
    reported = {
        "dagster/uri": uri,
        "dagster/partition_row_count": partition_rows,
        "dagster/column_schema": column_schema(table),
        **({"dagster/column_lineage": lineage} if lineage is not None else {}),
        **facts,
    }
    if partition is None:
        context.add_output_metadata(reported)
    else:
        context.step_context.add_asset_metadata(reported, context.asset_key, partition)


def log_materializations(context: dg.OutputContext, partitions: Iterable[str]) -> None:
    """Log the materialization of published partitions in a run that fails because of others.

    Dagster itself logs the materializations of a range only if handling the output succeeds.

    Args:
        context: context of the output.
        partitions: partitions whose metadata was reported before.
    """
    for partition in partitions:
        reported = context.step_context.get_asset_metadata(context.asset_key, partition)
        context.log_event(
            dg.AssetMaterialization(context.asset_key, partition=partition, metadata=reported)
        )
