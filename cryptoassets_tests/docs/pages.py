"""Finds the pages of the documentation, and reads their links and headings.

What goes here: finding and reading pages. What stays out: what pages must contain (in the tests).
"""

import re
from pathlib import Path

from cryptoassets.project import project_root

ROOT = project_root()
README = ROOT / "README.md"
ENV_EXAMPLE = ROOT / ".env.example"
ADRS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


def name_of(page: Path) -> str:
    """Return the page's path in the project."""
    return str(page.relative_to(ROOT))


def links(page: Path) -> list[str]:
    """Return the paths of links and images that point to other files of the project."""
    return [path for path, _ in _targets(page) if path]


def links_to_headings(page: Path) -> list[tuple[Path, str]]:
    """Return the target page and the anchor of each link that has an anchor."""
    return [
        ((page.parent / path).resolve() if path else page, anchor)
        for path, anchor in _targets(page)
        if anchor
    ]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub generates them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    return {_NOT_IN_ANCHORS.sub("", one.lower()).replace(" ", "-") for one in headings}


def _targets(page: Path) -> list[tuple[str, str]]:
    """Return each link within the project as path and anchor; one of the two may be empty."""
    targets = _LINK.findall(_FENCE.sub("", page.read_text()))
    inside = [t for t in targets if not t.startswith(("http://", "https://"))]
    return [(path, anchor) for path, _, anchor in (t.partition("#") for t in inside)]
