"""Sets the reasons and outcomes of judged rows, and selects the columns to publish.

What goes here: choosing one of several rows with the same key, finding contradictory rows, building
the lists of reasons, and converting ids to a form that PostgreSQL can index. What stays out: the
rules (in `rules`) and everything that is specific to one kind of document (in `prices`, `history`,
`rates`).
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cryptoassets.schemas import Flow, Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.reconciliation import MAX_ID_CHARACTERS, stored_id

Rows = NDArray[np.int64]
"""Indices of rows in a table, ascending."""

Breaches = Mapping[str, Rows]
"""Maps a reason code to the rows that break its rule."""

_OUTCOMES = ("valid", "quarantined", "superseded")


def rows_where(condition: pa.Array) -> Rows:
    """Return the rows in which a condition is true; null counts as false."""
    rows: Rows = pc.indices_nonzero(condition).to_numpy().astype(np.int64)
    return rows


def judged_rows(
    raw: pa.Table,
    clean: Table,
    key_numbers: NDArray[np.int64],
    values: Mapping[str, pa.Array],
    breaches: Breaches,
) -> pa.Table:
    """Build the rows of a cleaned table: one per raw document, in the same order.

    Args:
        raw: columns of `payloads.kernel_schema`.
        clean: the cleaned table.
        key_numbers: for each row, the number of its key, e.g. of its coin and time; see `groups`.
        values: the columns that were read from the payload.
        breaches: the rows that break each rule.
    """
    count = raw.num_rows
    breaches = foreign_apart(breaches, raw["is_foreign"].combine_chunks())
    contradictory = contradictions(key_numbers, is_broken(breaches, count), raw)
    breaches = {**breaches, "contradictory_answer": contradictory}
    judged = {
        **{name: raw[name] for name in raw.column_names},
        "source": pc.fill_null(raw["source"], "unknown"),
        **values,
        "reasons": reason_lists(breaches, count),
        "outcome": outcomes(key_numbers, is_broken(breaches, count), raw),
    }
    schema = arrow_schema(clean)
    return pa.table([judged[name] for name in schema.names], schema=schema)


def is_broken(breaches: Breaches, count: int) -> NDArray[np.bool_]:
    """Return for each of `count` rows whether it breaks a rule."""
    broken = np.zeros(count, bool)
    for rows in breaches.values():
        broken[rows] = True
    return broken


def foreign_apart(breaches: Breaches, is_foreign: pa.Array) -> Breaches:
    """Replace all breaches of foreign documents with the single breach `foreign_document`.

    Foreign documents are those that this platform did not write.
    """
    foreign = is_foreign.to_numpy(zero_copy_only=False)
    ours = {code: rows[~foreign[rows]] for code, rows in breaches.items()}
    return {**ours, "foreign_document": np.flatnonzero(foreign)}


def reason_lists(breaches: Breaches, count: int) -> pa.Array:
    """Return for each of `count` rows the sorted codes of the rules that it breaks."""
    codes = sorted(breaches)
    rows = np.concatenate([np.empty(0, np.int64), *(breaches[code] for code in codes)])
    numbers = np.repeat(np.arange(len(codes)), [len(breaches[code]) for code in codes])
    ends = np.cumsum(np.bincount(rows, minlength=count))
    # A stable sort keeps the codes of a row sorted.
    by_row = numbers[np.argsort(rows, kind="stable")]
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(codes, pa.string()).take(pa.array(by_row)))


def groups(*columns: pa.Array) -> NDArray[np.int64]:
    """Give rows with equal values in all columns the same number; nulls are equal."""
    numbers = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        encoded = column.dictionary_encode(null_encoding="encode")
        pairs = numbers * len(encoded.dictionary) + encoded.indices.to_numpy()
        # Renumbered from zero, so that the next products stay below the square of the row count.
        numbers = np.unique(pairs, return_inverse=True)[1]
    return numbers


def contradictions(
    key_numbers: NDArray[np.int64], broken: NDArray[np.bool_], raw: pa.Table
) -> NDArray[np.int64]:
    """Find rows whose response contains different payloads for the same key.

    None of these payloads is used, because it is unknown which one is correct. Responses fetched at
    other times are not affected, and broken rows are ignored.

    Args:
        key_numbers: for each row, the number of its key.
        broken: whether each row breaks a rule.
        raw: columns `fetched_at` and `payload`.
    """
    rows = _rivals(key_numbers, broken)
    some = raw.select(["fetched_at", "payload"]).take(pa.array(rows)).combine_chunks()
    fetched_at, payload = (column.combine_chunks() for column in some.columns)
    response_numbers = groups(pa.array(key_numbers[rows]), fetched_at)
    value_numbers = groups(pa.array(response_numbers), payload)
    first_of_value = np.unique(value_numbers, return_index=True)[1]
    has_value = payload.is_valid().to_numpy(zero_copy_only=False)
    values = np.bincount(
        response_numbers[first_of_value[has_value[first_of_value]]], minlength=len(rows)
    )
    contradictory: NDArray[np.int64] = rows[values[response_numbers] > 1]
    return contradictory


def outcomes(key_numbers: NDArray[np.int64], broken: NDArray[np.bool_], raw: pa.Table) -> pa.Array:
    """Set the outcome of each row.

    A broken row is `quarantined`. Among the other rows with the same key, the row fetched last is
    `valid`, and the earlier rows are `superseded`.

    Args:
        key_numbers: for each row, the number of its key.
        broken: whether each row breaks a rule.
        raw: columns `fetched_at` and `raw_id`. If two rows have the same `fetched_at`, the row with
            the larger `raw_id` counts as fetched last.
    """
    rows = _rivals(key_numbers, broken)
    rivals = raw.select(["fetched_at", "raw_id"]).take(pa.array(rows))
    latest_first = pc.sort_indices(
        rivals.append_column("key", pa.array(key_numbers[rows])),
        [("key", "ascending"), ("fetched_at", "descending"), ("raw_id", "descending")],
    ).to_numpy()
    keys = key_numbers[rows][latest_first]
    is_earlier = np.concatenate([[False] * min(len(rows), 1), keys[1:] == keys[:-1]]).astype(bool)
    numbers = broken.astype(np.int8)
    numbers[rows[latest_first[is_earlier]]] = 2
    return pa.array(_OUTCOMES).take(pa.array(numbers))


def _rivals(key_numbers: NDArray[np.int64], broken: NDArray[np.bool_]) -> Rows:
    """Find unbroken rows that share their key with another unbroken row."""
    rows_per_key = np.bincount(key_numbers[~broken], minlength=len(key_numbers))
    return np.flatnonzero(~broken & (rows_per_key[key_numbers] > 1))


def publication(judged: pa.Table, flow: Flow) -> pa.Table:
    """Select the columns that are needed to publish the rows.

    Args:
        judged: columns of `flow.clean`.
        flow: determines the published table.

    Returns:
        `flow.judged_columns`, one row per input row. `raw_id` has a form that PostgreSQL can index.
        `payload` is null unless the row is quarantined.
    """
    is_quarantined = pc.equal(judged["outcome"], "quarantined")
    changed = {
        "raw_id": storable_ids(judged["raw_id"].combine_chunks()),
        "payload": pc.if_else(is_quarantined, judged["payload"], pa.scalar(None, pa.string())),
    }
    return pa.table({name: changed.get(name, judged[name]) for name in flow.judged_columns})


def storable_ids(raw_ids: pa.Array) -> pa.Array:
    """Convert each raw `_id` as `stored_id` does."""
    is_odd = pc.or_(
        pc.match_substring(raw_ids, "\x00"), pc.greater(pc.utf8_length(raw_ids), MAX_ID_CHARACTERS)
    )
    odd = raw_ids.filter(is_odd).to_pylist()
    return pc.replace_with_mask(raw_ids, is_odd, pa.array([*map(stored_id, odd)], pa.string()))
