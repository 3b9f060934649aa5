"""Importing the scripts in `docker/`, which are not part of a package."""

import importlib.util
from types import ModuleType

from cryptoassets.project import project_root


def import_script(path: str) -> ModuleType:
    """Import a script by its path below `docker/`."""
    file = project_root() / "docker" / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
