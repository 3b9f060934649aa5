"""Register the project, with its version, as an installed distribution; the code is not copied."""

import sysconfig
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
name, version = project["name"], project["version"]
folder = Path(sysconfig.get_path("purelib")) / f"{name}-{version}.dist-info"
folder.mkdir()
text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
(folder / "METADATA").write_text(text, encoding="utf-8")
