"""Alerts for late DAG runs, in the form that each version of Airflow supports.

What stays out: stopping runs that take too long (the operator's `run_timeout`).
"""

import logging
from datetime import timedelta
from typing import Any

log = logging.getLogger(__name__)

try:
    from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference
except ImportError:  # Airflow 2 has no deadline alerts, Airflow 3 no SLAs.
    DeadlineAlert = None


async def warn_of_late_run(**kwargs: Any) -> None:
    """Log a DAG run that has not ended in time; this function runs in the triggerer."""
    run = (kwargs.get("context") or {}).get("dag_run") or {}
    log.warning("DAG run %s has not ended within %s", run.get("dag_run_id"), kwargs.get("within"))


def late_after(within: timedelta) -> dict[str, Any]:
    """Return arguments for a DAG whose runs should end within this time after being queued.

    Airflow 3 gets a deadline alert. Airflow 2 gets an SLA of its tasks, which counts from the
    interval's end and only for scheduled runs; Airflow lists SLA misses under Browse.
    """
    if DeadlineAlert is None:
        return {"default_args": {"sla": within}}
    return {
        "deadline": DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=within,
            callback=AsyncCallback(warn_of_late_run, kwargs={"within": str(within)}),
        )
    }
