"""The example DAG in `docs/airflow.md`; imports only what both Airflow's and our tests have."""

import re
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "airflow.md"


def documented_dag() -> str:
    """Return the code of the DAG."""
    [code] = re.findall(r"^```python\n(.*?)^```", _PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return str(code)
