"""Reads dead letters again with the current code: letters that it can read become raw documents.

What goes here: finding the request and the fetch record of a letter, and storing the documents of
letters that can be read now. What stays out: reading JSON (in `coincap`), processing the partitions
(in the command `requeue`).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptoassets.coincap.documents import RawBatch, history_batch, listing_batch, raw_batch
from cryptoassets.coincap.models import HistoryResponse, Page, Response, Snapshot
from cryptoassets.coincap.protocol import epoch_ms, from_epoch_ms
from cryptoassets.coincap.verbatim import Envelope, UnreadableError, read_envelope
from cryptoassets.partitions.spans import partition_around
from cryptoassets.schemas import FLOWS, HISTORY_FLOW, SNAPSHOT_FLOW, Flow
from cryptoassets.settings import SourceKind
from cryptoassets.stores.expiry import without_expired
from cryptoassets.stores.lake import refuse_mixed_sources, store_batch
from cryptoassets.stores.mongodb import DEAD_LETTERS, FETCHES, Document, FieldTypes, Lake, has_types
from cryptoassets.upkeep.partitions import Partition, partition_of

_LETTER_FIELDS: FieldTypes = {
    "url": (str,),
    "fetched_at": (datetime,),
    "reason": (str,),
    "body": (str,),
}
"""A letter that lacks one of these fields is kept: another program may have written it."""


@dataclass(frozen=True)
class RereadResult:
    """The result of reading dead letters again.

    Attributes:
        partitions: partitions that received documents.
        documents: number of documents that were stored.
        read: number of letters that became documents and were deleted.
        remaining: number of letters that still cannot be read or stored.
    """

    partitions: frozenset[Partition]
    documents: int
    read: int
    remaining: int


def letter_reasons(lake: Lake) -> list[str]:
    """Return the reason codes of the existing dead letters, sorted."""
    found = lake[DEAD_LETTERS].distinct("reason")
    return sorted(reason for reason in found if isinstance(reason, str))


def reread_dead_letters(lake: Lake, source: SourceKind, reason: str | None = None) -> RereadResult:
    """Store the documents of all dead letters that can be read now, and delete these letters.

    Args:
        lake: the database.
        source: source of the documents, because letters do not name it. If a snapshot's letter has
            a fetch record, the source in that record is used instead.
        reason: read only letters with this code; None: all letters.

    Raises:
        MixedSourcesError: the documents would mix with those of another source.
    """
    partitions: set[Partition] = set()
    documents = read = remaining = 0
    # Read only the ids first: bodies have up to 1 MiB, and new letters may arrive in the meantime.
    letter_ids = [one["_id"] for one in lake[DEAD_LETTERS].find(_of(reason), {"_id": 1})]
    for letter_id in letter_ids:
        letter = lake[DEAD_LETTERS].find_one({"_id": letter_id})
        found = _documents_of(lake, letter, source) if letter else None
        if found is None or not found[1].documents:
            remaining += 1
            continue
        flow, batch = found
        refuse_mixed_sources(lake, batch)
        store_batch(lake, flow.raw, batch)
        lake[DEAD_LETTERS].delete_one({"_id": letter_id})
        read += 1
        documents += len(batch.documents)
        partitions |= {
            partition_of(flow, partition_around(document["observed_at"], flow.span)[0])
            for document in batch.documents
        }
    return RereadResult(frozenset(partitions), documents, read, remaining)


def _of(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"reason": reason}


def _documents_of(lake: Lake, letter: Document, source: SourceKind) -> tuple[Flow, RawBatch] | None:
    """Return a letter's documents, except those of expired partitions; None if unreadable."""
    if not has_types(letter, _LETTER_FIELDS):
        return None
    asked = urlsplit(letter["url"])
    query = dict(parse_qsl(asked.query))
    try:
        envelope = _envelope_of(letter["body"])
        match asked.path.rstrip("/").split("/"):
            case [*_, "assets", slug, "history"]:
                flow, batch = HISTORY_FLOW, _points(letter, unquote(slug), query, envelope, source)
            case [*_, "assets"]:
                flow, batch = SNAPSHOT_FLOW, _coins(lake, letter, query, envelope, source)
            case path:
                flow = next(one for one in FLOWS if one.route.split("/") == ["", path[-1]])
                batch = _rows(flow, letter, envelope, source)
    except (UnreadableError, KeyError, ValueError, StopIteration):
        return None
    return flow, without_expired(lake, flow.raw, batch)


def _envelope_of(body: str) -> Envelope:
    """Parse a response; a single coin or point is parsed as a response without a timestamp."""
    envelope = read_envelope(body.encode())
    return read_envelope(f'{{"data":[{body}]}}'.encode()) if envelope.items is None else envelope


def _response_to(letter: Document, source: SourceKind) -> Response:
    return Response(letter["url"], letter["status"], source, {}, b"", letter["fetched_at"])


def _points(
    letter: Document, slug: str, query: dict[str, str], envelope: Envelope, source: SourceKind
) -> RawBatch:
    start, end = (from_epoch_ms(int(query[name])) for name in ("start", "end"))
    response = _response_to(letter, source)
    items = envelope.items or ()
    return history_batch(
        HistoryResponse(slug, query["interval"], start, end, response, None, items)
    )


def _rows(flow: Flow, letter: Document, envelope: Envelope, source: SourceKind) -> RawBatch:
    stamp = envelope.members.get("timestamp", epoch_ms(letter["fetched_at"]))
    items = envelope.items or ()
    return listing_batch(flow, Page(_response_to(letter, source), 0, len(items), stamp, items))


def _coins(
    lake: Lake, letter: Document, query: dict[str, str], envelope: Envelope, source: SourceKind
) -> RawBatch:
    offset, limit = int(query["offset"]), int(query["limit"])
    stamp = envelope.members.get("timestamp")
    fetch = lake[FETCHES].find_one({"fetched_at": letter["fetched_at"], "offset": offset})
    if fetch is not None:
        stamp, source = epoch_ms(fetch["observed_at"]), fetch["source"]
    page = Page(_response_to(letter, source), offset, limit, stamp, envelope.items or ())
    batch = raw_batch(Snapshot((page,), is_repeated=False))
    # The fetch record already exists and counts the whole page.
    return batch if fetch is None else replace(batch, fetches=())
