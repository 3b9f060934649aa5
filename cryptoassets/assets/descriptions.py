"""What every asset declares: table, owners, group, freshness and lineage.

What goes here: definition metadata under Dagster's standard keys. What stays out: metadata of
materializations (in `io_managers.metadata`).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypedDict

import dagster as dg

from cryptoassets.schemas import RawTable, Table
from cryptoassets.settings import definition_settings

_MONGO_DATABASE = definition_settings().mongo_database
OWNERS = ["team:cryptoassets"]
HIGH_PRIORITY = {"dagster/priority": "1"}
"""Op tags of the steps that lead to the publication of new rows; other steps run later."""


class AssetArguments(TypedDict):
    """The keyword arguments of `dg.asset` that `asset_arguments` returns."""

    group_name: str
    owners: list[str]
    code_version: str
    metadata: dict[str, Any]
    freshness_policy: dg.FreshnessPolicy | None


def asset_arguments(
    table: Table,
    *,
    group: str,
    version: str,
    fresh_within: timedelta | None = None,
    columns_from: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
) -> AssetArguments:
    """Return keyword arguments that every asset passes to `dg.asset`.

    Args:
        table: the schema of the asset's rows.
        group: the layer.
        version: code version; increase it when the same input yields different rows.
        fresh_within: if the newest materialization is older than this, the asset counts as stale.
        columns_from: column lineage; maps an upstream asset to {column: upstream columns}.
    """
    metadata: dict[str, Any] = {
        "dagster/table_name": _place(table),
        "grain": ", ".join(table.key),
        "unit of amounts": "US dollars, exact decimals with 18 places",
    }
    if columns_from:
        metadata["dagster/column_lineage"] = column_lineage(columns_from)
    policy = dg.FreshnessPolicy.time_window(fail_window=fresh_within) if fresh_within else None
    return {
        "group_name": group,
        "owners": OWNERS,
        "code_version": version,
        "metadata": metadata,
        "freshness_policy": policy,
    }


def _place(table: Table) -> str:
    """Return the full name of an asset's table or collection in its store."""
    is_raw = isinstance(table, RawTable)
    return f"{_MONGO_DATABASE}.{table.name}" if is_raw else table.full_name


def column_lineage(
    columns_from: Mapping[str, Mapping[str, tuple[str, ...]]],
) -> dg.TableColumnLineage:
    """Return the upstream columns from which each column is computed."""
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for asset, columns in columns_from.items():
        key = dg.AssetKey.from_user_string(asset)
        for column, sources in columns.items():
            deps.setdefault(column, []).extend(
                dg.TableColumnDep(asset_key=key, column_name=source) for source in sources
            )
    return dg.TableColumnLineage(deps_by_column=deps)


def same_columns(table: Table, *, except_for: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """Return the column lineage of columns that are passed on unchanged under the same name."""
    return {name: (name,) for name in table.column_names if name not in except_for}
