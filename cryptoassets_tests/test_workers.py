"""Where code in a Spark worker finds the stores' URLs, and how its version is checked."""

import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import cryptoassets
from cryptoassets.errors import SettingsError, WorkerCodeError
from cryptoassets.workers import Credentials, code_hash, fail_if_code_differs

PACKAGE = Path(cryptoassets.__file__).parent
URL = "mongodb://planted:planted@host:27017/"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that contains a URL and a final line break, which editors add."""
    file = tmp_path / "secret"
    file.write_text(f"{URL}\n")
    return file


def test_the_workers_own_file_takes_precedence_over_the_drivers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secret: Path
) -> None:
    """On a cluster, executors can log in with their own database role."""
    named_by_driver = Credentials(str(secret), str(secret))
    monkeypatch.setenv("POSTGRES_URL_FILE", str(tmp_path / "own"))
    (tmp_path / "own").write_text("postgresql://own@host/base")

    assert URL == named_by_driver.mongo_url()
    assert "postgresql://own@host/base" == named_by_driver.postgres_url()


def test_credentials_contain_no_url(secret: Path) -> None:
    """Credentials are sent in closures, which Spark may log."""
    assert b"planted" not in pickle.dumps(Credentials(str(secret), str(secret)))


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), ("", "it is empty"), ("\n", "it is empty"), (b"\xff", "not UTF-8")],
)
def test_the_error_about_a_file_without_a_url_names_file_variable_and_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | bytes | None, words: str
) -> None:
    """The message appears in the driver's log, so it must name the worker's machine."""
    if content is not None:
        text = content.encode() if isinstance(content, str) else content
        (tmp_path / "secret").write_bytes(text)
    monkeypatch.setenv("MONGO_URL_FILE", str(tmp_path / "secret"))
    monkeypatch.setattr("socket.gethostname", lambda: "worker-7")

    with pytest.raises(SettingsError, match=rf"worker-7.*MONGO_URL_FILE names .*{words}"):
        Credentials().mongo_url()


def test_the_error_of_a_worker_without_a_file_names_the_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cluster's worker cannot read the driver's file, which is on another machine."""
    monkeypatch.setattr("socket.gethostname", lambda: "worker-7")

    with pytest.raises(SettingsError, match=r"POSTGRES_URL_FILE is not set .*worker-7"):
        Credentials(mongo_file="/driver/only").postgres_url()


def test_the_hash_is_the_same_in_a_folder_and_in_an_archive(tmp_path: Path) -> None:
    """The driver imports the code from a folder; its workers import it from an archive."""
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for source in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.sql")]:
            file.write(source, source.relative_to(PACKAGE.parent))

    assert code_hash() == _hash_in(archive)


def test_the_hash_changes_with_a_rule_but_not_with_a_command(tmp_path: Path) -> None:
    """While `run --every` runs for weeks, commands may be updated on disk, but not the rules."""
    shutil.copytree(PACKAGE, tmp_path / "cryptoassets")
    (tmp_path / "cryptoassets/cli/run.py").write_text("")
    same = _hash_in(tmp_path)
    with (tmp_path / "cryptoassets/transforms/rules.py").open("a") as rules:
        rules.write("LIMIT = 1\n")

    assert code_hash() == same
    assert code_hash() != _hash_in(tmp_path)


def test_every_module_that_workers_import_is_in_the_hash() -> None:
    """Otherwise a worker could run a changed module unnoticed."""
    listed = (
        "import sys, importlib.util, cryptoassets.workers as w\n"
        "roots = {name.removesuffix('.py') for name in w._RUN_BY_WORKERS}\n"
        "for name in {'coincap.documents', 'schemas', 'stores', 'libpq', 'workers'}:\n"
        "    if importlib.util.find_spec('cryptoassets.' + name.split('.')[0]):\n"
        "        importlib.import_module('cryptoassets.' + name)\n"
        "ours = {n.split('.')[1] for n in sys.modules if n.startswith('cryptoassets.')}\n"
        "print(*sorted(ours - roots))"
    )

    assert "" == _printed(listed, PACKAGE.parent)


def test_the_error_about_different_code_contains_both_hashes() -> None:
    """A worker with different rules would publish different rows."""
    fail_if_code_differs(code_hash())

    with pytest.raises(WorkerCodeError, match=rf"{code_hash()} instead of 0123/3\.9; the driver"):
        fail_if_code_differs("0123/3.9")


def _hash_in(path: Path) -> str:
    return _printed("from cryptoassets import workers; print(workers.code_hash())", path)


def _printed(code: str, path: Path) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(path)!r})\n{code}"]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout[:-1]
