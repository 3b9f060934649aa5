"""What all assets declare alike: table, owners, group, freshness, lineage.

What goes here: definition metadata under Dagster's standard keys. What stays out: what a
materialization says (in `io_managers.metadata`).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypedDict

import dagster as dg

from cryptoassets.schemas import Table

OWNERS = ["team:cryptoassets"]
FIRST = {"dagster/priority": "1"}
"""Op tags of the steps that a new row waits for; what only judges or describes comes after."""


class Declared(TypedDict):
    """The keyword arguments of `dg.asset` that `described` fills in."""

    group_name: str
    owners: list[str]
    code_version: str
    metadata: dict[str, Any]
    freshness_policy: dg.FreshnessPolicy | None


def described(
    table: Table,
    *,
    group: str,
    version: str,
    fresh_within: timedelta | None = None,
    columns_from: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
) -> Declared:
    """Keyword arguments that every asset of ours hands to `dg.asset`.

    Args:
        table: the schema of its rows.
        group: the layer.
        version: code version; raised when the same input gives other rows.
        fresh_within: age of the newest materialization from which the asset counts as stale.
        columns_from: for lineage: upstream asset to {our column: its columns}.
    """
    metadata: dict[str, Any] = {
        "dagster/table_name": table.full_name,
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


def column_lineage(
    columns_from: Mapping[str, Mapping[str, tuple[str, ...]]],
) -> dg.TableColumnLineage:
    """Which upstream columns each of our columns is made of."""
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for asset, columns in columns_from.items():
        key = dg.AssetKey.from_user_string(asset)
        for column, sources in columns.items():
            deps.setdefault(column, []).extend(
                dg.TableColumnDep(asset_key=key, column_name=source) for source in sources
            )
    return dg.TableColumnLineage(deps_by_column=deps)


def same_columns(table: Table, *, but: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """Lineage of columns that are handed on under their own name."""
    return {name: (name,) for name in table.column_names if name not in but}
