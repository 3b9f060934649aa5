"""Reads the example DAG from `docs/airflow.md`.

Imports only the standard library, because tests in Airflow's environment use this module, too.
"""

import re
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "airflow.md"


def documented_dag() -> str:
    """Return the code of the DAG."""
    [code] = re.findall(r"^```python\n(.*?)^```", _PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return str(code)
