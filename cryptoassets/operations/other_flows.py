"""The flows (kinds of documents) that a run fetches besides snapshots.

What goes here: when these flows are due, and for which partitions their jobs run. What stays out:
snapshots and marts (in `run` and `cycle`), executing a job (in `runs`).
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import pymongo

from cryptoassets.errors import SettingsError, SourceError, StoreError
from cryptoassets.operations.left_behind import partitions_left_behind, started_partitions
from cryptoassets.operations.runs import Runner
from cryptoassets.operations.session import Stores
from cryptoassets.partitions.spans import partition_around, partition_name, partition_window
from cryptoassets.resources import ecb_rates
from cryptoassets.resources.coincap import is_recorded, listing_credits, requested_ids
from cryptoassets.resources.credits import PostgresCreditKeeper
from cryptoassets.schemas import FLOWS, SNAPSHOT_FLOW, Flow, asset_of
from cryptoassets.stores.mongodb import oldest_or_newest_time
from cryptoassets.upkeep.in_use import windows_of_live_runs


def run_other_flows(
    stores: Stores, runner: Runner, now: datetime, tags: Mapping[str, str] = MappingProxyType({})
) -> bool:
    """Fetch each flow that is due, and process unpublished partitions, including history.

    Partitions that a live run is processing are left to that run.

    Returns:
        Whether all jobs succeeded.

    Args:
        stores: the stores.
        runner: executes the jobs.
        now: the current time.
        tags: further tags of the runs.
    """
    all_succeeded = True
    refresh_ecb_rates(stores, runner, now)
    for flow in FLOWS:
        if flow is SNAPSHOT_FLOW:
            continue
        waiting = partitions_left_behind(stores, now, flow)
        wanted = _without_live_run(runner, waiting.keys)
        if is_due(stores, flow, now):
            current = partition_name(partition_around(now, flow.span))
            fetched = [asset_of(flow.raw), *flow.processed_assets]
            all_succeeded &= runner.execute(flow.job, current, tags=tags, assets=fetched)
            # A response is stored in the partition of its own timestamp, not of the requested one.
            raw = asset_of(flow.raw)
            wanted |= {key for name, key in runner.outcome.materialized if name == raw}
            wanted.discard(current)
        for key in reversed(started_partitions(wanted)):
            assets = flow.processed_assets
            all_succeeded &= runner.execute(flow.job, key, tags=tags, assets=assets)
        if waiting.warning:
            runner.warn(waiting.warning)
    return all_succeeded


def _without_live_run(runner: Runner, keys: set[str]) -> set[str]:
    """Leave out partitions that a live run covers: a `backfill` publishes what it fetches."""
    busy = list(windows_of_live_runs(runner.instance)) if keys else []
    return {key for key in keys if not any(one.overlaps(partition_window(key)) for one in busy)}


def refresh_ecb_rates(stores: Stores, runner: Runner, now: datetime) -> None:
    """Read the ECB's rates if those of a new day are due.

    A failure is only a warning, because publishing prices does not need these rates.
    """
    file = stores.settings.cryptoassets_ecb_rates
    try:
        changed = ecb_rates.refresh_ecb_rates(stores.postgres, file, now)
    except (SettingsError, SourceError, StoreError) as error:
        runner.warn(str(error))
    else:
        if changed is not None:
            runner.progress.done("ECB", f"{changed:,} new or changed daily rates")


def is_due(stores: Stores, flow: Flow, now: datetime) -> bool:
    """Whether to fetch a flow now: its newest document is too old, and the credits allow it.

    History is never due: only `backfill` fetches it.
    """
    if flow.every is None or (flow.ids_setting and not requested_ids(flow, stores.settings)):
        return False
    newest = oldest_or_newest_time(stores.mongo.lake()[flow.raw.name], {}, pymongo.DESCENDING)
    if newest is not None and now - newest <= flow.every:
        return False
    if stores.stack.source == "replay" and not is_recorded(flow, stores.settings):
        return False
    monthly = stores.settings.coincap_monthly_credits
    budget = PostgresCreditKeeper(stores.postgres.connect, monthly, "paced").budget(now)
    return budget.can_spend(listing_credits(flow, stores.settings))
