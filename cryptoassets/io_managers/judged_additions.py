"""Publishes only the files that were added to a partition since its latest publication.

What goes here: deciding whether this is possible, and staging the files. What stays out: finding
the files (in `stores.additions`), publishing the staged rows (in `judged`).
"""

from cryptoassets.errors import PartitionChangedError
from cryptoassets.io_managers.judged import Publication, Transaction, publish
from cryptoassets.io_managers.judged_staging import JudgedRows, staged_rows
from cryptoassets.partitions.spans import partition_name
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.schemas import Flow
from cryptoassets.stores.additions import addition_to, latest_publication
from cryptoassets.stores.clean import CleanFiles


def publish_addition(
    postgres: PostgresResource,
    spark: SparkResource,
    transaction: Transaction,
    flow: Flow,
    run_id: str,
    judged: JudgedRows,
) -> Publication | None:
    """Publish the added files of a run's only partition; raises errors as `judged.publish` does.

    Args:
        postgres: the warehouse.
        spark: runs the tasks.
        transaction: see `Transaction`.
        flow: determines the published table.
        run_id: the Dagster run that publishes.
        judged: all rows of the run.

    Returns:
        None if nothing was published, e.g. because nothing was added or the partition has changed;
        then the whole partition must be published.
    """
    if not isinstance(judged, CleanFiles) or len(judged.partitions) != 1:
        return None
    name = partition_name(judged.partitions[0])
    with transaction(f"reading the ledger of {flow.asset} {name}") as cursor:
        addition = addition_to(latest_publication(cursor, flow.asset, name), judged)
    if addition is None:
        return None
    partitions = list(judged.partitions)
    with staged_rows(postgres, spark, flow, run_id, addition, partitions) as (staged,):
        try:
            return publish(transaction, staged, run_id)
        except PartitionChangedError:
            return None
