"""A flow written as docs/extending.md shows works everywhere, without changes to other files."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cryptoassets.coincap_server.exchange import HttpResponse, Reply, Request
from cryptoassets.coincap_server.sources import simulated_source
from cryptoassets.definitions import current_defs
from cryptoassets.project import project_root
from cryptoassets.schemas import FLOWS, SNAPSHOT_FLOW
from cryptoassets_tests.e2e.conftest import make_platform
from cryptoassets_tests.e2e.platforms import MakePlatform, Platform, this_hour
from cryptoassets_tests.extending.toy_flow import EXCHANGE_FLOW

__all__ = ["make_platform"]

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

PAGE = (project_root() / "docs" / "extending.md").read_text(encoding="utf-8")
DDL = PAGE.partition("```sql\n")[2].partition("```")[0]
TOY = EXCHANGE_FLOW.asset
LEDGER = (
    "SELECT raw_rows, loaded_rows, quarantined_rows, expired_at IS NOT NULL FROM warehouse.loads "
    "WHERE asset = 'warehouse/exchange_volumes'"
)
VOLUMES = "SELECT exchange_id, volume_usd_24h::text FROM warehouse.exchange_volumes ORDER BY 1"
QUARANTINE = (
    "SELECT reasons FROM warehouse.quarantine WHERE asset = 'warehouse/exchange_volumes' ORDER BY 1"
)


class WithExchanges:
    """The simulator with the additional route `/exchanges`, which returns three rows."""

    def __init__(self) -> None:
        """Start the simulator; one of the three volumes breaks a rule."""
        self._simulator = simulated_source()
        self.volumes: list[Any] = ["1500.5", "20", "-1"]

    def answer(self, request: Request) -> HttpResponse:
        """Answer `/exchanges`; pass all other requests to the simulator."""
        if not request.path.endswith("/exchanges"):
            return self._simulator.answer(request)
        rows = [{"exchangeId": f"e{n}", "volumeUsd": one} for n, one in enumerate(self.volumes)]
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        reply = Reply(200, str(now_ms), tuple(map(json.dumps, rows)))
        return reply.wire().with_header("X-Cryptoassets-Source", "simulator")


@pytest.fixture
def toy_flow() -> Iterator[None]:
    """Add the toy flow to `FLOWS`, as if its module were in `cryptoassets/schemas/flows`."""
    FLOWS.append(EXCHANGE_FLOW)
    yield
    FLOWS.remove(EXCHANGE_FLOW)


@pytest.fixture
def platform(toy_flow: None, make_platform: MakePlatform) -> Iterator[Platform]:
    """Empty stores in which the toy flow's migration has run."""
    with make_platform(WithExchanges(), COINCAP_COINS="5") as platform:
        platform.stores.rows(DDL)
        yield platform


def status_of(platform: Platform) -> dict[str, Any]:
    """The output of `cryptoassets status --json`."""
    found: dict[str, Any] = json.loads(platform.command("status", "--json").text)
    return found


def test_a_flow_is_fetched_published_checked_audited_and_rebuilt(platform: Platform) -> None:
    """The quarantine, the ledger and `status` include the flow, too."""
    loaded = [("e0", "1500.500000000000000000"), ("e1", "20.000000000000000000")]

    first, second = platform.command("run"), platform.command("run")

    assert (0, 0) == (first.code, second.code), first.text + second.text
    assert loaded == platform.stores.rows(VOLUMES)
    assert [(3, 2, 1, False)] == platform.stores.rows(LEDGER)
    assert [(["volume_usd_24h_negative"],)] == platform.stores.rows(QUARANTINE)
    assert 3 == len(platform.stores.documents("exchanges")), "the second run fetched too early"

    shown = status_of(platform)
    passed = {one["name"]: one["passed"] for one in shown["checks"] if "exchange" in one["asset"]}
    assert {"columns": True, "keys": True, "outcomes": True, "reconciliation": True} == {
        name: is_passed for name, is_passed in passed.items() if name != "quarantine_share"
    }
    assert passed["quarantine_share"] is False
    fresh = {one["asset"]: one["is_fresh"] for one in shown["assets"]}
    assert fresh[TOY] is True
    assert {"warehouse.exchange_volumes"} <= {one["name"] for one in shown["stores"]}
    assert 0 == platform.command("audit").code

    platform.stores.rows("UPDATE warehouse.exchange_volumes SET volume_usd_24h = 7")
    audited, rebuilt = platform.command("audit"), platform.command("rebuild")

    assert (1, 0) == (audited.code, rebuilt.code), rebuilt.text
    assert TOY in audited.text
    assert loaded == platform.stores.rows(VOLUMES)
    assert 0 == platform.command("audit").code


def test_requeue_and_retention_include_the_flow(platform: Platform) -> None:
    """`requeue` reads the route's dead letters; `retention` deletes the flow's old partitions."""
    body = '{"exchangeId":"late","volumeUsd":"3"}'
    letter = {
        "_id": "letter",
        "url": f"{platform.source_url}/exchanges",
        "fetched_at": datetime(2026, 1, 5, 10, tzinfo=UTC),
        "status": 200,
        "reason": "toy",
        "body": body,
    }
    with platform.stores.lake() as lake:
        lake["dead_letters"].insert_one(letter)

    requeued = platform.command("requeue", "--reason", "toy")

    assert 0 == requeued.code, requeued.text
    assert [("late", "3.000000000000000000")] == platform.stores.rows(VOLUMES)
    assert 0 == platform.command("requeue", "--reason", "volume_usd_24h_negative").code

    deleted = platform.with_settings(CRYPTOASSETS_RETENTION_DAYS="1").command("retention")

    assert 0 == deleted.code, deleted.text
    assert [] == platform.stores.rows(VOLUMES) == platform.stores.documents("exchanges")
    assert [(1, 1, 0, True)] == platform.stores.rows(LEDGER)
    assert 0 == platform.command("audit").code


def test_dagster_knows_the_flow(toy_flow: None) -> None:
    """Dagster has the flow's assets, lineage, checks and job; the quarantine depends on it."""
    defs = current_defs()
    graph = defs.resolve_asset_graph()
    (published,) = [key for key in graph.get_all_asset_keys() if key.to_user_string() == TOY]

    lineage = graph.get(published).metadata["dagster/column_lineage"].deps_by_column
    quarantine = next(k for k in graph.get_all_asset_keys() if k.path[-1] == "quarantine")
    job = defs.resolve_job_def("exchanges")

    assert {"volume_usd_24h", "exchange_id"} <= lineage.keys()
    assert "clean/exchange_volumes" in {
        key.to_user_string() for key in graph.get(quarantine).parent_keys
    }
    assert {"reconciliation"} == {
        check.name for check in graph.asset_check_keys if check.asset_key == published
    }
    assert job.partitions_def is not None
    assert job.partitions_def.has_partition_key(this_hour())
    assert SNAPSHOT_FLOW is FLOWS[0]


@pytest.mark.parametrize("name", ["toy_flow", "toy_rules", "toy_assets"])
def test_the_page_shows_the_code_of_the_toy_flow(name: str) -> None:
    """Users copy the code from the page, so it must be the tested code."""
    code = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    shown = PAGE.replace("cryptoassets.assets.exchanges", "cryptoassets_tests.extending.toy_assets")
    shown = shown.replace(
        "cryptoassets.schemas.flows.exchanges", "cryptoassets_tests.extending.toy_flow"
    )
    shown = shown.replace(
        "cryptoassets.transforms.exchanges", "cryptoassets_tests.extending.toy_rules"
    )

    assert sorted(code.split("\n")) == sorted(
        max(_blocks(shown), key=lambda block: len({*block} & {*code.split("\n")}))
    )


def _blocks(page: str) -> list[list[str]]:
    return [one.partition("```")[0].split("\n") for one in page.split("```python\n")[1:]]
