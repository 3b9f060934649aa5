"""The pages of the documentation and what can be read off them.

What goes here: finding and reading pages. What stays out: what must stand in them (in the tests).
"""

import re
from pathlib import Path

from cryptoassets.settings import project_root

ROOT = project_root()
README = ROOT / "README.md"
ENV_EXAMPLE = ROOT / ".env.example"
ADRS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_WORD = re.compile(r"[a-z][a-z0-9_]*")


def name_of(page: Path) -> str:
    """The page's path in the project."""
    return str(page.relative_to(ROOT))


def section(page: Path, heading: str) -> str:
    """The text below a heading, to the next one of the same or a higher level."""
    level = heading.split(" ", maxsplit=1)[0]
    text = page.read_text()
    assert f"\n{heading}\n" in text, f"{name_of(page)} has no heading {heading!r}"
    below = text.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"\n#{{1,{len(level)}}} ", below)[0]


def rows(text: str) -> dict[str, str]:
    """The rows of all Markdown tables: first cell, without code marks, to the whole row."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line.split("|")[1].strip().replace("`", ""): line for line in lines}


def words(text: str) -> set[str]:
    """Every name in lower case."""
    return set(_WORD.findall(text))


def links(page: Path) -> list[str]:
    """Targets of links and images, without those on the web and within the page."""
    targets = _LINK.findall(_FENCE.sub("", page.read_text()))
    return [t.split("#")[0] for t in targets if not t.startswith(("http://", "https://", "#"))]
