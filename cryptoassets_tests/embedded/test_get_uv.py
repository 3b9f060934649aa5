"""The scripts that `make` runs first: installing uv without pip, and checking Python's version."""

import ast
import hashlib
import importlib.util
import io
import os
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
OLD, NEW = "uv-0.9.9-py3-none-{tag}.whl", "uv-0.10.1-py3-none-{tag}.whl"


def wheel(text: str) -> bytes:
    """Return a wheel whose `uv` is a shell script that prints `text`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("uv-1.data/scripts/uv", f"#!/bin/sh\necho {text}\n")
        archive.writestr("uv/__init__.py", "")
    return content.getvalue()


@pytest.fixture
def script() -> ModuleType:
    """`get_uv.py`, imported as a module."""
    spec = importlib.util.spec_from_file_location("get_uv", SCRIPTS / "get_uv.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def index(tmp_path: Path, script: ModuleType) -> Iterator[str]:
    """A PEP 503 index: two releases for this machine; newer ones are for Windows or yanked."""
    folder = tmp_path / "simple" / "uv"
    folder.mkdir(parents=True)
    platform = "manylinux_2_17_x86_64.manylinux2014_x86_64"
    if not script.fits(platform):
        pytest.skip("the wheels of this index are for Linux on x86_64")
    links = []
    for name, text in ((OLD, "old"), (NEW, "new")):
        file = folder / name.format(tag=platform)
        file.write_bytes(wheel(text))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        links.append(f'<a href="{file.name}#sha256={digest}">{file.name}</a>')
    links.append('<a href="uv-9.0.0-py3-none-win_amd64.whl#sha256=00">w</a>')
    links.append(f'<a data-yanked="bad" href="uv-9.0.0-py3-none-{platform}.whl#sha256=00">y</a>')
    (folder / "index.html").write_text("\n".join(links))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def run_without_pip(target: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `get_uv.py` with a Python that finds no installed packages, as on Debian."""
    return subprocess.run(
        [sys.executable, "-S", SCRIPTS / "get_uv.py", target],
        env={"PATH": "/usr/bin:/bin", "HOME": str(target.parent), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("how", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL", "pip.conf"])
def test_the_newest_fitting_wheel_comes_from_the_configured_index(
    tmp_path: Path, index: str, how: str
) -> None:
    """Many companies allow only their own package index, which is set for uv or for pip."""
    environment = {how: index}
    if how == "pip.conf":
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index}/\n")
        environment = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}

    completed = run_without_pip(tmp_path / "got", **environment)

    uv = tmp_path / "got" / "bin" / "uv"
    assert 0 == completed.returncode, completed.stderr
    assert stat.S_IMODE(uv.stat().st_mode) == 0o755
    assert "new\n" == subprocess.run([uv], capture_output=True, text=True, check=True).stdout


def test_a_wheel_that_was_changed_is_refused(tmp_path: Path, index: str) -> None:
    """The changed code would run with the user's privileges."""
    for file in (tmp_path / "simple" / "uv").glob("*.whl"):
        file.write_bytes(wheel("evil"))

    completed = run_without_pip(tmp_path / "got", PIP_INDEX_URL=index)

    assert 1 == completed.returncode
    assert "SHA-256 differs" in completed.stderr
    assert not (tmp_path / "got").exists()


def test_a_network_error_is_reported_in_one_sentence_without_a_password(tmp_path: Path) -> None:
    """URLs of company indexes may contain credentials."""
    completed = run_without_pip(
        tmp_path / "got", PIP_INDEX_URL="http://me:s3cret@127.0.0.1:1/simple"
    )

    assert 1 == completed.returncode
    assert "Check the network" in completed.stderr
    assert "Traceback" not in completed.stderr
    assert "s3cret" not in completed.stdout + completed.stderr


def test_a_python_that_is_too_old_is_reported_in_one_sentence() -> None:
    """Debian 11 has Python 3.9, so the check contains no newer syntax."""
    source = (SCRIPTS / "check_python.py").read_text().replace("import sys", "import sys\n", 1)
    old = source.replace("sys.version_info", "(3, 9, 2)")
    ast.parse(source, feature_version=(3, 9))

    completed = subprocess.run(
        [sys.executable, "-c", old], capture_output=True, text=True, check=False, env=os.environ
    )

    assert "Python 3.11, 3.12 or 3.13 is needed, but this is 3.9.2" in completed.stderr
