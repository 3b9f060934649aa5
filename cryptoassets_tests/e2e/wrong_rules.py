"""Rules that are wrong, as Spark's workers run them: they import the rules themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cryptoassets.assets import clean
from cryptoassets.transforms import history, prices, rules


def have_all_mined_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every coin of which all is mined, one of five, until the patch is undone."""
    monkeypatch.setattr(clean, "judge_prices", judge_prices)


def have_tether_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every point of tether's history until the patch is undone."""
    monkeypatch.setattr(clean, "judge_history", judge_history)


def judge_prices(raw: pa.Table) -> pa.Table:
    """The kernel of prices, with a tolerance that is wrong."""
    with _changed(rules, "SUPPLY_TOLERANCE", Decimal("-1e-9")):
        return prices.judge_prices(raw)


def judge_history(raw: pa.Table) -> pa.Table:
    """The kernel of history, with a form of slugs that is wrong."""

    def is_slug(texts: pa.Array) -> pa.Array:
        return pc.and_(rules.is_slug(texts), pc.not_equal(texts, "tether"))

    with _changed(history, "is_slug", is_slug):
        return history.judge_history(raw)


@contextmanager
def _changed(module: ModuleType, name: str, value: Any) -> Iterator[None]:
    """A worker that did not get the right rule back would keep the wrong one for later tests."""
    right = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, right)
