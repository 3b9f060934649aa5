"""Measures the second `cryptoassets run` in a home, compared with the baseline."""

from contextlib import ExitStack

from benchmarks.baseline import baseline
from benchmarks.bench import Bench, in_turn
from benchmarks.homes import CURRENT, ROOT, fresh_home
from benchmarks.measuring import measure
from benchmarks.results import CaseResult


def second_run(bench: Bench) -> CaseResult:
    """Run `cryptoassets run` in a used home: 100 coins, all checks, embedded stores."""
    result = CaseResult(
        notes=["Each version has its own home. The first `run` in each home is not measured."]
    )
    before = baseline()
    with ExitStack() as stack:
        homes = {
            checkout.name: stack.enter_context(fresh_home(checkout))
            for checkout in (CURRENT, before)
        }
        for home in homes.values():
            home.run("run")
        for number, name in in_turn(tuple(homes), bench.number_of_runs(5)):
            home = homes[name]
            measured = measure(
                [home.checkout.command, "run"], home.environment, folder=ROOT, log=bench.log(name)
            )
            result.add(name, measured)
            bench.report(f"run {number + 1}: {name}: {measured.wall_seconds:.1f} s")
    result.ratios["second_run_vs_dcbf970"] = result.ratio(CURRENT.name, before.name, "wall_seconds")
    return result
