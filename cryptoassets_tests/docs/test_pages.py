"""Promises of every page: its links lead somewhere, its pictures are small, its form holds."""

import re
from pathlib import Path

import pytest

from cryptoassets_tests.docs.pages import (
    ADRS,
    PAGES,
    README,
    ROOT,
    anchors,
    links,
    links_to_headings,
    name_of,
)

HEADINGS = ["Status", "Date", "Context", "Decision", "Consequences"]
LARGEST_PICTURE_BYTES = 300_000


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_pictures_are_there(page: Path) -> None:
    """A dead link tells a newcomer that nobody looks."""
    dead = [link for link in links(page) if not (page.parent / link).exists()]

    assert [] == dead


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_headings_that_are_linked_to_exist(page: Path) -> None:
    """A browser shows the top of the page instead, and the reader searches."""
    linked = [(to, anchor) for to, anchor in links_to_headings(page) if to.suffix == ".md"]

    assert [] == [(name_of(to), a) for to, a in linked if a not in anchors(to)]


@pytest.mark.parametrize("page", ADRS, ids=name_of)
def test_a_decision_has_its_five_headings(page: Path) -> None:
    """One form, so that a reader finds the reason without reading it all."""
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == HEADINGS


def test_every_decision_is_in_the_index() -> None:
    """A page that no list names is found by nobody."""
    index = links(ROOT / "docs" / "adr" / "README.md")

    assert [page.name for page in ADRS] == index


def test_pictures_are_small_and_used() -> None:
    """They are cloned by everyone."""
    pictures = sorted((ROOT / "docs" / "images").iterdir())

    assert [] == [p.name for p in pictures if p.stat().st_size > LARGEST_PICTURE_BYTES]
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert set(pictures) <= shown


@pytest.mark.parametrize("page", [README, ROOT / "CONTRIBUTING.md"], ids=name_of)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    """`make` followed by a word in code is a promise."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`|^|\$ )make ([a-z0-9-]+)", page.read_text(), re.MULTILINE))

    assert named
    assert named <= targets


def test_the_changelog_has_a_place_for_what_comes() -> None:
    """A change without a line for the user is not done."""
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text()
