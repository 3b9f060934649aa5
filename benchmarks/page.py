"""Generates `docs/benchmarks.md` and its plots from `results.json`.

What goes here: how results are shown. What stays out: the measurements (in `cases`).
"""

import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.homes import ROOT
from benchmarks.results import LIMITS, Results

PAGE = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"
WAYS_PICTURE, RATIOS_PICTURE = "benchmarks-ways.png", "benchmarks-ratios.png"
_COLORS = {"goal": "tab:green", "must": "tab:olive", "missed": "tab:red"}

_HEAD = Path(__file__).with_suffix(".md")


def write(results: Results) -> None:
    """Write the page and the plots; delete plots that have no results."""
    for name, draw in ((WAYS_PICTURE, _ways_figure), (RATIOS_PICTURE, _ratios_figure)):
        figure = draw(results)
        if figure is None:
            (IMAGES / name).unlink(missing_ok=True)
        else:
            # Omit matplotlib's version, so that equal results give identical files.
            figure.savefig(IMAGES / name, dpi=80, metadata={"Software": None})
    PAGE.write_text(text(results))


def text(results: Results) -> str:
    """Return the page as Markdown."""
    parts = [_HEAD.read_text()]
    if results["cases"]:
        parts += [_ratios_section(results), *_case_sections(results)]
    else:
        parts.append("Nothing has been measured yet.\n")
    return "\n".join(parts)


def _ratios_section(results: Results) -> str:
    lines = ["## Ratios", ""]
    if results["ratios"]:
        lines += [f"![Each ratio compared with its limits](images/{RATIOS_PICTURE})", ""]
    lines += ["| key | ratio | must | goal | meaning |", "|---|---|---|---|---|"]
    for key, limit in LIMITS.items():
        ratio = results["ratios"].get(key)
        shown = "not measured"
        if ratio is not None:
            verdict = {"goal": "", "must": "", "missed": " (missed)"}[limit.verdict(ratio)]
            shown = f"{ratio:.2f}{verdict}"
        sign = "≥" if limit.is_speedup else "≤"
        lines.append(
            f"| `{key}` | {shown} | {sign} {limit.must:g} | {sign} {limit.goal:g} | "
            f"{limit.meaning} |"
        )
    return "\n".join([*lines, ""])


def _case_sections(results: Results) -> Iterator[str]:
    for name, case in results["cases"].items():
        machine = case["machine"]
        lines = [
            f"## Case {name}",
            "",
            f"Measured {case['date'][:10]} at commit `{case['commit']}` on {machine['cores']} "
            f"cores of {machine['processor']}, {machine['memory_gb']} GB. "
            + " ".join(case["notes"]),
            "",
        ]
        if name == "200k":
            lines += [f"![Wall and CPU of each way](images/{WAYS_PICTURE})", ""]
        lines += list(_table(case["ways"]))
        if case["figures"]:
            shown = (f"{n.replace('_', ' ')} {v:,.7g}" for n, v in case["figures"].items())
            lines += ["", f"Other measurements: {'; '.join(shown)}."]
        yield "\n".join([*lines, ""])


def _table(ways: Mapping[str, list[dict[str, float]]]) -> Iterator[str]:
    """Yield the lines of a table with each way's medians."""
    known = {
        "wall_seconds": "wall, s",
        "cpu_seconds": "CPU, s",
        "peak_pss_mb": "peak, MB",
        "java_share_of_cpu": "Java's share of CPU",
        "load": "load before",
    }
    further = {
        name: name.replace("_", " ")
        for name in ("first", "median", "p95", "publish", "job", "session", "serial_share")
        if any(name in runs[0] for runs in ways.values())
    }
    columns = known | further
    yield f"| way | runs | {' | '.join(columns.values())} |"
    yield f"|---|---|{'---|' * len(columns)}"
    for way, runs in ways.items():
        cells = [_cell(runs, name) for name in columns]
        yield f"| {way} | {len(runs)} | {' | '.join(cells)} |"


def _cell(runs: list[dict[str, float]], name: str) -> str:
    values = [run[name] for run in runs if name in run]
    if not values or (name in ("cpu_seconds", "peak_pss_mb") and not any(values)):
        return ""
    median = statistics.median(values)
    return f"{median:,.0f}" if name == "peak_pss_mb" else f"{median:,.2f}"


def _ways_figure(results: Results) -> Figure | None:
    case: Mapping[str, Any] | None = results["cases"].get("200k")
    if case is None:
        return None
    ways = list(case["ways"])
    figure = Figure(figsize=(8, 0.6 + 0.5 * len(ways)), layout="tight")
    axes = figure.subplots()
    for series, (name, label) in enumerate((("wall_seconds", "wall"), ("cpu_seconds", "CPU"))):
        values = [statistics.median(run[name] for run in case["ways"][way]) for way in ways]
        positions = [index + series * 0.4 for index in range(len(ways))]
        bars = axes.barh(positions, values, height=0.38, label=label)
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
    axes.set_yticks([index + 0.2 for index in range(len(ways))], ways)
    axes.invert_yaxis()
    axes.set_xlabel("seconds, median; 200,000 documents in one hour")
    axes.legend()
    return figure


def _ratios_figure(results: Results) -> Figure | None:
    ratios: dict[str, float] = results["ratios"]
    if not ratios:
        return None
    keys = list(ratios)
    figure = Figure(figsize=(8, 0.8 + 0.32 * len(keys)), layout="tight")
    axes = figure.subplots()
    for index, key in enumerate(keys):
        limit = LIMITS[key]
        # A larger speed-up is better. Show its inverse, so that shorter bars are always better.
        share = limit.must / ratios[key] if limit.is_speedup else ratios[key] / limit.must
        axes.barh(index, share, color=_COLORS[limit.verdict(ratios[key])])
        goal = limit.must / limit.goal if limit.is_speedup else limit.goal / limit.must
        axes.plot([goal, goal], [index - 0.4, index + 0.4], color="black")
    axes.axvline(1, color="black", linestyle="--", linewidth=0.8)
    axes.set_yticks(range(len(keys)), keys, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("share of the limit that is used; dashed line: must, short lines: goal")
    return figure
