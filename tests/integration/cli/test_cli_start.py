"""Servers that cannot start end with one line that says what, why and what next."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.process import ServerProcess, ready, wait_for
from sheetanchor.cli.demo.port import free_port
from sheetanchor.cli.exit_code import ExitCode


def start(*arguments: str, http: str = "127.0.0.1:0") -> tuple[int, list[str]]:
    """Run a server that is to end by itself; its exit code, and what it said beside its log."""
    done = ended(*arguments, http=http)
    return done.returncode, [line for line in done.stderr.splitlines() if line[0] != "{"]


def ended(*arguments: str, http: str = "127.0.0.1:0") -> subprocess.CompletedProcess[str]:
    """The same, with its log on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "sheetanchor", *arguments, "--http", http, "--log-format", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def one_line(said: list[str], *parts: str) -> None:
    """There is one line, and the parts are in it."""
    (line,) = said
    assert line.startswith("sheetanchor: ")
    assert [part for part in parts if part not in line] == []


@pytest.fixture
def taken() -> object:
    """A port of 127.0.0.1 where somebody is, over TCP and UDP."""
    port = free_port()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind(("127.0.0.1", port))
        tcp.listen()
        udp.bind(("127.0.0.1", port))
        yield port


def test_database_without_a_schema_is_refused(tmp_path: Path) -> None:
    """No migration happens that nobody asked for; the line says how to ask."""
    code, said = start("registry", "--data-dir", str(tmp_path), "--grpc", "127.0.0.1:0")
    assert code == ExitCode.SCHEMA_OUTDATED
    one_line(said, str(tmp_path), "there is no database", "sheetanchor registry --migrate")


def test_database_of_another_version_is_refused(tmp_path: Path) -> None:
    """The line names both versions."""
    database = sqlite3.connect(tmp_path / "registry.sqlite3")
    database.execute("CREATE TABLE alembic_version (version_num TEXT)")
    database.execute("INSERT INTO alembic_version VALUES ('0000')")
    database.commit()
    database.close()
    code, said = start("registry", "--data-dir", str(tmp_path), "--grpc", "127.0.0.1:0")
    assert code == ExitCode.SCHEMA_OUTDATED
    one_line(said, "has schema 0000", "needs 0")


@pytest.mark.parametrize(
    "arguments", [("registry", "--migrate", "--grpc"), ("dev", "--dns", "127.0.0.1:0", "--grpc")]
)
def test_grpc_address_in_use_is_named(
    tmp_path: Path, taken: int, arguments: tuple[str, ...]
) -> None:
    """Who is there is not told, but where."""
    where = f"127.0.0.1:{taken}"
    code, said = start(*arguments, where, "--data-dir", str(tmp_path))
    assert code == ExitCode.CANNOT_START
    one_line(said, f"gRPC cannot be served at {where}", f"--grpc (SHEETANCHOR_GRPC) is {where}")


@pytest.mark.parametrize("arguments", [("dns", "--dns"), ("dev", "--grpc", "127.0.0.1:0", "--dns")])
def test_dns_address_in_use_is_named(
    tmp_path: Path, taken: int, arguments: tuple[str, ...]
) -> None:
    """Over UDP and TCP alike."""
    code, said = start(*arguments, f"127.0.0.1:{taken}", "--data-dir", str(tmp_path))
    assert code == ExitCode.CANNOT_START
    where = f"--dns (SHEETANCHOR_DNS) is 127.0.0.1:{taken}"
    one_line(said, f"127.0.0.1 port {taken}", "ddress already in use", where)


@pytest.mark.parametrize("transport", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_one_transport_in_use_is_named(tmp_path: Path, transport: socket.SocketKind) -> None:
    """Somebody else serves something over TCP alone, or UDP."""
    with socket.socket(socket.AF_INET, transport) as other:
        other.bind(("127.0.0.1", 0))
        if transport is socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        code, said = start("dns", "--dns", f"127.0.0.1:{port}", "--data-dir", str(tmp_path))
    assert code == ExitCode.CANNOT_START
    over = "TCP" if transport is socket.SOCK_STREAM else "UDP"
    one_line(
        said,
        f"over {over} at 127.0.0.1 port {port}: ",
        f"--dns (SHEETANCHOR_DNS) is 127.0.0.1:{port}",
    )


@pytest.mark.parametrize("verb", ["registry", "dns", "dev"])
def test_status_address_in_use_is_named(tmp_path: Path, taken: int, verb: str) -> None:
    """The third address of each server."""
    own = {"registry": ["--grpc"], "dns": ["--dns"], "dev": ["--grpc", "--dns"]}[verb]
    listen = [word for option in own for word in (option, "127.0.0.1:0")]
    where = f"127.0.0.1:{taken}"
    code, said = start(verb, *listen, "--data-dir", str(tmp_path), http=where)
    assert code == ExitCode.CANNOT_START
    option = f"--http (SHEETANCHOR_HTTP) is {where}"
    one_line(said, "status page", where, "ddress already in use", option)


@pytest.mark.parametrize("verb", ["registry", "dns"])
def test_data_directory_that_cannot_be_made_is_named(tmp_path: Path, verb: str) -> None:
    """Here it lies below a file."""
    (tmp_path / "file").write_text("")
    listen = ("--grpc" if verb == "registry" else "--dns", "127.0.0.1:0")
    code, said = start(verb, *listen, "--data-dir", str(tmp_path / "file" / "data"))
    assert code == ExitCode.CANNOT_START
    data = tmp_path / "file" / "data"
    one_line(said, str(tmp_path / "file"), f"--data-dir (SHEETANCHOR_DATA_DIR) is {data}")


def test_a_file_that_cannot_be_read_is_named_with_its_option(tmp_path: Path) -> None:
    """Not the data directory, which is well."""
    absent = tmp_path / "no-such-file"
    words = ("registry", "--migrate", "--grpc", "127.0.0.1:0", "--probe-ca-file", str(absent))
    code, said = start(*words, "--data-dir", str(tmp_path / "data"))
    assert code == ExitCode.CANNOT_START
    option = f"--probe-ca-file (SHEETANCHOR_PROBE_CA_FILE) is {absent}"
    one_line(said, f"{absent}: No such file", option)


def test_what_was_not_started_by_dev_is_said_to_stop_once(tmp_path: Path, taken: int) -> None:
    """The registry cleans up after a start that failed; nobody stops it again."""
    (tmp_path / "file").write_text("")
    grpc = ("dev", "--grpc", "127.0.0.1:0")
    for arguments in (
        (*grpc, "--dns", "127.0.0.1:0", "--data-dir", str(tmp_path / "file" / "data")),
        (*grpc, "--dns", f"127.0.0.1:{taken}", "--data-dir", str(tmp_path / "data")),
    ):
        done = ended(*arguments)
        assert done.returncode == ExitCode.CANNOT_START
        assert done.stderr.count("the registry has stopped") == 1, done.stderr


@pytest.mark.parametrize("verb", ["registry", "dns"])
def test_data_directory_of_another_process_is_refused(tmp_path: Path, verb: str) -> None:
    """The first one is not disturbed, and ends in order when told to."""
    port, http = free_port(), free_port()
    listen = {"registry": ["--migrate", "--grpc"], "dns": ["--dns"]}[verb]
    first = ServerProcess(
        verb,
        [
            *("sheetanchor", verb, "--data-dir", str(tmp_path / "data")),
            *(*listen, f"127.0.0.1:{port}", "--http", f"127.0.0.1:{http}"),
        ],
        tmp_path / "log",
    )
    first.start()
    try:
        if verb == "registry":
            wait_for("ready", lambda: ready(http))
        else:  # it knows nothing, and is not ready; it has its directory before it listens
            wait_for("listening", lambda: listens(port))
        code, said = start(verb, "--data-dir", str(tmp_path / "data"), *listen, "127.0.0.1:0")
        assert code == ExitCode.IN_USE
        one_line(said, "another", str(tmp_path / "data"))
        assert first.alive
        assert first.stop() == 0, first.tail()
    finally:
        first.kill()


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    """As a container has them: no option at all."""
    http = free_port()
    environment = {
        "SHEETANCHOR_DATA_DIR": str(tmp_path / "data"),
        "SHEETANCHOR_GRPC": "127.0.0.1:0",
        "SHEETANCHOR_HTTP": f"127.0.0.1:{http}",
        "SHEETANCHOR_REGIONS": "east",
        "SHEETANCHOR_MIGRATE": "true",
    }
    server = ServerProcess(
        "registry", ["sheetanchor", "registry"], tmp_path / "log", environment=environment
    )
    server.start()
    try:
        wait_for("ready", lambda: ready(http))
        assert server.stop() == 0, server.tail()
    finally:
        server.kill()


def test_environment_is_not_needed_for_help() -> None:
    """Whoever made a mistake there can still read how it is done."""
    done = subprocess.run(
        [sys.executable, "-m", "sheetanchor", "registry", "--help"],
        env=os.environ | {"SHEETANCHOR_REGON": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "SHEETANCHOR_REGIONS" in done.stdout
