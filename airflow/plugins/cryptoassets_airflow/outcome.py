"""The outcome of a Dagster run: materializations, checks, errors; and whether the task succeeds.

What goes here: reading events, log messages, evaluating the run. What stays out: requests (in
`hook`).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cryptoassets_airflow.errors import (
    DagsterChecksFailedError,
    DagsterRefusedError,
    DagsterRunError,
)
from cryptoassets_airflow.facts import DOCUMENTS_RECEIVED, ERROR, IS_RETRYABLE, facts_of

_MAX_TEXT_LENGTH = 500
_MAX_ERROR_LENGTH = 2_000
_ROW_KEYS = ("dagster/partition_row_count", "dagster/row_count")
_VALUES = ("intRepr", "intValue", "floatValue", "boolValue", "text", "url", "path")


@dataclass(frozen=True)
class Materialization:
    """An asset, or one of its partitions, that the run materialized.

    Attributes:
        metadata: plain values by label, as shown in Dagster.
        facts: the run's facts by name, see the module `facts`.
    """

    asset: str
    partition: str | None
    metadata: dict[str, Any]
    facts: dict[str, Any]

    @property
    def rows(self) -> str:
        """The number of rows or documents, if the metadata contains it."""
        counts = [self.metadata.get(key) for key in _ROW_KEYS]
        counts.append(self.facts.get(DOCUMENTS_RECEIVED))
        return next((str(count) for count in counts if count is not None), "")


@dataclass(frozen=True)
class Check:
    """One evaluation of an asset check; `severity` is ERROR or WARN."""

    asset: str
    name: str
    partition: str | None
    is_passed: bool
    severity: str
    description: str


@dataclass(frozen=True)
class Outcome:
    """A run that has ended.

    Times are in seconds since 1970, or None if the run did not get that far.

    Attributes:
        lasting: names of errors that would occur again in another run.
        reasons: messages of these errors.
    """

    run_id: str
    url: str
    status: str
    created_at: float | None
    started_at: float | None
    ended_at: float | None
    materializations: list[Materialization]
    checks: list[Check]
    errors: list[str]
    lasting: list[str]
    reasons: list[str]

    @property
    def failed_checks(self) -> list[Check]:
        """Failed checks of severity ERROR."""
        return [check for check in self.checks if not check.is_passed and check.severity != "WARN"]

    @property
    def warnings(self) -> list[Check]:
        """Failed checks of severity WARN."""
        return [check for check in self.checks if not check.is_passed and check.severity == "WARN"]

    def for_xcom(self) -> dict[str, Any]:
        """Return the outcome as plain values, for downstream tasks."""
        return asdict(self)

    def is_skipped(self, skip_on: Sequence[str]) -> bool:
        """Return whether the task is skipped: it has permanent errors, all named in `skip_on`."""
        return bool(self.lasting) and set(self.lasting) <= set(skip_on)

    def lines(self, *, skip_on: Sequence[str] = ()) -> Iterator[tuple[int, str]]:
        """Yield the lines for the task's log, each with its level.

        For a skipped task, one line with the reason replaces the errors.
        """
        yield from ((logging.INFO, line) for line in self.table())
        yield from ((logging.WARNING, f"Check {_line_of(check)}") for check in self.warnings)
        yield from ((logging.ERROR, f"Check {_line_of(check)}") for check in self.failed_checks)
        if self.is_skipped(skip_on):
            reasons = " | ".join(dict.fromkeys(self.reasons or self.errors))[:_MAX_ERROR_LENGTH]
            yield logging.INFO, f"Skipped: {reasons}. Dagster shows its run as failed: {self.url}"
        else:
            yield from ((logging.ERROR, f"Dagster: {error}") for error in self.errors)

    def table(self) -> Iterator[str]:
        """Yield a table with the columns asset, partition, rows and checks; nothing if empty."""
        if not self.materializations:
            return
        rows = [("asset", "partition", "rows", "checks")]
        for one in self.materializations:
            checks = [check for check in self.checks if check.asset == one.asset]
            passed = sum(check.is_passed for check in checks)
            summary = f"{passed} of {len(checks)} passed" if checks else ""
            rows.append((one.asset, one.partition or "-", one.rows or "-", summary))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            yield "  ".join(cells).rstrip()

    def judge(self, *, fail_on_check_error: bool) -> None:
        """Raise an error if the task must not succeed.

        Raises:
            DagsterRunError: the run did not end as SUCCESS.
            DagsterRefusedError: the run failed with a permanent error.
            DagsterChecksFailedError: a check of severity ERROR failed, whatever the status.
        """
        if self.failed_checks and fail_on_check_error:
            checks = "; ".join(_line_of(check) for check in self.failed_checks)
            raise DagsterChecksFailedError(
                f"Checks of severity ERROR failed in Dagster run {self.url}: "
                f"{checks[:_MAX_ERROR_LENGTH]}. Another run will not help; correct the data, "
                "then clear this task"
            )
        if self.status != "SUCCESS":
            reason = " | ".join(self.errors) or "no step gave a reason"
            message = f"Dagster run {self.url} ended as {self.status}: {reason[:_MAX_ERROR_LENGTH]}"
            if self.lasting:
                raise DagsterRefusedError(f"{message}. Fix the cause, then clear this task")
            raise DagsterRunError(message)


def _line_of(check: Check) -> str:
    return f"{check.asset} {check.name}: {check.description}"


class OutcomeReader:
    """Builds an `Outcome` from pages of events."""

    def __init__(self, run_id: str, url: str) -> None:
        self._run_id, self._url = run_id, url
        self._page: Mapping[str, Any] = {}
        self._materializations: list[Materialization] = []
        self._checks: list[Check] = []
        self._errors: list[str] = []
        self._lasting: list[str] = []
        self._reasons: list[str] = []

    def take(self, page: Mapping[str, Any]) -> None:
        """Read one page of events, as returned by the query `graphql.EVENTS`."""
        self._page = page
        for event in page["eventConnection"]["events"]:
            kind = event["__typename"]
            if kind == "MaterializationEvent":
                self._materializations.append(_materialization(event))
            elif kind == "AssetCheckEvaluationEvent":
                self._checks.append(_check(event["evaluation"]))
            elif kind == "ExecutionStepFailureEvent" and event["error"]:
                self._errors.append(f"step {event['stepKey']}: {_chain(event['error'])}")
                self._take_lasting(event["failureMetadata"] or {})
            elif kind == "RunFailureEvent":
                cause = event["error"]["message"].strip() if event["error"] else ""
                if any(cause in error for error in self._errors):
                    cause = ""  # A failed step's message already contains it.
                self._errors.append(f"{event['message']} {cause}".strip())

    def _take_lasting(self, failure: Mapping[str, Any]) -> None:
        # A failed step without these facts may be retried, e.g. a step whose process was killed.
        facts = facts_of(failure.get("metadataEntries", ()))
        if facts.get(IS_RETRYABLE) is False:
            self._lasting.append(facts.get(ERROR) or "unnamed")
            self._reasons += [failure["description"]] if failure.get("description") else []

    def outcome(self) -> Outcome:
        """Return the outcome of the pages read so far."""
        return Outcome(
            run_id=self._run_id,
            url=self._url,
            status=self._page["status"],
            created_at=self._page["creationTime"],
            started_at=self._page["startTime"],
            ended_at=self._page["endTime"],
            materializations=self._materializations,
            checks=self._checks,
            errors=self._errors,
            lasting=self._lasting,
            reasons=self._reasons,
        )


def _materialization(event: Mapping[str, Any]) -> Materialization:
    # Tables, plots and Markdown stay in Dagster: they are too large for an XCom.
    values = {entry["label"]: _value(entry) for entry in event["metadataEntries"]}
    metadata = {label: value for label, value in values.items() if value is not None}
    return Materialization(
        asset="/".join(event["assetKey"]["path"]),
        partition=event["partition"],
        metadata=metadata,
        facts=facts_of(event["metadataEntries"]),
    )


def _value(entry: Mapping[str, Any]) -> Any:
    if entry.get("intRepr") is not None:
        return int(entry["intRepr"])  # GraphQL's own integers have 32 bits
    value = next((entry[key] for key in _VALUES if entry.get(key) is not None), None)
    return value[:_MAX_TEXT_LENGTH] if isinstance(value, str) else value


def _check(evaluation: Mapping[str, Any]) -> Check:
    return Check(
        asset="/".join(evaluation["assetKey"]["path"]),
        name=evaluation["checkName"],
        partition=evaluation["partition"],
        is_passed=evaluation["success"],
        severity=evaluation["severity"],
        description=evaluation["description"] or "",
    )


def _chain(error: Mapping[str, Any]) -> str:
    """Return the error's message and its causes, without causes that only repeat a message."""
    messages: list[str] = []
    for one in (error, *(link["error"] for link in error["errorChain"])):
        message = one["message"].strip()
        if not any(message.split(": ", 1)[-1] in earlier for earlier in messages):
            messages.append(message)
    return " <- ".join(messages)
