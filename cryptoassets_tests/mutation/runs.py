"""Runs the unit tests of all mutants in one pytest session.

What goes here: which tests reach a function, and whether a mutant fails one of them. What stays
out: creating mutants (mutmut), choosing and counting them (in `__main__`).

mutmut's own runner starts a pytest session per mutant, so collecting tests and starting PostgreSQL
would take longer than the tests themselves.
"""

import itertools
import signal
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import mangled_name_from_mutant_name

LONGEST_CPU_SECONDS, LONGEST_SECONDS = 30, 600
"""If a test takes longer, it probably loops or waits endlessly, and the mutant counts as killed. On
a busy machine, a test takes more seconds but hardly more CPU seconds, so these limits differ."""
_CPU_SECONDS = 10
"""Limit for all tests of a mutant together. If many tests reach a function, the slowest are left
out. The function's own unit tests are fast, so they remain."""


class MutantTimeoutError(BaseException):
    """A test of a mutant took too long; no `except Exception` in the code may catch this error."""


class MutantRuns:
    """A pytest plugin that runs tests for each mutant, instead of running each test once.

    Attributes:
        killers: the test that failed for each mutant; None if the mutant survived.
        untested: mutants in functions that no test reaches.
        left_out: tests that fail without any mutant.
    """

    def __init__(self, mutants: list[str]) -> None:
        self._mutants = mutants
        self._tests: dict[str, list[pytest.Item]] = {}
        self._cpu_seconds: dict[str, float] = {}
        self.killers: dict[str, str | None] = {}
        self.untested: list[str] = []
        self.left_out: list[str] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests once to learn which functions they reach, then each mutant's tests."""
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, _stop)
        self._learn(session.items)
        print(f"\n{len(session.items)} tests, {len(self._mutants)} mutants", flush=True)
        for number, name in enumerate(self._mutants, 1):
            tests = self._tests.get(mangled_name_from_mutant_name(name), [])
            if not tests:
                self.untested.append(name)
            self.killers[name] = self._killer(name, tests, session.items)
            mark = "." if self.killers[name] else "S"
            print(mark, end="\n" if number % 100 == 0 else "", flush=True)
        set_mutant_under_test("")
        return True

    def _learn(self, items: list[pytest.Item]) -> None:
        """Run each test once without a mutant; store the tests that reach each function.

        A module-scoped fixture is set up within one test, but every test that uses the fixture
        counts as reaching the functions that the fixture calls.
        """
        reached: dict[pytest.Item, set[str]] = {}
        by_fixture: dict[tuple[Path, str], set[str]] = defaultdict(set)
        for item, following in zip(items, [*items[1:], items[0]], strict=True):
            set_mutant_under_test("stats")
            state()._stats.clear()  # noqa: SLF001 - where mutmut records calls
            started = time.process_time()
            failed = _failure(item, following)
            self._cpu_seconds[item.nodeid] = time.process_time() - started
            if failed:
                # The test would fail for every mutant. A deadline test may fail on a busy machine.
                print(f"\nLeft out, because it fails without a mutant: {item.nodeid}", flush=True)
                self.left_out.append(item.nodeid)
                continue
            reached[item] = set(state()._stats)  # noqa: SLF001 - as above
            for name in _module_fixtures(item):
                by_fixture[item.path, name] |= reached[item]
        reaching: dict[str, list[pytest.Item]] = defaultdict(list)
        for item, functions in reached.items():
            shared = (by_fixture[item.path, name] for name in _module_fixtures(item))
            for function in functions.union(*shared):
                reaching[function].append(item)
        self._tests = {function: self._chosen(tests) for function, tests in reaching.items()}

    def _chosen(self, tests: list[pytest.Item]) -> list[pytest.Item]:
        """Return the fastest tests of a function, fastest first, but grouped by module.

        Thus module-scoped fixtures are set up only once per mutant.
        """
        fastest_first = sorted(tests, key=lambda item: self._cpu_seconds[item.nodeid])
        total = itertools.accumulate(self._cpu_seconds[item.nodeid] for item in fastest_first)
        chosen = [
            item
            for item, seconds in zip(fastest_first, total, strict=True)
            if seconds <= _CPU_SECONDS
        ] or fastest_first[:1]
        modules = list(dict.fromkeys(item.path for item in chosen))
        return sorted(chosen, key=lambda item: modules.index(item.path))

    def _killer(
        self, mutant: str, tests: list[pytest.Item], items: list[pytest.Item]
    ) -> str | None:
        """Run the tests of a mutant until one fails; return its id."""
        if not tests:
            return None
        set_mutant_under_test(mutant)
        killer = None
        # Module-scoped fixtures may hold results of this mutant. They are torn down at the end,
        # because the last test is followed by a test of another module.
        elsewhere = next(one for one in items if one.path != tests[-1].path)
        for item, following in zip(tests, [*tests[1:], elsewhere], strict=True):
            if _failure(item, following):
                killer = item.nodeid
                break
        items[0].session._setupstate.teardown_exact(elsewhere)  # noqa: SLF001 - no public way
        return killer


def _module_fixtures(item: pytest.Item) -> list[str]:
    """Return the names of the fixtures that a test shares with other tests of its module."""
    found = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]  # noqa: SLF001
    return [name for name, definitions in found.items() if definitions[-1].scope == "module"]


def _failure(item: pytest.Item, following: pytest.Item) -> str | None:
    """Run a test; return how it failed, or None."""
    signal.setitimer(signal.ITIMER_PROF, LONGEST_CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
    try:
        reports = runtestprotocol(item, log=False, nextitem=following)
    except MutantTimeoutError:
        return "too slow"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    return next((report.longreprtext for report in reports if report.failed), None)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise MutantTimeoutError
