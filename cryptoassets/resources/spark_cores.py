"""Computes how many cores of a Spark cluster one run takes.

What goes here: asking the master of a standalone cluster for its workers. What stays out: the other
settings of the session (in `spark_jvm`).
"""

import json
from urllib.request import urlopen

from cryptoassets.settings import Settings

_RUNS_AT_ONCE = 2
"""The same number as `max_concurrent_runs` in `dagster.yaml`."""
_SECONDS = 5.0


def cores_per_run(settings: Settings) -> int | None:
    """Return how many cores a run takes, so that two concurrent runs use all workers' cores.

    None means that Spark's own configuration decides. This is so if the master is not standalone,
    if the address of its page is not set, or if this page does not list any live workers.
    """
    if settings.spark_cores_per_run:
        return settings.spark_cores_per_run
    if "spark" not in settings.pages or not settings.spark_master.startswith("spark://"):
        return None
    page = settings.pages["spark"][1].rstrip("/")
    try:
        with urlopen(f"{page}/json/", timeout=_SECONDS) as response:  # noqa: S310 - settings allow only http(s)
            return _share(json.load(response)["workers"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _share(workers: list[dict[str, object]]) -> int | None:
    cores = sum(int(str(one["cores"])) for one in workers if one["state"] == "ALIVE")
    return max(1, cores // _RUNS_AT_ONCE) if cores else None
