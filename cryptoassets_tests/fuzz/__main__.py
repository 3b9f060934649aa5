"""`make fuzz MINUTES=10`: run property tests with new random examples; exit 1 if one fails.

Each group runs for the given time. Hypothesis prints the smallest failing example: fix the fault,
and add the example to the test as `@example`.

What goes here: which property tests are run, and for how long. What stays out: the properties (in
the tests, which try only a few examples).
"""

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import seed

from cryptoassets_tests.backfills import test_windows
from cryptoassets_tests.coincap import test_any_response, test_documents, test_verbatim
from cryptoassets_tests.partitions import test_spans
from cryptoassets_tests.stores import test_batches
from cryptoassets_tests.transforms import test_numbers, test_pages, test_prices, test_tolerances

GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    "parser": (
        test_any_response.test_every_coin_of_any_response_is_kept,
        test_any_response.test_every_point_of_any_response_is_kept,
        test_verbatim.test_unreadable_error_is_the_only_error_that_a_body_can_raise,
        test_verbatim.test_every_storable_coin_is_read_unchanged,
        test_verbatim.test_the_size_in_bson_is_never_underestimated,
        test_documents.test_equal_payloads_have_the_same_canonical_text,
        test_batches.test_a_damaged_document_is_read_or_refused_as_when_read_alone,
    ),
    "kernels": (
        test_pages.test_every_document_of_any_snapshot_is_judged,
        test_pages.test_every_document_of_any_history_is_judged,
        test_prices.test_no_payload_fails_the_batch_or_passes_unchecked,
        test_numbers.test_random_texts_yield_the_exact_decimal_or_a_problem,
        test_numbers.test_doubles_are_rounded_only_at_the_18th_place,
        test_tolerances.test_amounts_next_to_a_limit_are_compared_to_the_last_decimal,
        test_tolerances.test_a_double_is_within_2_to_the_minus_50_of_its_decimal,
        test_spans.test_each_wanted_hour_is_either_known_or_uncovered,
        test_windows.test_windows_are_adjacent_and_never_too_long,
    ),
}


def main() -> int:
    """Run the groups; return the exit code."""
    options = _options()
    print(f"Seed {options.seed}, {options.minutes:g} minutes per group: {', '.join(GROUPS)}")
    rng = random.Random(options.seed)
    failures = 0
    for name, tests in GROUPS.items():
        tried, failed = _run(tests, options.minutes * 60, rng)
        failures += len(failed)
        for test, examples in tried.items():
            print(f"{name:8} {examples:>9,} {'FAILED' if test in failed else 'ok':6} {test}")
    return 1 if failures else 0


def _run(
    tests: tuple[Callable[..., None], ...], seconds: float, rng: random.Random
) -> tuple[Counter[str], set[str]]:
    """Run tests in turn; return the number of examples per test, and the names of failed tests."""
    tried: Counter[str] = Counter()
    failed: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(failed) < len(tests):
        for test in tests:
            if test.__name__ in failed or time.monotonic() >= end:
                continue
            try:
                tried[test.__name__] += _examples_tried(test, rng.getrandbits(64))
            except Exception:  # noqa: BLE001 - any error of a test is a finding
                traceback.print_exc()
                failed.add(test.__name__)
    return tried, failed


def _examples_tried(test: Callable[..., None], number: int) -> int:
    """Run a property test with a seed; return how many examples it tried."""
    counted = 0
    handle: Any = test.hypothesis  # type: ignore[attr-defined]
    original = handle.inner_test

    def counting(*args: Any, **kwargs: Any) -> None:
        nonlocal counted
        counted += 1
        original(*args, **kwargs)

    handle.inner_test = counting
    try:
        seed(number)(test)()
    finally:
        handle.inner_test = original
    return counted


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cryptoassets_tests.fuzz")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
