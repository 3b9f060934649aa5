"""`run` fetches rates if the stored ones are old, and reads the ECB's file."""

from pathlib import Path

import pytest

from cryptoassets.settings import Settings
from cryptoassets_tests.coincap_server.fixtures import get_json
from cryptoassets_tests.e2e.platforms import MakePlatform

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]


TEN = Settings.model_fields["cryptoassets_currencies"].default


def test_a_run_fetches_rates_and_the_next_run_does_not(
    make_platform: MakePlatform, tmp_path: Path
) -> None:
    """Rates of ten currencies cost few credits: they are requested by id, every six hours."""
    file = tmp_path / "hist.csv"
    file.write_text("Date,USD,JPY,\n2026-01-05,1.2,180,\n")
    with make_platform(
        CRYPTOASSETS_CURRENCIES=TEN, COINCAP_COINS="5", CRYPTOASSETS_ECB_RATES=str(file)
    ) as platform:
        first, second = platform.command("run"), platform.command("run")
        audited = platform.command("audit")

        calls = get_json(f"{platform.source_url}/calls")["calls"]
        rates = platform.stores.rows("SELECT symbol, type, source FROM warehouse.fx_rates")
        ecb = platform.stores.rows("SELECT symbol, usd_per_unit::text FROM warehouse.ecb_rates")

    assert (0, 0, 0) == (first.code, second.code, audited.code), first.text + second.text
    assert 1 == calls["/rates"]
    assert 10 == len(rates)
    assert {("EUR", "fiat", "simulator"), ("CHF", "fiat", "simulator")} <= set(rates)
    assert [("EUR", "1.200000000000000000"), ("JPY", "0.006666666666666667")] == sorted(ecb)
