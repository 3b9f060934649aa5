"""A toy code location and a recording `Progress`, for tests of operations.

What goes here: a job that fails for the partitions that a test chooses, and that needs neither
stores nor Spark.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import dagster as dg

from cryptoassets.errors import StoreUnavailableError
from cryptoassets.facts import Fact, metadata_of
from cryptoassets.operations.runs import Runner
from cryptoassets.partitions.policies import DAILY

JOB = "toy"
ASSET = "toys/prices"
DAYS = ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04")


@dataclass
class Reports:
    """Records the kind and the text of each report."""

    texts: list[tuple[str, str]] = field(default_factory=list)

    def doing(self, activity: str) -> None:
        """Record the activity."""
        self.texts.append(("doing", activity))

    def note(self, sentence: str) -> None:
        """Record the sentence."""
        self.texts.append(("note", sentence))

    def warn(self, sentence: str) -> None:
        """Record the warning."""
        self.texts.append(("warn", sentence))

    def fail(self, sentence: str) -> None:
        """Record the failure."""
        self.texts.append(("fail", sentence))

    def retry(self, step: str, reason: str) -> None:
        """Record the step and the reason."""
        self.texts.append(("retry", f"{step}: {reason}"))

    def done(self, name: str, result: str = "", seconds: float | None = None) -> None:  # noqa: ARG002
        """Record the result without its duration."""
        self.texts.append(("done", f"{name}  {result}"))

    def of(self, kind: str) -> list[str]:
        """The texts of one kind."""
        return [text for one, text in self.texts if one == kind]


def toy_definitions(
    failing: Collection[str] = (), suspicious: Collection[str] = ()
) -> dg.Definitions:
    """A job for one daily asset with one check.

    Args:
        failing: days whose materialization fails; a range with such a day fails, too.
        suspicious: days for which the check warns.
    """

    @dg.asset(
        key=["toys", "prices"],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def prices(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Claim to have written three rows per day."""
        broken = sorted(set(context.partition_keys) & set(failing))
        if broken:
            raise dg.Failure(
                f"{broken[0]} is broken",
                metadata=metadata_of({Fact.ERROR: StoreUnavailableError.__name__}),
            )
        facts = {Fact.ROWS_WRITTEN: 3, Fact.ROWS_REMOVED: 0, "dagster/partition_row_count": 3}
        return dg.MaterializeResult(metadata=metadata_of(facts))

    @dg.asset_check(asset=prices, name="behaviour", partitions_def=DAILY)
    def behaviour(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """Warns for some days."""
        odd = set(context.op_execution_context.partition_keys) & set(suspicious)
        return dg.AssetCheckResult(
            passed=not odd, severity=dg.AssetCheckSeverity.WARN, description=", ".join(odd)
        )

    selection = dg.AssetSelection.assets(prices)
    job = dg.define_asset_job(JOB, selection=selection)
    return dg.Definitions(assets=[prices], asset_checks=[behaviour], jobs=[job])


def toy_runner(
    instance: dg.DagsterInstance, definitions: dg.Definitions, *, is_reprocessing: bool = False
) -> tuple[Runner, Reports]:
    """A runner of the toy job, and the reports that the runner makes."""
    reports = Reports()
    return Runner(
        reports, instance, definitions=definitions, is_reprocessing=is_reprocessing
    ), reports
