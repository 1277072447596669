"""What `pip install .` installs works by itself, outside the checkout, migrations included.

So does the demo, which keeps its promise there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from demo_run import Demo
from installation import ZONE, Server, addresses

from benchmarks.process import ROOT, ServerProcess, wait_for
from sheetanchor.cli.demo.port import free_port
from sheetanchor.client import Check, Registration

SOURCES = ("pyproject.toml", "README.md", "LICENSE")
PACKAGES = ("sheetanchor", "registry", "dns_frontend", "migrations")

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, installed into a directory of its own; what it depends on is here already."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run(
        [*command, str(target), str(source)],
        env=os.environ | {"CFLAGS": "-O0"},  # it must work, and may be slow
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def test_dev_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    """`sheetanchor dev` makes its schema, takes a registration, and answers for it."""
    grpc_port, dns_port, http_port = free_port(), free_port(), free_port()
    # beside the installed copy only the dependencies can be imported
    environment = {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    where = subprocess.run(
        [sys.executable, "-c", "import migrations, registry; print(registry.__file__)"],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(installed))
    arguments = ["sheetanchor", "dev", "--data-dir", str(tmp_path / "data"), "--regions", "east"]
    for option, port in (("--grpc", grpc_port), ("--dns", dns_port), ("--http", http_port)):
        arguments += [option, f"127.0.0.1:{port}"]
    process = ServerProcess(
        "dev",
        arguments,
        tmp_path / "dev.log",
        environment=environment,
        directory=tmp_path,
    )
    server = Server(process, dns_port, http_port, tmp_path / "data")
    try:
        server.start()
        with Registration(
            "hello",
            region="east",
            addresses="127.44.0.1",
            check=Check("none"),
            registries=f"127.0.0.1:{grpc_port}",
            drain_seconds=0,
        ).sync():
            wait_for("DNS", lambda: addresses(server, f"hello.default.svc.{ZONE}"))
        assert process.stop() == 0, process.tail()
    finally:
        process.kill()


def test_no_answer_of_the_demo_is_ever_empty(place: Path, installed: Path) -> None:
    """It ends by itself with 0, has measured everything, and leaves nothing behind.

    It finds all of its programs where it was installed.
    """
    demo = Demo(place, "--json", installed=installed)
    assert demo.exit_code() == 0, demo.said()
    report = json.loads(demo.output.read_text())
    assert report["ok"] is True
    assert report["why"] == []
    assert report["empty_or_negative"] == 0
    assert report["unanswered"] == 0
    assert report["queries"] > 100
    # how long they may take the demo judges itself
    assert report["kill_to_moved_seconds"] > 0
    assert report["restore_to_back_seconds"] > 0
    assert report["registry_away_seconds"] > 5
    events = [moment["event"] for moment in report["timeline"]]
    assert events == [
        "steady",
        "instances-killed",
        "moved",
        "registry-killed",
        "unmoved",
        "restored",
        "back",
        "end",
    ]
    times = [moment["at_seconds"] for moment in report["timeline"]]
    assert times == sorted(times)
    for client in report["clients"]:
        assert client["queries"] > 20
        assert all(answer["addresses"] for answer in client["answers"])
    demo.await_nothing_left()
