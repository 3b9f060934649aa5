"""`dagster dev` with the guarded webserver: `python -m cryptoassets.webserver.dev PORT WORKSPACE`.

`dagster dev` always starts Dagster's own webserver, which accepts requests from any web page. This
module replaces that command; its webserver refuses requests from other origins (see `guard`). What
goes here: starting and stopping Dagster's code server, webserver and daemon together. What stays
out: the stores (in `cli.stores`).
"""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.interrupts import setup_interrupt_handlers
from dagster._utils.log import configure_loggers

from cryptoassets.embedded import dagster_instance

_CHECK_SECONDS = 1.0
_STOP_SECONDS = 60.0


def run(port: int, workspace: Path) -> int:
    """Run Dagster until SIGINT or SIGTERM (return 0), or until one of its processes ends (1)."""
    os.environ["DAGSTER_IS_DEV_CLI"] = "1"
    configure_loggers(log_level="INFO")
    setup_interrupt_handlers()
    try:
        with _code_server(workspace) as workspace_file:
            return _run_services(
                {
                    "webserver": ["cryptoassets.webserver", "--port", str(port)],
                    "daemon": ["dagster._daemon", "run"],
                },
                ["--workspace", str(workspace_file)],
            )
    except KeyboardInterrupt:
        return 0


@contextmanager
def _code_server(workspace: Path) -> Iterator[Path]:
    """Load the definitions once for webserver and daemon; yield their common workspace file."""
    with (
        dagster_instance() as instance,
        ProxyServerManager(instance, WorkspaceFileTarget([str(workspace)]), "warning") as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        file = Path(folder) / "workspace.yaml"
        file.write_text(json.dumps({"load_from": server.get_code_server_specs()}))
        yield file


def _run_services(modules: dict[str, list[str]], options: Sequence[str]) -> int:
    services = {
        name: subprocess.Popen([sys.executable, "-m", *module, *options])
        for name, module in modules.items()
    }
    try:
        while True:
            time.sleep(_CHECK_SECONDS)
            for name, service in services.items():
                if service.poll() is not None:
                    logging.getLogger("dagster").error(
                        "Dagster's %s ended unexpectedly with code %s", name, service.returncode
                    )
                    return 1
    finally:
        for service in services.values():
            with suppress(ProcessLookupError):
                service.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _STOP_SECONDS
        for service in services.values():
            _await_end(service, deadline)


def _await_end(service: "subprocess.Popen[bytes]", deadline: float) -> None:
    try:
        service.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), Path(sys.argv[2])))
