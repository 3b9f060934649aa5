"""Reads and writes `results.json`: what was measured, when and on which machine.

What goes here: the file's format, ratios, and their limits. What stays out: the page (in `page`).
"""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from benchmarks.measuring import Measurement

RESULTS = Path(__file__).parent / "results.json"
Results = dict[str, Any]


@dataclass(frozen=True)
class Limit:
    """The limit that a ratio must meet, and the goal that it should reach.

    Attributes:
        must: largest allowed ratio; if `is_speedup`, the smallest allowed one.
        goal: a stricter limit.
        meaning: description of the ratio.
        is_speedup: larger is better.
    """

    must: float
    goal: float
    meaning: str
    is_speedup: bool = False

    def verdict(self, ratio: float) -> str:
        """Return `goal` if the ratio meets the goal, `must` if it meets `must`, else `missed`."""
        sign = -1 if self.is_speedup else 1
        if sign * ratio <= sign * self.goal:
            return "goal"
        return "must" if sign * ratio <= sign * self.must else "missed"


LIMITS = {
    "cpu_vs_ordinary_200k": Limit(
        0.65, 0.40, "CPU time compared with ordinary Spark, 200,000 documents"
    ),
    "wall_vs_ordinary_200k": Limit(
        0.65, 0.45, "wall time compared with ordinary Spark, 200,000 documents"
    ),
    "wall_vs_distributed_spark_200k": Limit(
        0.8, 0.6, "wall time compared with distributed Spark, 200,000 documents"
    ),
    "memory_vs_ordinary_200k": Limit(
        0.55, 0.40, "peak memory compared with ordinary Spark, 200,000 documents"
    ),
    "wall_vs_ordinary_1m": Limit(
        0.55, 0.35, "wall time compared with ordinary Spark, 1 million documents"
    ),
    "cpu_vs_plain_200k": Limit(5, 3, "CPU time compared with plain pyarrow, 200,000 documents"),
    "wall_vs_dlt_200k": Limit(0.6, 0.4, "wall time compared with dlt's merge, 200,000 documents"),
    "wall_5m_vs_1m": Limit(5.5, 5.2, "wall time with 5 million documents, compared with 1 million"),
    "memory_5m_vs_1m": Limit(
        1.2, 1.1, "peak memory with 5 million documents, compared with 1 million"
    ),
    "speedup_2_vs_1": Limit(
        1.25, 1.5, "speed-up from a second executor, without session start", is_speedup=True
    ),
    "serial_share": Limit(
        0.30, 0.15, "share of the time after session start in which no Spark task runs"
    ),
    "second_run_vs_dcbf970": Limit(
        0.65, 0.5, "wall time of the second `run` in a home, 100 coins, compared with `dcbf970`"
    ),
    "warm_100_p95_vs_dcbf970": Limit(
        0.5, 0.3, "95th percentile of the time from response to row, 100 coins, almost full hour"
    ),
    "warm_2000_p95_vs_dcbf970": Limit(
        0.4, 0.25, "95th percentile of the time from response to row, 2,000 coins, almost full hour"
    ),
    "publish_20m_vs_100k": Limit(
        1.5, 1.3, "time to publish an hour into a month with 20 million rows, compared with 100,000"
    ),
    "audit_2m_vs_dcbf970": Limit(
        0.35, 0.2, "wall time of `audit`, 2 million documents, unchanged since the last `audit`"
    ),
    "status_2m_vs_dcbf970": Limit(
        0.2, 0.1, "wall time of `status`, 2 million documents, unchanged since the last `audit`"
    ),
}
"""All possible keys of `ratios`, in display order; `dcbf970` is the older commit in `baseline`."""


@dataclass
class CaseResult:
    """The results of one case.

    Attributes:
        ways: maps each compared implementation, version or command ("way") to its runs, in order
            of execution; the page has one row per way.
        ratios: maps keys of `LIMITS` to ratios.
        notes: sentences for the page.
        figures: maps names to further numbers.
    """

    ways: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, way: str, measured: Measurement, **further: float) -> None:
        """Store one run of a way, with further figures."""
        run = asdict(measured)
        del run["output"]
        self.ways.setdefault(way, []).append(
            {name: round(value, 3) for name, value in {**run, **further}.items()}
        )

    def medians(self, way: str) -> dict[str, float]:
        """Return the median of each figure over a way's runs."""
        runs = self.ways[way]
        return {name: statistics.median(run[name] for run in runs) for name in runs[0]}

    def ratio(self, way: str, other: str, figure: str) -> float:
        """Return the median ratio of paired runs, which hardly depends on the machine's speed."""
        return paired_ratio(
            [run[figure] for run in self.ways[way]], [run[figure] for run in self.ways[other]]
        )


def paired_ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of (our figure / other figure) over pairs of alternating runs."""
    return statistics.median(a / b for a, b in zip(ours, others, strict=True))


def merge(
    path: Path, case: str, result: CaseResult, *, commit: str, now: datetime | None = None
) -> None:
    """Store a finished case in the file; keep other cases and their ratios.

    The file is replaced atomically under a lock, so that concurrent commands lose no cases.

    Raises:
        KeyError: a ratio's key is not in `LIMITS`.
    """
    unknown = result.ratios.keys() - LIMITS.keys()
    if unknown:
        raise KeyError(*unknown)
    date = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with FileLock(path.with_suffix(".lock")):
        found = read(path)
        cases = found["cases"] | {
            case: {"date": date, "commit": commit, "machine": machine(), **asdict(result)}
        }
        ratios = found["ratios"] | {key: round(v, 3) for key, v in result.ratios.items()}
        merged: Results = {
            "machine": machine(),
            "date": date,
            "cases": dict(sorted(cases.items())),
            "ratios": {key: ratios[key] for key in LIMITS if key in ratios},
        }
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(merged, indent=1) + "\n")
        unfinished.replace(path)


def read(path: Path) -> Results:
    """Read the file; return no cases if it does not exist."""
    if not path.exists():
        return {"machine": {}, "date": None, "cases": {}, "ratios": {}}
    results: Results = json.loads(path.read_text())
    return results


def machine() -> Mapping[str, Any]:
    """Return the properties of this machine that influence measured times."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
