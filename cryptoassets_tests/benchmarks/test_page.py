"""The page shows the measured results and equals what `make bench` would write."""

from pathlib import Path

from benchmarks import page, results
from benchmarks.measuring import Measurement
from benchmarks.results import CaseResult, merge, read
from benchmarks.ways.process_job import SerialTime
from benchmarks.ways.task import marks_in


def test_the_page_is_generated_from_the_stored_results() -> None:
    """Edits by hand would be overwritten."""
    assert page.PAGE.read_text() == page.text(read(results.RESULTS))


def test_the_page_shows_medians_and_compares_ratios_with_limits(tmp_path: Path) -> None:
    """Readers look for these figures first."""
    result = CaseResult(ratios={"cpu_vs_ordinary_200k": 0.7}, notes=["A note."])
    for seconds in (1.0, 9.0, 2.0):
        result.add("ours", Measurement(seconds, 2 * seconds, 1234.0, 0.5, 0.1))
    merge(tmp_path / "results.json", "200k", result, commit="abc")

    shown = page.text(read(tmp_path / "results.json"))

    assert "| `cpu_vs_ordinary_200k` | 0.70 (missed) | ≤ 0.65 | ≤ 0.4 |" in shown
    assert "| ours | 3 | 2.00 | 4.00 | 1,234 | 0.50 | 0.10 |" in shown
    assert "| `serial_share` | not measured |" in shown
    assert "A note." in shown


def test_timing_marks_are_found_in_the_output_of_a_program() -> None:
    """Libraries print other lines before and after the marks."""
    assert {"session": 1.5} == marks_in('WARN something\nMARKS {"session": 1.5}\nbye')


class _Tracker:
    """A status tracker with one stage, in which a task runs at every second call."""

    def __init__(self) -> None:
        self._calls = 0
        self.numActiveTasks = 0

    def getActiveStageIds(self) -> list[int]:  # noqa: N802 - as Spark names it
        self._calls += 1
        self.numActiveTasks = self._calls % 2
        return [1]

    def getStageInfo(self, _stage: int) -> "_Tracker":  # noqa: N802
        return self


def test_the_serial_share_is_the_time_without_a_running_task() -> None:
    """A stage whose tasks have not started counts as serial time."""
    import time  # noqa: PLC0415

    watch = SerialTime(_Tracker())
    with watch.watched():
        time.sleep(1)

    assert 0.4 < watch.share < 0.6
