"""`results.json` contains only complete cases, and ratios are computed from paired runs."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.bench import in_turn
from benchmarks.measuring import Measurement
from benchmarks.results import LIMITS, CaseResult, Limit, merge, paired_ratio, read

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with one case."""
    path = tmp_path / "results.json"
    merge(path, "200k", case(4.0, wall_vs_ordinary_200k=0.6), commit="abc", now=NOW)
    return path


def case(wall: float, **ratios: float) -> CaseResult:
    """Return a case with one run."""
    result = CaseResult(ratios=ratios)
    result.add("ours", Measurement(wall, 2.0, 300.0, 0.5, 0.1))
    return result


def test_storing_a_case_keeps_the_other_cases(path: Path) -> None:
    """Cases take hours, so it must be possible to measure a single case."""
    merge(path, "1m", case(40.0, wall_vs_ordinary_1m=0.5), commit="def", now=NOW)

    found = read(path)

    assert ["1m", "200k"] == list(found["cases"])
    assert {"wall_vs_ordinary_200k": 0.6, "wall_vs_ordinary_1m": 0.5} == found["ratios"]
    assert ("abc", "2026-11-26T12:00:00Z") == tuple(
        found["cases"]["200k"][key] for key in ("commit", "date")
    )


def test_a_case_that_is_measured_again_is_replaced(path: Path) -> None:
    """Runs of two versions must not be mixed in one median."""
    merge(path, "200k", case(2.0, wall_vs_ordinary_200k=0.3), commit="def", now=NOW)

    found = read(path)

    assert [2.0] == [run["wall_seconds"] for run in found["cases"]["200k"]["ways"]["ours"]]
    assert {"wall_vs_ordinary_200k": 0.3} == found["ratios"]


def test_a_case_that_cannot_be_stored_leaves_the_file_unchanged(path: Path) -> None:
    """A typo in a key must not destroy results that took hours."""
    before = path.read_text()

    with pytest.raises(KeyError, match="wall_vs_nothing"):
        merge(path, "1m", case(1.0, wall_vs_nothing=0.1), commit="def", now=NOW)
    with pytest.raises(TypeError):
        merge(path, "1m", CaseResult(notes=[object()]), commit="def", now=NOW)  # type: ignore[list-item]

    assert before == path.read_text()


def test_the_file_has_the_four_documented_keys(path: Path) -> None:
    """Other programs read these keys."""
    assert {"machine", "date", "cases", "ratios"} == json.loads(path.read_text()).keys()


def test_a_ratio_is_the_median_of_pairs() -> None:
    """The second pair ran while the machine was busy, so both of its runs took twice as long."""
    assert paired_ratio([1.0, 2.4, 1.4], [2.0, 4.0, 2.0]) == pytest.approx(0.6)


def test_the_second_round_runs_in_reverse_order() -> None:
    """If the machine becomes slower over time, this must affect all compared programs equally."""
    assert [(0, "a"), (0, "b"), (1, "b"), (1, "a")] == list(in_turn(("a", "b"), 2))


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(0.4, "goal"), (0.5, "must"), (0.65, "must"), (0.66, "missed")]
)
def test_a_ratio_is_judged_by_its_limits(ratio: float, verdict: str) -> None:
    """A ratio that equals a limit meets it."""
    assert verdict == LIMITS["cpu_vs_ordinary_200k"].verdict(ratio)


def test_a_larger_speed_up_is_better() -> None:
    """For all other ratios, smaller is better."""
    limit = Limit(1.25, 1.5, "", is_speedup=True)

    assert ["goal", "must", "missed"] == [limit.verdict(ratio) for ratio in (1.6, 1.3, 1.2)]


def test_the_stored_results_contain_only_known_ratios() -> None:
    """The page shows the ratios in `LIMITS`."""
    assert read(results.RESULTS)["ratios"].keys() <= LIMITS.keys()
