"""The plugin reads facts by the names under which the product's runs report them."""

import dagster as dg
import pytest

from cryptoassets import facts as product
from cryptoassets.errors import ContractViolationError
from cryptoassets.facts import Fact, metadata_of
from cryptoassets.resources.failures import dagster_failures
from cryptoassets_airflow import facts as plugin
from cryptoassets_tests.airflow_plugin.reading import events_of

pytest.importorskip("dagster_graphql")

LATE = {Fact.DOCUMENTS_RECEIVED: 7, Fact.IS_LATE: True}


def test_the_plugin_uses_only_names_of_existing_facts() -> None:
    """Neither package may import the other, so no import fails if the product renames a fact."""
    names = {value for name, value in vars(plugin).items() if name.isupper()}

    assert product.METADATA_KEY == plugin.METADATA_KEY
    assert names - {plugin.METADATA_KEY} <= set(Fact)


def test_the_plugin_reads_the_facts_of_a_materialization_and_of_a_failure() -> None:
    """The facts of both events pass through Dagster's storage and its GraphQL."""

    @dg.op
    def publish(context: dg.OpExecutionContext) -> None:
        """Report late documents, then fail."""
        context.log_event(dg.AssetMaterialization("raw", metadata=metadata_of(LATE)))
        with dagster_failures():
            message = "Keys do not add up"
            raise ContractViolationError(message)

    @dg.job
    def process() -> None:
        publish()

    with dg.DagsterInstance.ephemeral() as instance:
        run_id = process.execute_in_process(instance=instance, raise_on_error=False).run_id
        by_type = {event["__typename"]: event for event in events_of(instance, run_id)}

    made = by_type["MaterializationEvent"]["metadataEntries"]
    failed = by_type["ExecutionStepFailureEvent"]["failureMetadata"]["metadataEntries"]
    assert {plugin.DOCUMENTS_RECEIVED: 7, "is_late": True} == plugin.facts_of(made)
    error = ContractViolationError.__name__
    assert {plugin.ERROR: error, plugin.IS_RETRYABLE: False} == plugin.facts_of(failed)
