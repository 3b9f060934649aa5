"""A Spark cluster on this machine, which drivers use through settings only.

What goes here: starting and stopping the cluster, a driver's environment, and collecting everything
that the cluster displays. What stays out: what drivers do (in the tests).
"""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pyspark
import requests

from cryptoassets.embedded.processes import free_port
from cryptoassets_tests.e2e.homes import user_environment

SPARK = Path(pyspark.__file__).parent
START_SECONDS = 90
_QUICK_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
# `spark.scheduler.*` makes the first tasks wait for both executors. On a busy machine, they would
# otherwise use only one.
_DRIVER_SETTINGS = """
spark.driver.host            127.0.0.1
spark.driver.bindAddress     127.0.0.1
spark.driver.memory          600m
spark.executor.memory        600m
spark.executor.cores         1
spark.executor.extraJavaOptions  {java_options}
spark.cores.max              2
spark.ui.enabled             true
spark.scheduler.minRegisteredResourcesRatio          1.0
spark.scheduler.maxRegisteredResourcesWaitingTime    120s
spark.python.daemon.module   cryptoassets.worker_daemon
spark.eventLog.enabled       true
spark.eventLog.compress      false
spark.eventLog.dir           file://{event_log}
"""


@dataclass(frozen=True)
class Cluster:
    """A master and two workers, which have one core and a scratch folder each.

    Attributes:
        folder: contains all files; workers read the files `mongo-url` and `postgres-url` in it.
        port: port of the master.
        pages: addresses of the master's and the workers' web pages, the master's first.
    """

    folder: Path
    port: int
    pages: tuple[str, ...]

    @property
    def clean(self) -> Path:
        """The CLEAN_PATH of the driver and the workers."""
        return self.folder / "clean"

    def set_urls(self, mongo_url: str, postgres_url: str) -> None:
        """Set the URLs that later tasks read."""
        for name, url in (("mongo-url", mongo_url), ("postgres-url", postgres_url)):
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_text(f"{url}\n")

    def driver_environment(self, **more: str) -> dict[str, str]:
        """The environment variables that a driver needs to use the cluster."""
        return {
            **user_environment(),
            "CRYPTOASSETS_HOME": str(self.folder / "home"),
            "CLEAN_PATH": str(self.clean),
            "SPARK_CONF_DIR": str(self.folder / "conf"),
            "SPARK_MASTER": f"spark://127.0.0.1:{self.port}",
            **more,
        }

    def visible_texts(self, driver_page: str, application: str) -> str:
        """Return all that Spark shows about a running application: pages, APIs and event logs."""
        interface = f"{driver_page}/api/v1/applications/{application}"
        addresses = [
            *(page + path for page in self.pages for path in ("/", "/json/")),
            f"{self.pages[0]}/app/?appId={application}",
            *(f"{driver_page}/{part}/" for part in ("jobs", "stages", "environment", "executors")),
            *(f"{interface}/{part}" for part in ("environment", "allexecutors", "stages", "sql")),
        ]
        responses = [requests.get(address, timeout=30) for address in addresses]
        assert {200} == {response.status_code for response in responses}
        logs = [path for path in (self.folder / "events").rglob("*") if path.is_file()]
        assert logs
        return "\n".join([*(a.text for a in responses), *(path.read_text() for path in logs)])


@contextmanager
def cluster_in(folder: Path, java_home: Path) -> Iterator[Cluster]:
    """Start a cluster in an empty folder, and stop it at the end of the block."""
    for name in ("conf", "events", "clean", "home"):
        (folder / name).mkdir()
    settings = _DRIVER_SETTINGS.format(event_log=folder / "events", java_options=_QUICK_JAVA)
    (folder / "conf/spark-defaults.conf").write_text(settings)
    port, *page_ports = (free_port() for _ in range(4))
    hosts = ("127.0.0.1", "127.0.0.1", "127.0.0.2")
    pages = tuple(f"http://{host}:{page}" for host, page in zip(hosts, page_ports, strict=True))
    with ExitStack() as started:
        master = master_command(port, page_ports[0])
        started.enter_context(daemon(master, folder / "master", java_home, {}))
        await_page(pages[0], "ALIVE")
        for number, page_port in enumerate(page_ports[1:]):
            scratch = folder / f"worker-{number}"
            # Two hosts, because Spark never runs two attempts of a task on one host at once.
            host = ("--host", f"127.0.0.{number + 1}")
            worker = worker_command(port, page_port, scratch, *host)
            files = {
                "MONGO_URL_FILE": str(folder / "mongo-url"),
                "POSTGRES_URL_FILE": str(folder / "postgres-url"),
                "SPARK_LOCAL_DIRS": str(scratch / "local"),
                "SPARK_LOCAL_IP": f"127.0.0.{number + 1}",
            }
            started.enter_context(daemon(worker, scratch, java_home, files))
        for page in pages[1:]:
            await_page(page, f"127.0.0.1:{port}")
        yield Cluster(folder, port, pages)


def master_command(port: int, page_port: int) -> tuple[str, ...]:
    """Return the class and the arguments that start a master."""
    return ("master.Master", "--port", str(port), "--webui-port", str(page_port))


def worker_command(master: int, page_port: int, scratch: Path, *more: str) -> tuple[str, ...]:
    """Return the class and the arguments that start a one-core worker for the master's port."""
    return (
        *("worker.Worker", "--webui-port", str(page_port), "--cores", "1", "--memory", "700m"),
        *(*more, "--work-dir", str(scratch / "work"), f"spark://127.0.0.1:{master}"),
    )


@contextmanager
def daemon(
    command: tuple[str, ...], folder: Path, java_home: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a class of `org.apache.spark.deploy` that listens on loopback only."""
    folder.mkdir(exist_ok=True)
    name, *arguments = command
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(SPARK / "bin/spark-class", f"org.apache.spark.deploy.{name}"),
                *("--host", "127.0.0.1", *arguments),
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "LC_ALL": "C.UTF-8",
                "JAVA_HOME": str(java_home),
                "SPARK_HOME": str(SPARK),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "SPARK_DAEMON_MEMORY": "128m",
                "SPARK_DAEMON_JAVA_OPTS": _QUICK_JAVA,
                **environment,
            },
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # Not killed, because only a worker that ends gracefully ends its executors.
        process.terminate()
        process.wait(timeout=60)


def await_page(page: str, text: str) -> None:
    """Wait until the state that a master or worker reports contains this text."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if text in urlopen(f"{page}/json/", timeout=10).read().decode():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, f"{page} does not show {text}"
        time.sleep(0.2)
