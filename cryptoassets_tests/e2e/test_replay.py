"""CoinCap's recorded responses are loaded, and every amount equals its recorded text."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.resources.spark import SparkResource
from cryptoassets.settings import Settings
from cryptoassets.transforms.rules import DOUBLE_FIELDS, SOURCE_FIELDS
from cryptoassets_tests.e2e.homes import COMMAND, user_environment
from cryptoassets_tests.e2e.platforms import Platform
from cryptoassets_tests.e2e.stores import Stores

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

_LAST_PLACE = Decimal("1e-18")


@pytest.fixture
def samples() -> Path:
    """The folder of recorded responses that CRYPTOASSETS_SAMPLES names."""
    folder = os.environ.get("CRYPTOASSETS_SAMPLES")
    if not folder:
        pytest.skip("CRYPTOASSETS_SAMPLES is not set: no recorded responses to load")
    return Path(folder)


@contextmanager
def replay(folder: Path) -> Iterator[str]:
    """Run `cryptoassets source --replay` as a user does, and yield the URL that it prints."""
    with subprocess.Popen(
        [COMMAND, "source", "--replay", str(folder), "--port", "0"],
        env=user_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.mark.parametrize(("sample", "coins"), [("v2-2018-08-06", 100), ("v3-2025-12", 4)])
def test_a_recorded_page_is_loaded_with_every_digit(
    samples: Path, stack: Stack, spark: SparkResource, session_home: Path, sample: str, coins: int
) -> None:
    """Prices have 18 decimal places, some of which a double would lose."""
    with replay(samples / sample) as url:
        of_replay = Stack(Settings(_env_file=None, cryptoassets_home=session_home, coincap_url=url))
        stores = Stores(
            of_replay.mongo_url(),
            "datalake",
            of_replay.postgres_url(),
            Path(of_replay.clean_path()),
        )
        platform = Platform(stores, url, {"COINCAP_URL": url, "COINCAP_COINS": str(coins)})

        finished = platform.command("run")

    assert 0 == finished.code, finished.text
    assert "Source of data: replay" in finished.text
    documents = newest_documents(stores, coins)
    recorded = json.loads((samples / sample / "assets.json").read_bytes())["data"][:coins]
    assert sorted(map(json.dumps, recorded)) == sorted(
        json.dumps(document["payload"]) for document in documents
    )
    assert {"replay"} == {document["source"] for document in documents}
    for document in documents:
        assert expected_row(document["payload"]) == loaded_row(stores, document["_id"])
    assert session_home / "replay" in stores.clean.parents
    assert stores.postgres_url != stack.postgres_url()


def newest_documents(stores: Stores, coins: int) -> list[dict[str, Any]]:
    """The documents of the newest snapshot."""
    documents = stores.documents()
    newest = max(document["observed_at"] for document in documents)
    of_newest = [document for document in documents if document["observed_at"] == newest]
    assert coins == len(of_newest)
    return of_newest


def expected_row(payload: dict[str, Any]) -> dict[str, Any]:
    """A coin's strings as decimals; fields that CoinCap prints as doubles are rounded."""
    amounts = {}
    for column, field in SOURCE_FIELDS.items():
        text = payload.get(field)
        value = None if text is None else Decimal(text)
        if value is not None and column in DOUBLE_FIELDS:
            with localcontext(prec=60):
                value = value.quantize(_LAST_PLACE, rounding=ROUND_HALF_UP)
        amounts[column] = value
    return {"coin_id": payload["id"], "rank": int(payload["rank"]), "source": "replay", **amounts}


def loaded_row(stores: Stores, raw_id: str) -> dict[str, Any]:
    """The row of a raw document in `warehouse.coin_prices`."""
    columns = ["coin_id", "rank", "source", *SOURCE_FIELDS]
    statement = f"SELECT {', '.join(columns)} FROM warehouse.coin_prices WHERE raw_id = %s"  # noqa: S608 - own names
    (row,) = stores.rows(statement, raw_id)
    return dict(zip(columns, row, strict=True))
