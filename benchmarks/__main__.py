"""`python -m benchmarks [CASE ...]`: measures cases, stores the results, generates the page.

Each case compares several ways: implementations, versions of the product, or commands.

What goes here: options and the list of cases. What stays out: everything else.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import page, results
from benchmarks.bench import Bench
from benchmarks.cases import audits, partitions, publishing, scaling, second_run, warm
from benchmarks.homes import ROOT
from benchmarks.measuring import BenchError
from benchmarks.results import CaseResult

CASES: dict[str, Callable[[Bench], CaseResult]] = {
    "200k": partitions.one_hour,
    "1m": partitions.one_million,
    "5m": partitions.five_million,
    "scaling": scaling.scaling,
    "scaling_1m": scaling.scaling_1m,
    "second_run": second_run.second_run,
    "warm_100": warm.warm_100,
    "warm_2000": warm.warm_2000,
    "publish": publishing.publishing,
    "audit": audits.audits,
}


def main() -> int:
    """Measure the named cases, or all if none is named; return the exit code."""
    options = _options()
    if options.page:
        page.write(results.read(results.RESULTS))
        return 0
    path = results.RESULTS
    if options.scale != 1 or options.ways:
        path = Path(tempfile.mkdtemp(prefix="cryptoassets-bench-")) / "results.json"
        print(f"Trial run: results go to {path}")
    failed = []
    with Bench(options.scale, options.runs, options.ways and frozenset(options.ways)) as bench:
        for name in options.cases or CASES:
            print(f"{name}: {(CASES[name].__doc__ or '').strip()}", flush=True)
            started = time.monotonic()
            try:
                result = CASES[name](bench)
            except (BenchError, subprocess.SubprocessError) as error:
                print(f"  {name} failed; its results are discarded: {error}", file=sys.stderr)
                print(f"  logs are in {bench.folder}", file=sys.stderr)
                failed.append(name)
                continue
            results.merge(path, name, result, commit=_commit())
            for key, ratio in result.ratios.items():
                limit = results.LIMITS[key]
                print(f"  {key} = {ratio:.2f} (limit {limit.must}, goal {limit.goal})")
            print(f"  done in {(time.monotonic() - started) / 60:.1f} min", flush=True)
        if failed:
            raise SystemExit(f"Failed cases: {', '.join(failed)}")
    if path == results.RESULTS:
        page.write(results.read(path))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"any of {', '.join(CASES)}")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="use only this share of each workload; for trials"
    )
    parser.add_argument("--runs", type=int, help="runs per way; overrides the case's default")
    parser.add_argument("--ways", nargs="+", help="compare only these ways; for trials")
    parser.add_argument("--page", action="store_true", help="only regenerate docs/benchmarks.md")
    options = parser.parse_args()
    unknown = set(options.cases) - CASES.keys()
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}; known: {', '.join(CASES)}")
    return options


def _commit() -> str:
    """Return the checked-out commit; a `+` means that tracked files have uncommitted changes."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return completed.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
