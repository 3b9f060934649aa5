"""Every page has working links, small pictures, and the expected headings."""

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
MAX_PICTURE_BYTES = 300_000


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_linked_files_and_pictures_exist(page: Path) -> None:
    """Dead links make a project look unmaintained."""
    dead = [link for link in links(page) if not (page.parent / link).exists()]

    assert [] == dead


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_linked_headings_exist(page: Path) -> None:
    """With a wrong anchor, a browser shows the top of the page instead of the heading."""
    linked = [(to, anchor) for to, anchor in links_to_headings(page) if to.suffix == ".md"]

    assert [] == [(name_of(to), a) for to, a in linked if a not in anchors(to)]


@pytest.mark.parametrize("page", ADRS, ids=name_of)
def test_a_decision_record_has_the_five_headings(page: Path) -> None:
    """The same headings in every record help readers to find the reason for a decision."""
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == HEADINGS


def test_every_decision_record_is_in_the_index() -> None:
    """Readers would not find a record that is not listed."""
    index = links(ROOT / "docs" / "adr" / "README.md")

    assert [page.name for page in ADRS] == index


def test_pictures_are_small_and_used() -> None:
    """Everyone who clones the repository downloads every picture."""
    pictures = sorted((ROOT / "docs" / "images").iterdir())

    assert [] == [p.name for p in pictures if p.stat().st_size > MAX_PICTURE_BYTES]
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert set(pictures) <= shown


@pytest.mark.parametrize("page", [README, ROOT / "CONTRIBUTING.md"], ids=name_of)
def test_make_targets_in_the_documentation_exist(page: Path) -> None:
    """The pages tell users to run `make` with these targets."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`|^|\$ )make ([a-z0-9-]+)", page.read_text(), re.MULTILINE))

    assert named
    assert named <= targets


def test_the_changelog_has_a_section_for_unreleased_changes() -> None:
    """Every change that users notice gets a line in this section."""
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text()
