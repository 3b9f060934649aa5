"""A stretch of consecutive partitions: a partition that fails does not stop the others."""

from datetime import timedelta

import dagster as dg

from cryptoassets.operations.ranges import StretchRunner, changed_keys, name_of
from cryptoassets.partitions.spans import partition_window
from cryptoassets.upkeep.partitions import Partition
from cryptoassets_tests.operations.toys import ASSET, DAYS, JOB, toy_definitions, toy_runner

STRETCH = [Partition(partition_window(day)[0], ASSET, timedelta(days=1)) for day in DAYS]


def test_a_stretch_is_halved_until_the_failing_partition_is_found() -> None:
    """The failing partition is reported, and the other partitions of its stretch are processed."""
    with dg.DagsterInstance.ephemeral() as instance:
        definitions = toy_definitions(failing=[DAYS[2]])
        runner, reports = toy_runner(instance, definitions, is_reprocessing=True)

        finished = list(StretchRunner(runner).run(JOB, STRETCH))

    keys = [partition.key for one in finished for partition in one.partitions]
    assert [DAYS[0], DAYS[1], DAYS[3]] == keys
    [failure] = runner.outcome.failures
    assert DAYS[2] in failure
    assert [failure] == reports.of("fail")
    assert {DAYS[0], DAYS[1], DAYS[3]} == changed_keys(runner.outcome, ASSET)


def test_progress_names_the_stretch_and_its_position() -> None:
    """A rebuild of a year takes hours, so its progress must be visible."""
    with dg.DagsterInstance.ephemeral() as instance:
        runner, reports = toy_runner(instance, toy_definitions(), is_reprocessing=True)

        list(StretchRunner(runner).run(JOB, STRETCH, place=" (1 to 4 of 9)"))

    assert [f"{JOB} of {DAYS[0]} to {DAYS[3]} (1 to 4 of 9)"] == reports.of("doing")
    assert DAYS[0] == name_of(STRETCH[:1])
