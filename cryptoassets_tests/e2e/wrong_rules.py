"""A rule that is wrong, as Spark's workers run it: they import the rules themselves."""

from decimal import Decimal

import pyarrow as pa
import pytest

from cryptoassets.assets import clean
from cryptoassets.transforms import rules
from cryptoassets.transforms.prices import judge_prices


def judge_by_a_wrong_rule(raw: pa.Table) -> pa.Table:
    """A kernel that refuses every coin of which all is mined: one of five."""
    right = rules.SUPPLY_TOLERANCE
    try:
        rules.SUPPLY_TOLERANCE = Decimal("-1e-9")
        return judge_prices(raw)
    finally:
        rules.SUPPLY_TOLERANCE = right


def have_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge by it until the patch is undone."""
    monkeypatch.setattr(clean, "judge_prices", judge_by_a_wrong_rule)
