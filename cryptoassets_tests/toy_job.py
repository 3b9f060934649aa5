"""A Dagster job that needs no store."""

import dagster as dg


@dg.op
def fetch_one() -> int:
    """Return one."""
    return 1


@dg.job
def toy_job() -> None:
    """Run the op."""
    fetch_one()
