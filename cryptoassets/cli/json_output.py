"""Results as JSON, for `--json`.

What goes here: one function per result, and the names in its JSON. What stays out: output for
people (in `render`, `status_tables` and `summary`).

With `--json`, stdout gets only the JSON; progress goes to stderr.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cryptoassets.cli.terminal import console, errors, print_for_program

if TYPE_CHECKING:
    # Importing these modules takes seconds, and each command needs only one of them.
    from cryptoassets.coincap.credits import Budget
    from cryptoassets.operations.audit_partitions import Findings
    from cryptoassets.operations.backfill import BackfillResult
    from cryptoassets.operations.backfill_estimate import BackfillEstimate
    from cryptoassets.operations.cycle import Cycle
    from cryptoassets.operations.runs import Outcome
    from cryptoassets.upkeep.retention import RetentionResult

Json = dict[str, Any]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON; progress goes to stderr.")]


def progress_console(*, is_json: bool) -> Console:
    """Return the console for progress: stderr if stdout is for JSON."""
    return errors if is_json and not console.quiet else console


def print_json(values: Mapping[str, Any], *, indent: int | None = 2) -> None:
    """Print an object to stdout; times are written as ISO strings."""
    print_for_program(json.dumps(values, indent=indent, ensure_ascii=True, default=_text))


def _text(value: object) -> str:
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat else str(value)


def run_json(outcome: "Outcome") -> Json:
    """Return what a run did."""
    rows = outcome.materialized.items()
    return {
        "source": outcome.source,
        "is_done": not outcome.failures,
        "failures": outcome.failures,
        "warnings": outcome.warnings,
        "checks_passed": outcome.checks_passed,
        "materialized": [
            {"asset": asset, "partition": partition, "rows": count}
            for (asset, partition), count in rows
        ],
        "seconds": round(outcome.seconds, 1),
    }


def cycle_json(cycle: "Cycle") -> Json:
    """Return what one cycle of `run --every` did."""
    return {
        **run_json(cycle.outcome),
        "is_done": cycle.is_done,
        "documents": cycle.documents,
        "rows": cycle.rows,
        "answer_to_row_seconds": cycle.answer_to_row_seconds,
        "seconds": round(cycle.seconds, 1),
    }


def audit_json(home: str, found: "Findings") -> Json:
    """Return what an audit found."""
    values = asdict(found)
    values["notes"] = values.pop("not_compared") + values["notes"]
    return {"home": home, **values}


def estimate_json(estimate: "BackfillEstimate") -> Json:
    """Return what a backfill would fetch and cost."""
    return {
        "coins": estimate.coins,
        "is_number_of_coins_assumed": estimate.is_number_of_coins_assumed,
        "interval": estimate.interval,
        "calls": estimate.cost.calls,
        "credits": estimate.cost.credits,
        "months": estimate.months,
        "budget": _budget(estimate.budget),
    }


def _budget(budget: "Budget") -> Json | None:
    if not budget.is_limited:
        return None
    return {
        "monthly": budget.monthly,
        "left": budget.left,
        "reserve": budget.reserve,
        "kept_from_history": budget.kept_from_history,
    }


def backfill_json(result: "BackfillResult") -> Json:
    """Return what a backfill did."""
    asked = {"since": result.asked.since, "until": result.asked.until}
    return {**asdict(result), "asked": {**asked, "gaps_only": result.asked.gaps_only}}


def retention_json(result: "RetentionResult", *, is_dry_run: bool) -> Json:
    """Return what was deleted, or what a dry run would delete."""
    return {
        "is_dry_run": is_dry_run,
        "before": result.before,
        "partitions": [
            {
                "asset": one.partition.asset,
                "partition": one.partition.key,
                "documents": one.documents,
                "rows": one.rows,
                "clean_bytes": one.clean_bytes,
                "kept_because": one.held,
            }
            for one in result.candidates
        ],
        "records": result.records,
        "runs": result.runs,
    }
