"""Measures `audit` and `status` with unchanged stores, compared with the baseline."""

from contextlib import ExitStack

from benchmarks.baseline import baseline
from benchmarks.bench import Bench, in_turn
from benchmarks.homes import CURRENT, ROOT, Home, fresh_home
from benchmarks.measuring import measure
from benchmarks.results import CaseResult

_MINUTE_FORMAT = "%Y-%m-%dT%H:%M"
COMMANDS = ("audit", "status")


def audits(bench: Bench) -> CaseResult:
    """Run `audit` and `status` with 2 million documents of 48 hours, all published."""
    before = baseline()
    result = CaseResult(
        notes=[
            "Each version has published the same documents into its own stores.",
            f"Documents came from {bench.server.kind}.",
        ]
    )
    with bench.lake("2m") as lake, ExitStack() as stack:
        settings = {"MONGO_URL": lake.url, "MONGO_DATABASE": lake.database}
        homes: dict[str, Home] = {}
        span = [f"{moment:{_MINUTE_FORMAT}}" for moment in (lake.workload.start, lake.workload.end)]
        for checkout in (CURRENT, before):
            home = stack.enter_context(fresh_home(checkout, **settings))
            bench.report(f"{checkout.name} publishes {lake.workload.documents:,} documents")
            home.run("rebuild", "--from", span[0], "--to", span[1])
            # The first audit may read more than later audits, so it is not measured.
            home.run("audit")
            homes[checkout.name] = home
        runs = [(command, name) for command in COMMANDS for name in homes]
        for number, (command, name) in in_turn(runs, bench.number_of_runs(3)):
            home = homes[name]
            measured = measure(
                [home.checkout.command, command],
                home.environment,
                folder=ROOT,
                log=bench.log(f"{command} {name}"),
            )
            result.add(f"{command}, {name}", measured)
            bench.report(f"run {number + 1}: {command}, {name}: {measured.wall_seconds:.1f} s")
    for command in COMMANDS:
        result.ratios[f"{command}_2m_vs_dcbf970"] = result.ratio(
            f"{command}, {CURRENT.name}", f"{command}, {before.name}", "wall_seconds"
        )
    return result
