"""The optimized code for strings and checksums yields the same results as simple code."""

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv

from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import CLEAN_COIN_PRICES
from cryptoassets.stores.checksums import clean_checksum
from cryptoassets.stores.clean import CleanFile, read_file, read_rows
from cryptoassets.stores.copying import times_as_texts
from cryptoassets.transforms.coins import COLUMNS_READ, newest_row_per_coin
from cryptoassets_tests.io_managers.rows import Row, broken_row, judged, judged_row

HOUR = Span(datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
MOMENTS = st.datetimes(timezones=st.just(UTC))
TIMES = st.lists(st.none() | MOMENTS, max_size=9)


@given(times=TIMES, start=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_the_text_of_a_time_equals_arrows_cast(times: list[datetime | None], start: int) -> None:
    """The string is copied into PostgreSQL and is part of the checksums in the ledger."""
    column = pa.array(times, pa.timestamp("us", tz="UTC")).slice(start)
    written = [io.BytesIO(), io.BytesIO()]
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")

    texts = times_as_texts(column)

    for held, out in zip((column, texts), written, strict=True):
        csv.write_csv(pa.table([held], ["at"]), out, options)
    assert column.cast(pa.string()).equals(texts)
    assert written[0].getvalue() == written[1].getvalue()


@given(rows=st.lists(st.builds(judged_row, fetched_at=MOMENTS, explorer=st.none() | st.text("é"))))
@settings(max_examples=60, deadline=None)
def test_the_checksum_equals_its_plain_definition(rows: list[Row]) -> None:
    """If a release changed the checksum, `audit` would report every partition."""
    table, total = judged(*rows, broken_row()), 0
    columns = [
        pc.binary_join(column, "\x1f") if pa.types.is_list(column.type) else column
        for column in table.columns
    ]

    texts = [column.cast(pa.string()).fill_null("\x00").to_pylist() for column in columns]
    for row in zip(*texts, strict=True):
        digest = hashlib.blake2b("\x1e".join(row).encode(), digest_size=8).digest()
        total += int.from_bytes(digest)

    assert f"{len(rows) + 1}:{total % 2**64}" == clean_checksum(table)


def test_the_columns_that_are_read_for_coins_are_sufficient(tmp_path: Path) -> None:
    """Most bytes of a file belong to payloads, which are not needed for coins."""
    rows = judged(*(judged_row(f"coin-{n}") for n in range(5)), broken_row("broken"))
    path = tmp_path / "part.parquet"
    pq.write_table(rows, path, write_page_checksum=True)
    file = CleanFile(HOUR, path.as_uri(), path.stat().st_size)

    some, whole = (
        read_rows(CLEAN_COIN_PRICES, file, COLUMNS_READ),
        read_file(CLEAN_COIN_PRICES, file),
    )

    assert newest_row_per_coin(whole.rows).equals(newest_row_per_coin(some))
    assert (rows, clean_checksum(rows)) == whole
