"""The questions in `docs/queries.sql`: their SQL statements, and their answers as shown there.

What goes here: reading the page, and formatting answers as the page shows them. What stays out:
computing the same answers in Python (in `docs/questions.ipynb`), and comparing them (in the tests).
"""

import re

from cryptoassets.analysis.reading import open_rows
from cryptoassets.cli.query_output import table_lines
from cryptoassets.project import project_root

PAGE = project_root() / "docs" / "queries.sql"
NOTEBOOK = PAGE.with_name("questions.ipynb")


def statements() -> list[str]:
    """The statements of the page, in order, without comments."""
    lines = [line for line in PAGE.read_text().splitlines() if not line.startswith("--")]
    return [text.strip() for text in "\n".join(lines).split(";\n") if text.strip()]


def page_with_answers() -> str:
    """The page with the current answers from the database."""
    without_answers = re.sub(r"^--(  | -).*\n", "", PAGE.read_text(), flags=re.MULTILINE)
    parts = without_answers.split(";\n")
    answers = map(answer, statements())
    return "".join(f"{part};\n{shown}" for part, shown in zip(parts, answers)) + parts[-1]  # noqa: B905


def answer(statement: str) -> str:
    """The rows that a statement returns, as SQL comments."""
    with open_rows(statement) as rows:
        shown = [row for b in rows.batches for row in zip(*b.to_pydict().values(), strict=True)]
        return "".join(f"-- {line}\n" for line in table_lines(rows, shown))
