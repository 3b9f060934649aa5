"""Copy the data lake to BSON files and back.

Usage: lake.py collections | dump NAME > FILE | restore < TAR

The files have the format of `mongodump`, but this script also works with servers that do not
support `mongodump`. Documents are not decoded, so they are copied byte for byte.
"""

import gzip
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

from bson import decode_file_iter
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database

_RAW = CodecOptions(document_class=RawBSONDocument)
_BATCH = 1_000
_SUFFIX = ".bson.gz"


def list_collections(lake: Database[Any]) -> None:
    """Write the names of all collections, one per line."""
    sys.stdout.writelines(f"{one}\n" for one in sorted(lake.list_collection_names()))


def dump(lake: Database[Any], name: str) -> None:
    """Write all documents of a collection to standard output, compressed."""
    with gzip.open(sys.stdout.buffer, "wb", compresslevel=6) as file:
        for document in lake[name].find():
            file.write(document.raw)


def restore(lake: Database[Any]) -> None:
    """Replace all collections with those in the files `NAME.bson.gz` of the archive on stdin."""
    for name in lake.list_collection_names():
        lake.drop_collection(name)
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                with gzip.open(file) as documents:
                    _insert(lake[Path(member.name).name.removesuffix(_SUFFIX)], documents)


def _insert(collection: Collection[Any], documents: Any) -> None:
    batch: list[RawBSONDocument] = []
    for document in decode_file_iter(documents, codec_options=_RAW):
        batch.append(document)
        if len(batch) == _BATCH:
            collection.insert_many(batch)
            batch.clear()
    if batch:
        collection.insert_many(batch)


def main(command: str, *names: str) -> None:
    """Run one command on the database that the container's environment names."""
    url = Path(os.environ["MONGO_URL_FILE"]).read_text(encoding="utf-8")
    commands = {"collections": list_collections, "dump": dump, "restore": restore}
    with MongoClient(url, document_class=RawBSONDocument) as client:
        commands[command](client[os.environ["MONGO_DATABASE"]], *names)


if __name__ == "__main__":
    main(*sys.argv[1:])
