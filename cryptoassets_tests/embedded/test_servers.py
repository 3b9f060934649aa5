"""Each embedded server is started once, then found by later commands, restarted and stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cryptoassets.embedded import Stack, dagster_instance, starting_nothing
from cryptoassets.embedded.processes import free_port
from cryptoassets.embedded.server import State
from cryptoassets.errors import EmbeddedError, StoreNotRunningError
from cryptoassets.settings import Settings
from cryptoassets_tests.e2e.homes import COMMAND as COMMAND_LINE
from cryptoassets_tests.e2e.homes import user_environment
from cryptoassets_tests.embedded import servers
from cryptoassets_tests.embedded.conftest import MakeStack

pytestmark = [pytest.mark.postgres, pytest.mark.mongo]

COMMAND = """
from cryptoassets.embedded import Stack
from cryptoassets.settings import Settings
stack = Stack(Settings(_env_file=None), print)
print(stack.postgres_url(), stack.mongo_url(), sep="\\n")
"""


def start_command(home: Path) -> "subprocess.Popen[str]":
    """Start a command that needs both stores in a separate process, as a user would."""
    environment = {**os.environ, "CRYPTOASSETS_HOME": str(home)}
    command = [sys.executable, "-c", COMMAND]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_five_commands_at_once_start_each_server_once(home: Path, make_stack: MakeStack) -> None:
    """Airflow, Dagster's UI and a user may all start the servers in the same second."""
    commands = [start_command(home) for _ in range(5)]
    responses = [command.communicate(timeout=100)[0].splitlines()[-2:] for command in commands]

    assert [0] * 5 == [command.returncode for command in commands]
    assert 1 == len({tuple(response) for response in responses})
    assert 1 == len(servers.main_pids(home / "postgres" / "data"))
    assert 1 == len(servers.main_pids(home / "mongo" / "nx-27017"))
    make_stack()


@pytest.mark.usefixtures("later_start")
def test_servers_outlive_their_command_until_down(home: Path, make_stack: MakeStack) -> None:
    """The next command must not wait for the servers to start again."""
    start_command(home).communicate(timeout=100)
    stack = make_stack()
    running = [status.pid for status in stack.servers() if status.is_running]

    sentences = stack.down()

    assert 2 == len(running)
    assert [
        "Stopped nx-27017 (stand-in for MongoDB)",
        "Stopped PostgreSQL 18 (embedded)",
    ] == sentences
    assert not any(servers.is_alive(pid) for pid in running if pid)
    assert [] == stack.down()


@pytest.mark.parametrize("name", ["postgres", "mongo"])
@pytest.mark.usefixtures("later_start")
def test_a_pid_reused_by_another_program_is_not_taken_for_a_server(
    home: Path, make_stack: MakeStack, name: str
) -> None:
    """After a reboot, the pid in the state file may belong to any program."""
    (home / "run").mkdir()
    other = subprocess.Popen(["/bin/sleep", "60"])
    state = {"pid": other.pid, "port": free_port()}
    (home / "run" / f"{name}.json").write_text(json.dumps(state))
    stack = make_stack()

    _ = stack.postgres_url() if name == "postgres" else stack.mongo_url()

    assert other.pid != servers.running_pid(stack, name)
    assert 1 == len(stack.down())
    assert None is other.poll()
    other.kill()
    other.wait()


@pytest.mark.parametrize("name", ["postgres", "mongo"])
@pytest.mark.usefixtures("later_start")
def test_a_server_moves_to_another_port_when_its_port_is_taken(
    make_stack: MakeStack, messages: list[str], name: str
) -> None:
    """A server reuses its port, which another program may have taken in the meantime."""
    stack = make_stack()
    url = stack.postgres_url if name == "postgres" else stack.mongo_url
    port = int(url().split(":")[-1].split("/")[0])
    stack.down()

    with servers.other_program_on(port):
        new_url = url()

    assert f":{port}/" not in new_url
    assert any(f"Port {port} is taken by another program" in line for line in messages)


@pytest.mark.usefixtures("later_start")
def test_the_port_stays_the_same_after_a_restart(make_stack: MakeStack) -> None:
    """Connections that are saved in psql or pgAdmin must keep working."""
    before = (make_stack().postgres_url(), make_stack().mongo_url())
    make_stack().down()

    assert before == (make_stack().postgres_url(), make_stack().mongo_url())


@pytest.mark.usefixtures("later_start")
def test_a_killed_server_is_restarted_with_its_data_at_the_next_use(make_stack: MakeStack) -> None:
    """The kernel may kill a server that uses too much memory; acknowledged data must survive."""
    stack = make_stack()
    servers.insert_row(stack, 1)
    servers.insert_document(stack, 1)
    for name in ("postgres", "mongo"):
        servers.kill(servers.running_pid(stack, name))

    stack = make_stack()

    assert [1] == servers.inserted_rows(stack)
    assert [1] == servers.inserted_documents(stack)


def test_a_server_started_by_a_killed_command_is_found_and_replaced(
    home: Path, make_stack: MakeStack
) -> None:
    """A command killed before it wrote the state file must not cause two servers on one folder."""
    stack = make_stack()
    servers.insert_document(stack, 1)
    lost = servers.running_pid(stack, "mongo")
    (home / "run" / "mongo.json").unlink()

    assert [1] == servers.inserted_documents(make_stack())
    assert not servers.is_alive(lost)
    assert 1 == len(servers.main_pids(home / "mongo" / "nx-27017"))


def test_a_first_start_that_was_killed_is_repeated(home: Path, make_stack: MakeStack) -> None:
    """A user may press Ctrl-C or close the laptop during the first start."""
    command = start_command(home)
    deadline = time.monotonic() + 30
    while not list((home / "postgres").glob("data.new-*/base")) and time.monotonic() < deadline:
        time.sleep(0.005)
    command.send_signal(signal.SIGKILL)
    command.communicate()

    stack = make_stack()

    servers.insert_row(stack, 7)
    assert [7] == servers.inserted_rows(stack)
    assert [] == list((home / "postgres").glob("data.new-*"))


@pytest.mark.usefixtures("later_start")
def test_nothing_listens_beyond_loopback(make_stack: MakeStack) -> None:
    """A laptop joins untrusted networks, and the stand-in for MongoDB has no log-in."""
    stack = make_stack()
    stack.postgres_url()
    stack.mongo_url()

    for name in ("postgres", "mongo"):
        process = psutil.Process(servers.running_pid(stack, name))
        family = [process, *process.children(recursive=True)]
        sockets = [socket for member in family for socket in member.net_connections(kind="all")]
        listening = [each.laddr for each in sockets if each.status == psutil.CONN_LISTEN]

        assert {"127.0.0.1"} == {address.ip for address in listening}
        assert [] == [each for each in sockets if each.family.name == "AF_UNIX" and each.laddr]


def test_servers_that_the_settings_name_are_not_started(home: Path, make_stack: MakeStack) -> None:
    """A typo in MONGO_URL must not lead to a second, empty data lake."""
    mongo = f"mongodb://127.0.0.1:{free_port()}/"
    postgres = f"postgresql://admin:secret@127.0.0.1:{free_port()}/bigdata_db"
    stack = make_stack(mongo_url=mongo, postgres_url=postgres, coincap_api_key="key")

    stack.up()

    assert (mongo, postgres) == (stack.mongo_url(), stack.postgres_url())
    assert "https://rest.coincap.io/v3" == stack.source_url()
    assert [] == stack.servers()
    assert not (home / "coincap" / "run").exists()


@pytest.mark.usefixtures("later_start")
def test_the_stores_of_different_sources_are_separate(make_stack: MakeStack) -> None:
    """Invented prices in the real database would make every chart wrong."""
    invented, real = make_stack(), make_stack(coincap_api_key="key")

    servers.insert_row(invented, 1)
    servers.insert_row(real, 2)

    assert [1] == servers.inserted_rows(invented)
    assert [2] == servers.inserted_rows(real)
    assert invented.clean_path() != real.clean_path()
    assert invented.dagster_home != real.dagster_home


@pytest.mark.usefixtures("later_start")
def test_erase_deletes_the_stores_of_one_source_and_keeps_the_others(
    home: Path, make_stack: MakeStack
) -> None:
    """Real data costs credits; erasing the simulator's data must not delete it."""
    invented, real = make_stack(), make_stack(coincap_api_key="key")
    servers.insert_row(invented, 1)
    servers.insert_row(real, 2)

    done = invented.down(erase=True)

    assert f"Deleted the stores of source `simulator` in {home}" == done[-1]
    assert not (home / "postgres").exists()
    assert [2] == servers.inserted_rows(make_stack(coincap_api_key="key"))


def test_a_home_that_is_not_writable_is_reported_in_one_sentence(tmp_path: Path) -> None:
    """A traceback from `mkdir` would not help the user."""
    (tmp_path / "file").write_text("")
    stack = Stack(Settings(_env_file=None, cryptoassets_home=tmp_path / "file"))

    with pytest.raises(EmbeddedError, match="CRYPTOASSETS_HOME"):
        stack.postgres_url()


def test_a_full_disk_is_reported_in_one_sentence_and_the_next_start_works(
    home: Path, make_stack: MakeStack
) -> None:
    """The first start needs 50 MB; with less, no incomplete data directory may stay behind."""
    mounted = subprocess.run(
        ["/usr/bin/env", "mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "none", str(home)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        with pytest.raises(EmbeddedError, match=r"(?i)no space left.*CRYPTOASSETS_HOME"):
            make_stack().postgres_url()
        subprocess.run(["/usr/bin/env", "mount", "-o", "remount,size=400m", str(home)], check=True)

        assert make_stack().postgres_url().startswith("postgresql://admin:")
        make_stack().down()
    finally:
        subprocess.run(["/usr/bin/env", "umount", "--lazy", str(home)], check=True)


def test_an_unreadable_state_file_counts_as_empty(home: Path, make_stack: MakeStack) -> None:
    """A full disk may have truncated the state file."""
    (home / "run").mkdir()
    (home / "run" / "mongo.json").write_text("{")

    servers.insert_document(make_stack(), 1)

    assert State() != make_stack()._mongo.state()  # noqa: SLF001


def test_a_stopped_server_is_an_error_for_commands_that_may_not_start_it(
    home: Path, make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands that only show data start no server, not even when they open Dagster's instance."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(home))
    stack = make_stack()

    for ask in (stack.postgres_url, stack.mongo_url, stack.source_url, dagster_instance):
        with starting_nothing(), pytest.raises(StoreNotRunningError, match="cryptoassets up"):
            ask()

    assert ["postgres", "mongo", "source"] == list(stack.stopped())


@pytest.mark.usefixtures("later_start")
def test_env_prints_running_stores_and_names_stopped_ones(
    home: Path, make_stack: MakeStack
) -> None:
    """A script that reads the printed lines must not get the URL of a stopped server."""
    url = make_stack().postgres_url()

    finished = subprocess.run(
        [COMMAND_LINE, "env"],
        env=user_environment() | {"CRYPTOASSETS_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )

    lines = finished.stdout.splitlines()
    assert 3 == finished.returncode
    assert f"POSTGRES_URL={url}" in lines
    assert not [line for line in lines if line.startswith(("MONGO_URL", "COINCAP_URL"))]
    assert "MongoDB and the CoinCap simulator are not running" in finished.stderr
    assert {"mongo", "source"} == set(make_stack().stopped())
