"""Alerts for late DAG runs: deadline alerts on Airflow 3, SLAs on Airflow 2.

What stays out: stopping runs that take too long (the operator's `run_timeout`).
"""

import logging
from datetime import timedelta
from typing import Any

log = logging.getLogger(__name__)

try:
    from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference
except ImportError:  # Airflow 2 has SLAs instead of deadline alerts.
    DeadlineAlert = None


async def warn_of_late_run(**kwargs: Any) -> None:
    """Log that a DAG run has not ended in time; Airflow calls this in the triggerer."""
    run = (kwargs.get("context") or {}).get("dag_run") or {}
    log.warning("DAG run %s has not ended within %s", run.get("dag_run_id"), kwargs.get("within"))


def late_after(within: timedelta) -> dict[str, Any]:
    """Return DAG arguments that raise an alert if a run takes longer than `within`.

    On Airflow 3, the arguments declare a deadline alert, and the time starts when the run is
    queued. On Airflow 2, they declare an SLA for each task, and the time starts at the interval's
    end.
    Airflow 2 checks scheduled runs only, and lists missed SLAs under Browse.
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
