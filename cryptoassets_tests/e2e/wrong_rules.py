"""Wrong rules for tests. Spark's workers import the rules, so they are patched in the workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cryptoassets.assets import history as history_assets
from cryptoassets.assets import snapshots as snapshot_assets
from cryptoassets.transforms import history, prices, rules


def refuse_fully_mined_coins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every fully mined coin, about one in five, until the patch is undone."""
    monkeypatch.setattr(snapshot_assets, "judge_prices", judge_prices)


def refuse_tether(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every point of tether's history until the patch is undone."""
    monkeypatch.setattr(history_assets, "judge_history", judge_history)


def judge_prices(raw: pa.Table) -> pa.Table:
    """The price kernel, with a wrong tolerance for supplies."""
    with _changed(rules, "SUPPLY_TOLERANCE", Decimal("-1e-9")):
        return prices.judge_prices(raw)


def judge_history(raw: pa.Table) -> pa.Table:
    """The history kernel, with a wrong pattern for slugs."""

    def is_slug(texts: pa.Array) -> pa.Array:
        return pc.and_(rules.is_slug(texts), pc.not_equal(texts, "tether"))

    with _changed(history, "is_slug", is_slug):
        return history.judge_history(raw)


@contextmanager
def _changed(module: ModuleType, name: str, value: Any) -> Iterator[None]:
    """Change a rule until the block ends; later tests in this worker need the right rule."""
    right = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, right)
