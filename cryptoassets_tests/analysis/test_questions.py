"""The ten questions in the docs have the same answers in SQL, in Python and on the page."""

import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import cryptoassets as ca
from cryptoassets_tests.analysis import questions

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("market")]


def test_the_page_shows_the_answers_of_its_queries(tmp_path: Path) -> None:
    """A query that no test runs would soon name a column that no longer exists."""
    right = questions.page_with_answers()
    (tmp_path / "queries.sql").write_text(right)

    is_right = questions.PAGE.read_text() == right

    assert is_right, f"docs/queries.sql is stale: copy {tmp_path / 'queries.sql'}"
    assert 10 == len(questions.statements())


def test_the_notebook_gets_the_same_numbers_through_python(market: str, tmp_path: Path) -> None:
    """Amounts are compared exactly, statistics to the ninth decimal place.

    The answers saved in the notebook must be up to date, too.
    """
    notebook = nbformat.read(questions.NOTEBOOK, as_version=4)
    shown = shown_answers(notebook)
    last = nbformat.v4.new_code_cell("import json; print(json.dumps(answers, default=str))")
    notebook.cells.append(last)

    client = NotebookClient(notebook, timeout=120, record_timing=False)
    client.execute(env={**os.environ, "ANALYST_URL": market})

    answers = json.loads(notebook.cells.pop().outputs[0].text)
    for number, (statement, found) in enumerate(zip(questions.statements(), answers, strict=True)):
        rows = ca.sql(statement).arrow().to_pylist()
        expected = [list(map(alike, row.values(), seen)) for row, seen in zip(rows, found)]  # noqa: B905
        assert (len(rows), expected) == (len(found), found), number + 1
    nbformat.write(notebook, tmp_path / "questions.ipynb")
    is_right = shown == shown_answers(notebook)
    assert is_right, f"docs/questions.ipynb is stale: copy {tmp_path / 'questions.ipynb'}"


def alike(value: object, printed: object) -> object:
    """A value from SQL in the form in which the notebook printed it."""
    if isinstance(printed, float):
        return float(str(value))
    return str(value) if isinstance(value, Decimal | date) else value


def shown_answers(notebook: nbformat.NotebookNode) -> list[str]:
    """The text of each output saved in the notebook."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"]["text/plain"] for output in outputs if "data" in output]
