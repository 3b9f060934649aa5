"""Pictures of docker-compose's pages: what to open, where to log in and what to click.

What goes here: the pages of docker-compose with its default log-ins. What stays out: saving
pictures (in `pages`).
"""

import json
import time
from collections.abc import Callable
from typing import Any

import requests

from cryptoassets_tests.dashboard.browser import WIDTHS
from cryptoassets_tests.pictures.pages import Album
from cryptoassets_tests.web import answers

_AIRFLOW = "http://localhost:8081"
_MONGO_EXPRESS = "http://admin:admin@localhost:8082"
_DAG = "materialize_cryptoassets_snapshots"
_HEIGHT = 900
_PGADMIN_HEIGHT = 520
_TRIES = 4
# React ignores a value that is set without the setter of the prototype.
_FILL = """(() => {
    const field = document.querySelector('[name=%s]');
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, %s);
    field.dispatchEvent(new Event('input', {bubbles: true}));
})()"""
_SUBMIT = "document.querySelector('form [type=submit], form button').click()"
_EXPAND = """[...document.querySelectorAll('.file-tree .file-entry, [class*=file-entry]')]
    .filter(one => one.innerText.trim().startsWith(%s))
    .forEach(one => one.querySelector('i, .directory-toggle')?.click())"""


def take_compose(album: Album) -> list[str]:
    """Save a picture of each page; return the names of the pages that did not answer."""
    pages: dict[str, tuple[str, Callable[[Album], None]]] = {
        "compose-dagster": ("http://localhost:3000", _dagster),
        "compose-spark": ("http://localhost:8080", _spark),
        "compose-mongo-express": (_MONGO_EXPRESS, _mongo_express),
        "compose-pgadmin": ("http://localhost:5050", _pgadmin),
        "compose-airflow": (_AIRFLOW, _dags),
        "airflow-dag": (_AIRFLOW, _run),
        "airflow-run-link": (_AIRFLOW, _task),
    }
    missing = []
    for name, (address, show) in pages.items():
        if answers(address):
            show(album)
            time.sleep(8)
            album.save(name)
        else:
            missing.append(name)
    return missing


def _open(album: Album, url: str, text: str) -> None:
    album.open(url, text, WIDTHS["screen"], _HEIGHT)


def _dagster(album: Album) -> None:
    _open(album, "http://localhost:3000/assets", "producer")


def _spark(album: Album) -> None:
    _open(album, "http://localhost:8080", "Workers")


def _mongo_express(album: Album) -> None:
    _open(album, f"{_MONGO_EXPRESS}/db/datalake/coin_snapshots", "Viewing Collection")


def _pgadmin(album: Album) -> None:
    album.open("http://localhost:5050", "Login", WIDTHS["screen"], _PGADMIN_HEIGHT)
    _log_in(album, {"email": "admin@admin.com", "password": "admin"}, "Object Explorer")
    # pgAdmin by itself reopens the nodes that were open before, at times only after a click.
    for name, below in (("Servers", "postgres"), ("postgres", "Tablespaces")) * _TRIES:
        if below not in str(album.tab.value("document.body.innerText")):
            album.tab.value(_EXPAND % json.dumps(name))
            time.sleep(5)


def _dags(album: Album) -> None:
    _open(album, f"{_AIRFLOW}/auth/login/", "Sign In")
    _log_in(album, {"username": "admin", "password": "admin"}, "")
    _open(album, f"{_AIRFLOW}/dags", _DAG)


def _run(album: Album) -> None:
    _open(album, f"{_AIRFLOW}/dags/{_DAG}/runs/{_last_run()}", "process_with_spark")


def _task(album: Album) -> None:
    path = f"runs/{_last_run()}/tasks/process_with_spark/details"
    _open(album, f"{_AIRFLOW}/dags/{_DAG}/{path}", "Dagster run")


def _log_in(album: Album, values: dict[str, str], text: str) -> None:
    for name, value in values.items():
        album.tab.value(_FILL % (name, json.dumps(value)))
    album.tab.value(_SUBMIT)
    album.tab.wait_until(lambda shown: text in shown, text or "page")
    time.sleep(3)


def _last_run() -> str:
    """Return the id of the last successful run of the DAG."""
    token = requests.post(
        f"{_AIRFLOW}/auth/token", json={"username": "admin", "password": "admin"}, timeout=30
    ).json()["access_token"]
    found: dict[str, Any] = requests.get(
        f"{_AIRFLOW}/api/v2/dags/{_DAG}/dagRuns",
        params={"state": "success", "order_by": "-run_after", "limit": 1},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    ).json()
    return str(found["dag_runs"][0]["dag_run_id"])
