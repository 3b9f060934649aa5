"""`make mutants EVERY=5`: test every fifth mutant of each group; exit 1 if under 90 % are killed.

mutmut creates the mutants in the folder `mutants`; `[tool.mutmut]` in `pyproject.toml` names the
modules and the unit tests.

What goes here: choosing mutants, and the table of results. What stays out: running tests (in
`runs`).
"""

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths

from cryptoassets_tests.mutation.runs import MutantRuns

LEAST_KILLED = 0.9
GROUPS = {
    "kernels": ("transforms", "partitions"),
    "outcomes": ("transforms.outcomes",),
    "publishing": ("stores.publishing", "stores.publications", "stores.additions"),
    "credits": ("coincap.credits", "resources.credits", "stores.credit_ledger"),
    "failure mapping": (
        *("coincap.verdicts", "coincap.retries", "stores.postgres_errors"),
        *("errors", "shortages"),
    ),
    "gaps": ("backfills",),
}
_MUTANTS = Path("mutants")
_SQL = re.compile(r"\b(SELECT|INSERT INTO|FROM|WHERE|VALUES|ON CONFLICT|EXCLUDED|FILTER)\b")


def main() -> int:
    """Test the chosen mutants and print the results; return the exit code."""
    options = _options()
    if not options.reuse:
        _create()
    copy_also_copy_files()
    setup_source_paths()
    chosen = options.mutants or _chosen(options.every, options.groups)
    runs = MutantRuns(chosen)
    with contextlib.chdir(_MUTANTS):
        code = pytest.main(
            [
                *("-q", "-s", "-p", "no:cacheprovider", "-m", options.tests),
                # Other styles parse the source file, which is very long with all its mutants.
                "--tb=native",
                *config().pytest_add_cli_args_test_selection,
            ],
            plugins=[runs],
        )
    if len(runs.killers) < len(chosen):
        return int(code) or 1
    return _report(runs)


def _create() -> None:
    """Copy the code to `mutants`, with all mutants of the configured modules."""
    shutil.rmtree(_MUTANTS, ignore_errors=True)
    _MUTANTS.mkdir()
    with contextlib.redirect_stdout(io.StringIO()):
        copy_src_dir()
        create_mutants(os.cpu_count() or 2)


def _chosen(every: int, groups: list[str]) -> list[str]:
    """Choose every n-th mutant of each group; repeated runs choose the same mutants."""
    names = [
        name
        for meta in sorted(_MUTANTS.rglob("*.py.meta"))
        for name in json.loads(meta.read_text())["exit_code_by_key"]
    ]
    by_group = [[name for name in names if _group_of(name) == group] for group in groups]
    return [name for names in by_group for name in names[::every]]


def _group_of(name: str) -> str:
    """Return the group whose module is the longest prefix of a mutant's name."""
    fitting = [
        (len(module), group)
        for group, modules in GROUPS.items()
        for module in modules
        if name.startswith(f"cryptoassets.{module}.")
    ]
    return max(fitting)[1]


def _report(runs: MutantRuns) -> int:
    """Print the survivors and the table; return 1 if too few mutants of a group were killed."""
    changes = {name: _change(name) for name, killer in runs.killers.items() if killer is None}
    same = {name for name, change in changes.items() if _is_same_sql(change)}
    for name in sorted(changes.keys() - same):
        print(f"\n{name}{' (no test reaches it)' if name in runs.untested else ''}")
        print(changes[name])
    print(f"\n{'group':16} {'mutants':>8} {'same SQL':>9} {'killed':>7} {'share':>7}")
    shares = []
    for group in [*GROUPS, "all"]:
        names = {name for name in runs.killers if group in ("all", _group_of(name))}
        real = names - same
        if real:
            killed = len(real - changes.keys())
            shares.append(killed / len(real))
            print(
                f"{group:16} {len(names):>8} {len(names & same):>9} {killed:>7} {shares[-1]:>7.1%}"
            )
    return 0 if min(shares) >= LEAST_KILLED else 1


def _is_same_sql(change: str) -> bool:
    """Return whether a mutant is equivalent: it changes only the case of SQL without literals."""
    old, new = (
        [line[1:] for line in change.splitlines() if line.startswith(sign)] for sign in "-+"
    )
    text = "".join(old)
    is_other_case = text.lower() == "".join(new).lower()
    return is_other_case and "'" not in text and _SQL.search(text) is not None


def _change(name: str) -> str:
    """Return the changed lines of a mutant."""
    mutmut = Path(sys.executable).with_name("mutmut")
    shown = subprocess.run([mutmut, "show", name], stdout=subprocess.PIPE, text=True, check=True)
    lines = shown.stdout.splitlines()
    return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cryptoassets_tests.mutation")
    parser.add_argument("mutants", nargs="*", help="mutants to test, instead of every n-th")
    parser.add_argument("--reuse", action="store_true", help="do not create the mutants again")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=[*GROUPS])
    parser.add_argument(
        "--tests",
        metavar="MARKERS",
        default="not spark and not hypothesis",
        help="pytest's -m; the default leaves out slow tests and tests with random examples",
    )
    parser.add_argument(
        "--every", type=int, default=5, metavar="N", help="test every N-th mutant (1: about 3,500)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
