"""The class `Flow`: how the data of one CoinCap route gets from raw documents to the warehouse.

What goes here: the classes, and the columns that all raw or all cleaned tables have. What stays
out: the individual flows (in `schemas.flows`, one module each).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from cryptoassets.schemas.columns import OBSERVED_AT, RAW_ID, SOURCE
from cryptoassets.schemas.table import Column, Table

_FETCHED_AT = Column(
    "fetched_at", "timestamptz", "When the response was received, UTC", is_nullable=True
)
_JSON = "JSON with ASCII escapes"


@dataclass(frozen=True)
class RawTable(Table):
    """Raw documents as Spark tasks read them from the MongoDB collection of the same name.

    Attributes:
        documents: one or two sentences about the contents of the collection.
        identity: text fields that identify what a document describes, e.g. `coin_id`.
        payload_fields: the fields of the payload that the rules read.
        has_fetch_records: whether fetches are recorded in the collection `snapshot_fetches`. From
            these records, the rules know how many coins were requested.
    """

    documents: str = ""
    identity: tuple[str, ...] = ()
    payload_fields: tuple[str, ...] = ()
    has_fetch_records: bool = False

    @cached_property
    def document_types(self) -> dict[str, type]:
        """The fields of the documents that this platform writes, with their Python types."""
        return {
            "_id": str,
            **dict.fromkeys((*self.identity, "source"), str),
            "observed_at": datetime,
            "fetched_at": datetime,
            "payload": dict,
        }


@dataclass(frozen=True)
class Flow:
    """How one kind of raw document gets from MongoDB to PostgreSQL.

    Attributes:
        raw: rows as read from the MongoDB collection of the same name.
        clean: Parquet files with one row per raw document, judged by the rules.
        published: the table of valid rows. The ledger, `warehouse.loads`, has one row per
            published partition.
        span: length of a partition: an hour or a day.
        route: CoinCap's route, without parameters.
        bytes_per_row: size of one row of a response, used to estimate credits.
        every: `run` fetches if the newest document is older than this. Zero: `run` fetches each
            time. None: `backfill` fetches past values, in windows of several partitions.
        job: the job that cleans and publishes a partition. It also fetches, unless `fetch_job` is
            set.
        fetch_job: the job that fetches, if `job` does not.
        assets: the module with the asset declarations.
        rules: the modules that judge the rows, except those that all flows share. The first one
            may define `REASONS`, which maps reason codes to their meaning.
        job_description: what `job` does, as shown in Dagster.
        ids_setting: the setting that lists the `ids` to request; None: all rows are requested.
        rows: expected number of rows per response if all rows are requested.
        id_fields: fields of a row whose values become the document's `raw.identity` fields.
        also: keys of further assets that `job` computes from `clean`.
        refreshes: keys of assets without partitions that `job` refreshes, too.
        own_checks: names of common checks for which this flow has its own check functions.
        is_by_month: whether the published table is partitioned by UTC month.
        feeds_marts: whether the daily marts are computed from the rows of this flow.
        fresh_within: if the newest materialization or the newest row is older than this, the
            published asset counts as stale; None: there is no limit.
    """

    raw: RawTable
    clean: Table
    published: Table
    span: timedelta
    route: str
    bytes_per_row: int
    every: timedelta | None
    job: str
    assets: str
    rules: tuple[str, ...]
    job_description: str = ""
    fetch_job: str | None = None
    ids_setting: str | None = None
    rows: int = 200
    id_fields: tuple[str, ...] = ("id",)
    also: tuple[str, ...] = ()
    refreshes: tuple[str, ...] = ()
    own_checks: tuple[str, ...] = ()
    is_by_month: bool = False
    feeds_marts: bool = False
    fresh_within: timedelta | None = None

    @property
    def asset(self) -> str:
        """The published asset's key, as stored in the ledger and the quarantine."""
        return asset_of(self.published)

    @property
    def is_hourly(self) -> bool:
        """Whether a partition is one hour; otherwise it is one day."""
        return self.span == timedelta(hours=1)

    @property
    def unit(self) -> str:
        """Length of a partition as a word: hour or day."""
        return "hour" if self.is_hourly else "day"

    @property
    def is_history(self) -> bool:
        """Whether past values are fetched, in windows of several partitions."""
        return self.every is None

    @property
    def processed_assets(self) -> list[str]:
        """Keys of the assets that are computed from raw documents, in order."""
        return [asset_of(self.clean), *self.also, self.asset]

    @property
    def asset_keys(self) -> list[str]:
        """Keys of all assets of this flow, in order."""
        return [asset_of(self.raw), *self.processed_assets, *self.refreshes]

    @property
    def judged_columns(self) -> tuple[str, ...]:
        """Columns of `clean` that are needed to publish its rows."""
        return (*self.published.column_names, "outcome", "reasons", "payload")


def asset_of(table: Table) -> str:
    """Return the key of a table's asset, e.g. `warehouse/coin_prices`."""
    return f"{table.schema}/{table.name}"


def raw_table(
    name: str,
    comment: str,
    *,
    documents: str,
    identity: tuple[Column, ...],
    payload_fields: tuple[str, ...],
    what: str,
) -> RawTable:
    """Return a table of raw documents: the given columns and those that all raw tables have.

    Args:
        name: name of the MongoDB collection.
        comment: what one row is.
        documents: see `RawTable`.
        identity: columns that identify what a document describes.
        payload_fields: see `RawTable`.
        what: what one payload is, e.g. `coin`.
    """
    columns = (
        RAW_ID,
        *identity,
        OBSERVED_AT,
        _FETCHED_AT,
        Column("source", "text", "coincap, simulator or replay", is_nullable=True),
        Column("payload", "text", f"The {what} as received, {_JSON}", is_nullable=True),
        Column(
            "is_foreign", "boolean", "Whether another program wrote it, as its fields or types show"
        ),
    )
    names = tuple(column.name for column in identity)
    return RawTable(
        "raw",
        name,
        comment,
        columns,
        ("raw_id",),
        documents=documents,
        identity=names,
        payload_fields=payload_fields,
    )


def clean_table(
    name: str, comment: str, *, identity: tuple[Column, ...], typed: tuple[Column, ...], what: str
) -> Table:
    """Return a table of judged rows: the given columns and those that all cleaned tables have.

    Args:
        name: name of the folder.
        comment: what one row is.
        identity: columns that identify what a document describes.
        typed: columns that are parsed from the payload.
        what: what one payload is, e.g. `coin`.
    """
    columns = (
        RAW_ID,
        *identity,
        OBSERVED_AT,
        _FETCHED_AT,
        SOURCE,
        *typed,
        Column("payload", "text", f"The {what} as received, {_JSON}", is_nullable=True),
        Column("reasons", "text[]", "Codes of all rules that the row breaks; may be empty"),
        Column("outcome", "text", "valid, quarantined or superseded"),
    )
    return Table("clean", name, comment, columns, ("raw_id",))
